//! Slides 57 to 81: the checklist that the talk ticks off. The guide's chapter does the same, and
//! this row holds it to that: every item has its section, and every command in it is there and
//! shows what it is said to show.

use std::fs;
use std::path::Path;

use crate::came::{Came, Verdict};
use crate::row::{Expected, Outcome, Plan, Row};
use crate::table;

pub(crate) const ROWS: &[Row] = &[Row {
    slides: &[57..=81],
    what: "the checklist: a section and a command for each item",
    plan: Plan::Whole(check, Expected::Clean),
}];

/// The items of slide 57.
const ITEMS: [&str; 8] = [
    "Effortless memory management",
    "Awesome tooling",
    "Runtime speed",
    "Quick compilation",
    "Reproducible builds",
    "Static binaries",
    "go get",
    "Super-easy cross compiling",
];

/// The text that each section must have.
const PARTS: [&str; 3] = ["\n**Lost.** ", "\n**Got back.** ", "\n**Not got back.** "];

const CHAPTER: &str = "docs/src/what-you-lose.md";

fn check(came: &mut Came) -> Outcome {
    let chapter = match fs::read_to_string(root().join(CHAPTER)) {
        Ok(chapter) => chapter,
        Err(error) => return Outcome::Failed(format!("{CHAPTER}: {error}")),
    };
    let sections: Vec<(&str, &str)> = chapter.split("\n## ").skip(1).filter_map(|it| it.split_once('\n')).collect();
    let (mut shown, mut wrong) = (Vec::new(), Vec::new());
    if !sections.iter().map(|(heading, _)| *heading).eq(ITEMS) {
        wrong.push(format!("the headings of {CHAPTER} are not the items of slide 57, in its order"));
    }
    for (item, text) in sections {
        let missing = PARTS.iter().filter(|part| !text.contains(**part));
        wrong.extend(missing.map(|part| format!("{item}: no paragraph begins with {}", part.trim())));
        let commands = commands(text);
        if commands.is_empty() {
            wrong.push(format!("{item}: no command shows it"));
        }
        for command in commands {
            match look_at(command, came) {
                Ok(found) => shown.push(format!("{item}: {command}: {found}")),
                Err(why) => wrong.push(format!("{item}: {command}: {why}")),
            }
        }
    }
    if wrong.is_empty() {
        let count = shown.len();
        let shown = shown.join("\n");
        return Outcome::Clean(format!("{} items, {count} commands, each there and as said\n{shown}", ITEMS.len()));
    }
    Outcome::Failed(wrong.join("\n"))
}

/// The workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package of the workspace")
}

/// The lines of a section's shell blocks.
fn commands(section: &str) -> Vec<&str> {
    let blocks = section.split("\n```sh\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).collect()
}

/// Checks a command as far as possible without a shell: that a row came out as the table says, or
/// that a program, a test or a script exists.
fn look_at(command: &str, came: &mut Came) -> Result<String, String> {
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| word.contains('=')).collect();
    match words[..] {
        ["cargo", "run", "--example", "tour", "--", slide] => look_at_rows(slide, came),
        ["cargo", "run", "--example", name, ..] | ["cargo", "run", "--release", "--example", name, ..] => {
            exists(&[format!("tests/examples/{name}/main.rs")])
        }
        ["cargo", "test", "--workspace", "--test", name, ..] => {
            exists(&[format!("tests/tests/{name}.rs"), format!("tests/tests/{name}/main.rs")])
        }
        ["bash", script, ..] => exists(&[script.into()]),
        _ => Err("no command that this row can judge".into()),
    }
}

fn exists(paths: &[String]) -> Result<String, String> {
    match paths.iter().find(|path| root().join(path).is_file()) {
        Some(path) => Ok(format!("{path} is there")),
        None => Err(format!("there is no {}", paths.join(", and no "))),
    }
}

fn look_at_rows(slide: &str, came: &mut Came) -> Result<String, String> {
    let rows = table::rows_of(slide)?;
    let mut skipped = 0;
    for &(index, row) in &rows {
        if matches!(row.plan, Plan::Whole(..)) {
            return Err("this is the row of the checklist itself".into());
        }
        match came.of(index, row) {
            Verdict::AsExpected => {}
            Verdict::Skipped => skipped += 1,
            Verdict::Otherwise => return Err(format!("`{}` came out otherwise", row.what)),
        }
    }
    match skipped {
        0 => Ok(format!("{} of the tour's rows, as the table says", rows.len())),
        _ => Ok(format!("{} of the tour's rows, {skipped} of them skipped on this machine", rows.len())),
    }
}
