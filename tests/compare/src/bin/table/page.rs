//! The page of the guide: the tables are written between its marks, or compared with it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tables::MISTAKE;
use crate::tool::Tool;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/comparison.md")
}

fn read() -> Result<String, String> {
    fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))
}

const END: &str = "<!-- end -->";

/// Puts `text` into the page, between `<!-- measured: part -->` and the end.
pub(crate) fn write(part: &str, text: &str) -> Result<(), String> {
    let page = read()?;
    let start = format!("<!-- measured: {part} -->\n");
    let missing = || format!("docs/src/comparison.md has no {}", start.trim());
    let (before, rest) = page.split_once(&start).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    fs::write(path(), format!("{before}{start}{text}{END}{after}")).map_err(|error| error.to_string())
}

/// The rows of a table, as their cells.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect()).collect()
}

/// True if the page says the same of these tools and programs; prints what differs.
pub(crate) fn check(measured: &str, tools: &[Tool]) -> Result<(), String> {
    let page = read()?;
    let documented = page.split_once("<!-- measured: found -->\n").and_then(|(_, rest)| rest.split_once(END));
    let documented = cells(documented.ok_or("docs/src/comparison.md has no table of who finds what")?.0);
    let measured = cells(measured);
    let [heads, rows @ ..] = &measured[..] else { return Err("nothing was measured".into()) };
    let column = |heading: &str| documented.first().and_then(|heads| heads.iter().position(|head| *head == heading));
    let row = |what: &str| documented.iter().find(|row| row.get(1) == Some(&what));
    let (mut compared, mut different) = (0, Vec::new());
    for tool in tools.iter().filter(|tool| tool.finds()) {
        if let Some(why) = &tool.skipped {
            println!("{}: skipped: {why}", tool.heading);
            continue;
        }
        let at = heads.iter().position(|head| *head == tool.heading).ok_or("a tool without a column")?;
        let there = column(tool.heading).ok_or_else(|| format!("the page has no column {}", tool.heading))?;
        for measured in rows.iter().filter(|row| row.len() == heads.len() && !row[0].is_empty() && row[0] != "---") {
            let what = measured[1];
            let documented = row(what).map_or("no such row", |row| row.get(there).copied().unwrap_or_default());
            compared += 1;
            // What only a debug build finds, which has debug information, stands after the rest.
            if !documented.split("; debug build: ").any(|part| part == measured[at]) {
                different.push(format!("{}: {what}: {}, and the page says {documented}", tool.heading, measured[at]));
            }
        }
        // The sum of false alarms: none may come up, whatever the page says.
        let alarms = rows.iter().find(|row| row.get(1).is_some_and(|what| what.starts_with("false alarms")));
        if alarms.is_none_or(|row| row[at] != "0") {
            different.push(format!("{}: false alarms: {}", tool.heading, alarms.map_or("?", |row| row[at])));
        }
    }
    println!("{compared} cells compared with docs/src/comparison.md under {MISTAKE:?}: {} differ", different.len());
    if different.is_empty() { Ok(()) } else { Err(different.join("\n")) }
}
