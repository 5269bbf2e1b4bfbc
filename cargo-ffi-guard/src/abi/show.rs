//! The table, the reports and the JSON of `cargo ffi-guard abi`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::list::{Answer, List, Outcome};
use crate::cli::Abi;

/// Counts the formats of the JSON, as that of the reports does.
const FORMAT: usize = 1;

/// The sums of one crate.
#[derive(Debug, Default, Serialize)]
struct Row<'a> {
    #[serde(rename = "crate")]
    krate: &'a str,
    /// Foreign functions under the guard, and exports that a header declares.
    functions: usize,
    compared: usize,
    /// How many were not, by the reason in words and the file that it is about.
    not_compared: Vec<Group<'a>>,
    mismatches: usize,
    /// Integers that are signed on one side only.
    other_sign: usize,
}

/// Functions that were not compared for one reason.
#[derive(Debug, Serialize)]
struct Group<'a> {
    reason: &'a str,
    why: &'a str,
    library: Option<&'a str>,
    functions: usize,
}

/// The object that `--json` writes.
#[derive(Serialize)]
struct Whole<'a> {
    version: usize,
    crates: &'a [Row<'a>],
    functions: Vec<&'a Answer>,
}

/// Shows all that the options ask for. True if a declaration differs.
///
/// # Errors
///
/// A file that cannot be written.
pub(super) fn all(abi: &Abi, list: &List, contracts: Option<&str>) -> Result<bool, String> {
    let rows = rows(list);
    let whole = || {
        let whole = Whole { version: FORMAT, crates: &rows, functions: list.functions().collect() };
        serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())
    };
    let text = || table(&rows) + &reports(list) + &ways_out(&rows) + &exports(list);
    let mut is_shown = true;
    for (path, content) in [(&abi.json, whole()? + "\n"), (&abi.attributes, contracts.unwrap_or_default().to_owned())] {
        match path {
            Some(path) if path == Path::new("-") => {
                print!("{content}");
                is_shown = false;
            }
            Some(path) => std::fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))?,
            None => {}
        }
    }
    if is_shown {
        print!("{}", text());
    }
    if let Some(folder) = &abi.options.report {
        let path = folder.join("ffi-guard.jsonl");
        let lines: String = mismatches(list).map(|(_, report)| format!("{report}\n")).collect();
        let written = std::fs::create_dir_all(folder).and_then(|()| {
            use std::io::Write as _;
            std::fs::File::options().create(true).append(true).open(&path)?.write_all(lines.as_bytes())
        });
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(mismatches(list).next().is_some())
}

/// The declarations that differ, with the objects of their reports.
fn mismatches(list: &List) -> impl Iterator<Item = (&Answer, &Value)> {
    list.functions().filter_map(|answer| match &answer.result {
        Outcome::Differs { report } => Some((answer, report)),
        _ => None,
    })
}

fn rows(list: &List) -> Vec<Row<'_>> {
    let told = list.functions().filter(|answer| !is_left_out(answer));
    let crates: BTreeSet<&str> = told.map(|answer| answer.krate.as_str()).collect();
    crates.into_iter().map(|krate| row(krate, list)).collect()
}

fn row<'a>(krate: &'a str, list: &'a List) -> Row<'a> {
    let mut row = Row { krate, ..Row::default() };
    let mut groups: BTreeMap<(&str, Option<&str>), Group<'_>> = BTreeMap::new();
    let is_of = |answer: &&Answer| answer.krate == krate && !is_left_out(answer);
    for answer in list.functions().filter(is_of) {
        row.functions += 1;
        row.compared += usize::from(answer.result.is_compared());
        match &answer.result {
            Outcome::Same { other_sign } => row.other_sign += other_sign,
            Outcome::Differs { .. } => row.mismatches += 1,
            Outcome::Allowed => {}
            Outcome::NotCompared { reason, why } => {
                let library = answer.library.as_deref();
                let group = Group { reason, why, library, functions: 0 };
                groups.entry((reason, library)).or_insert(group).functions += 1;
            }
        }
    }
    row.not_compared = groups.into_values().collect();
    row.not_compared.sort_by_key(|group| std::cmp::Reverse(group.functions));
    row
}

const HEADS: [&str; 5] = ["crate", "functions", "compared", "differ", ""];

/// The rows under their heads, and the sums.
fn table(rows: &[Row<'_>]) -> String {
    let mut lines: Vec<[String; 5]> = vec![HEADS.map(String::from)];
    for row in rows {
        let numbers = [row.functions, row.compared, row.mismatches].map(|number| number.to_string());
        let [functions, compared, differ] = numbers;
        let mut reasons = row.not_compared.iter().map(Group::text);
        lines.push([row.krate.to_owned(), functions, compared, differ, reasons.next().unwrap_or_default()]);
        lines.extend(reasons.map(|reason| [String::new(), String::new(), String::new(), String::new(), reason]));
    }
    let sum = |number: fn(&Row<'_>) -> usize| rows.iter().map(number).sum::<usize>().to_string();
    let [functions, compared, differ] = [sum(|row| row.functions), sum(|row| row.compared), sum(|row| row.mismatches)];
    lines.push(["all".to_owned(), functions, compared, differ, String::new()]);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let [first, second, third, fourth] = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for [name, functions, compared, differ, why] in &lines {
        let line = format!("{name:<first$}  {functions:>second$}  {compared:>third$}  {differ:>fourth$}  {why}");
        text += line.trim_end();
        text.push('\n');
    }
    text
}

impl Group<'_> {
    fn text(&self) -> String {
        let of = self.library.map(|library| format!(" ({library})")).unwrap_or_default();
        format!("{} not compared: {}{of}", self.functions, self.why)
    }
}

/// Each mismatch, with both declarations.
fn reports(list: &List) -> String {
    let mut text = String::new();
    for (answer, report) in mismatches(list) {
        let of = |key: &str| report["finding"][key].as_str().unwrap_or_default();
        let _ = writeln!(text, "\nffi-guard[abi_mismatch]: {}", report["message"].as_str().unwrap_or_default());
        let _ = writeln!(text, "  declared: {}:{} in {}", answer.file, answer.line, answer.krate);
        let _ = writeln!(text, "   in Rust: {}", of("in_rust"));
        let _ = writeln!(text, "      in C: {}", of("in_c"));
        if let (Some(file), Some(line)) = (report["finding"]["c_file"].as_str(), report["finding"]["c_line"].as_u64()) {
            let _ = writeln!(text, "            at {file}:{line}");
        }
        for (word, key) in [("note", "notes"), ("help", "help")] {
            for line in report[key].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let _ = writeln!(text, "  {word}: {line}");
            }
        }
    }
    text
}

/// True for a function that Rust exports and no header declares: nothing says that C calls it so.
fn is_left_out(answer: &Answer) -> bool {
    answer.export && !answer.result.is_compared()
}

/// Names that are told at most.
const NAMES: usize = 5;

/// What is said of exports that were not compared.
fn exports(list: &List) -> String {
    let mut names: Vec<&str> = list.functions().filter(|it| is_left_out(it)).map(|it| it.name.as_str()).collect();
    let count = names.len();
    names.truncate(NAMES);
    let more = if count > NAMES { ", .." } else { "" };
    let functions = if count == 1 { "1 function".to_owned() } else { format!("{count} functions") };
    match count {
        0 => String::new(),
        _ => format!(
            "\nnote: {functions} that Rust exports: no header that is given (--header) declares {}{more}\n",
            names.join(", ")
        ),
    }
}

/// What the user can do for what was not compared.
fn ways_out(rows: &[Row<'_>]) -> String {
    let mut without: BTreeMap<&str, usize> = BTreeMap::new();
    for group in rows.iter().flat_map(|row| &row.not_compared).filter(|group| group.reason == "no_debug_info") {
        *without.entry(group.library.unwrap_or("a library")).or_default() += group.functions;
    }
    let mut text = String::new();
    for (library, functions) in without {
        let functions = if functions == 1 { "1 function".to_owned() } else { format!("{functions} functions") };
        let _ = write!(text, "\nnote: no debug information: {functions} of {library} not compared; ");
        text += "install what your system has of it (on Debian its -dbgsym package), or give --header\n";
    }
    text
}
