//! `cargo ffi-guard audit`: the border of each crate of a program, as a table and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::cli::Audit;
use crate::coverage::{Called, Item, Kind, Record};

/// One package.
#[derive(Debug, Serialize)]
struct Row<'a> {
    package: &'a str,
    version: &'a str,
    /// Foreign functions that it declares.
    functions: usize,
    /// Those of them that are handed an address, as far as the words of their types show it.
    with_pointers: usize,
    variadic: usize,
    guarded: usize,
    /// Those whose contract is known.
    with_contracts: usize,
    /// Those that the last run called; `None` if there was none.
    called: Option<usize>,
    /// Symbols that it defines for C.
    exports: usize,
    /// Why it is compiled as it is, if it is.
    bare: Option<&'a str>,
    declares: Vec<&'a Item>,
    /// The functions whose contract is known.
    contracts: Vec<&'a str>,
    defines: Vec<&'a str>,
}

impl Row<'_> {
    fn of<'a>(record: &'a Record, called: Option<&Called>) -> Row<'a> {
        let of_kind = |kinds: &[Kind]| record.items.iter().filter(|item| kinds.contains(&item.kind)).count();
        Row {
            package: &record.package,
            version: &record.version,
            functions: record.declared(),
            with_pointers: record.items.iter().filter(|item| item.pointer).count(),
            variadic: of_kind(&[Kind::Variadic, Kind::Entry]),
            with_contracts: of_kind(&[Kind::Contract]),
            guarded: record.guarded(),
            called: called.map(|called| called.of(record)),
            exports: record.exports.len(),
            bare: record.bare.as_deref(),
            declares: record.items.iter().filter(|item| !item.kind.is_about_contracts()).collect(),
            contracts: names_of(record, Kind::Contract),
            defines: record.exports.iter().map(String::as_str).collect(),
        }
    }

    fn cells(&self) -> [String; 9] {
        let called = self.called.map_or_else(|| "-".into(), |called| called.to_string());
        [
            format!("{} {}", self.package, self.version),
            self.functions.to_string(),
            self.with_pointers.to_string(),
            self.variadic.to_string(),
            self.guarded.to_string(),
            self.with_contracts.to_string(),
            called,
            self.exports.to_string(),
            self.bare.map(|why| format!("compiled as it is: {why}")).unwrap_or_default(),
        ]
    }
}

/// The names of a record's items of one kind.
fn names_of(record: &Record, kind: Kind) -> Vec<&str> {
    record.items.iter().filter(|item| item.kind == kind).map(|item| item.name.as_str()).collect()
}

const HEADS: [&str; 9] =
    ["crate", "functions", "with pointers", "variadic", "guarded", "contracts", "called", "exports", ""];

/// Writes what the options ask for.
///
/// # Errors
///
/// A file that cannot be written.
pub(crate) fn write(audit: &Audit, records: &[Record], called: Option<&Called>) -> Result<(), String> {
    let rows: Vec<Row<'_>> = records.iter().map(|record| Row::of(record, called)).collect();
    let json = || serde_json::to_string_pretty(&rows).map_err(|error| error.to_string());
    match &audit.json {
        Some(path) if path == Path::new("-") => println!("{}", json()?),
        Some(path) => {
            std::fs::write(path, json()? + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
            print!("{}", table(&rows));
        }
        None => print!("{}", table(&rows)),
    }
    if called.is_none() {
        eprintln!(
            "note: which functions are called is known after `cargo ffi-guard test` or `run` with the same options"
        );
    }
    Ok(())
}

/// The rows under their heads, and the sums.
fn table(rows: &[Row<'_>]) -> String {
    let sum = |number: fn(&Row<'_>) -> usize| rows.iter().map(number).sum::<usize>();
    let all = Row {
        package: "all",
        version: "",
        functions: sum(|row| row.functions),
        with_pointers: sum(|row| row.with_pointers),
        variadic: sum(|row| row.variadic),
        guarded: sum(|row| row.guarded),
        with_contracts: sum(|row| row.with_contracts),
        called: rows.iter().map(|row| row.called).sum(),
        exports: sum(|row| row.exports),
        bare: None,
        declares: Vec::new(),
        contracts: Vec::new(),
        defines: Vec::new(),
    };
    let mut lines = vec![HEADS.map(String::from)];
    lines.extend(rows.iter().map(Row::cells));
    lines.push(all.cells());
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for [name, numbers @ .., note] in &lines {
        let mut line = format!("{name:<width$}", width = widths[0]);
        for (number, width) in numbers.iter().zip(&widths[1..]) {
            let _ = write!(line, "  {number:>width$}");
        }
        text += format!("{line}  {note}").trim_end();
        text.push('\n');
    }
    text
}
