//! The tables, in Markdown.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::judge::Outcome;
use crate::measure::{Cell, Row, Time};
use crate::tool::Tool;

/// The headings of the first two columns: the page is read by them, too.
pub(crate) const RULE: &str = "rule";
/// The second.
pub(crate) const MISTAKE: &str = "the mistake";

fn line(cells: impl IntoIterator<Item = String>) -> String {
    format!("| {} |\n", cells.into_iter().collect::<Vec<_>>().join(" | "))
}

fn head(tools: &[Tool], first: &[&str]) -> String {
    let headings = first.iter().copied().chain(tools.iter().filter(|tool| tool.finds()).map(|tool| tool.heading));
    let headings: Vec<String> = headings.map(str::to_owned).collect();
    let rules = vec!["---".to_owned(); headings.len()];
    line(headings) + &line(rules)
}

/// The tools that have a column, with what they came to.
fn cells<'a>(tools: &'a [Tool], cells: &'a [Option<Cell>]) -> impl Iterator<Item = (&'a Tool, Option<&'a Cell>)> {
    tools.iter().zip(cells).filter(|(tool, _)| tool.finds()).map(|(tool, cell)| (tool, cell.as_ref()))
}

fn outcome(cell: Option<&Cell>, rule: &str) -> String {
    let Some(cell) = cell else { return "skipped".into() };
    let first = &cell.outcomes[0];
    if cell.outcomes.iter().any(|other| other != first) {
        return "now and then".into();
    }
    match first {
        // A rule's name, and another than expected: the names of the other tools' errors are not
        // ours.
        Outcome::Found(kind) if kind.contains('_') && kind != rule => format!("**found**, as `{kind}`"),
        Outcome::Found(_) => "**found**".into(),
        Outcome::Crashed(6) => "abort".into(),
        Outcome::Crashed(_) => "crash".into(),
        Outcome::Ended(status) => format!("exit {status}"),
        Outcome::Nothing => "-".into(),
    }
}

/// The table of what each tool finds.
pub(crate) fn found(tools: &[Tool], rows: &[Row]) -> String {
    let mut table = head(tools, &[RULE, MISTAKE]);
    for row in rows {
        let rule = match row.rule.as_str() {
            "-" => "none".to_owned(),
            rule => format!("[{rule}](rules/{rule}.md)"),
        };
        let outcomes = cells(tools, &row.wrong).map(|(_, cell)| outcome(cell, &row.rule));
        table += &line([rule, row.what.clone()].into_iter().chain(outcomes));
    }
    let sum = |of: fn(&Row) -> &Vec<Option<Cell>>| {
        let column = |at: usize| {
            let mut cells = rows.iter().map(|row| of(row)[at].as_ref()).peekable();
            cells.peek().is_some_and(Option::is_some).then(|| {
                let found = |cell: &Option<&Cell>| {
                    cell.is_some_and(|cell| cell.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Found(_))))
                };
                cells.filter(found).count()
            })
        };
        let columns = (0..tools.len()).filter(|&at| tools[at].finds()).map(column);
        columns.map(|sum| sum.map_or_else(|| "skipped".into(), |sum| sum.to_string())).collect::<Vec<_>>()
    };
    let all = format!("found, of {}", rows.len());
    table += &line([String::new(), all].into_iter().chain(sum(|row| &row.wrong)));
    let twins = format!("false alarms, on {} programs without the mistake", rows.len());
    table += &line([String::new(), twins].into_iter().chain(sum(|row| &row.right)));
    for tool in tools.iter().filter(|tool| tool.finds()) {
        if let Some(why) = &tool.skipped {
            let _ = write!(table, "\n{}: skipped: {why}.\n", tool.heading);
        }
    }
    table
}

fn milliseconds(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "-".into() };
    let time = cell.time().as_secs_f64() * 1_000.0;
    if time < 10.0 { format!("{time:.1}") } else { format!("{time:.0}") }
}

/// The times of the programs of the first table: with the mistake, and without.
pub(crate) fn times(tools: &[Tool], rows: &[Row], runs: usize) -> String {
    let mut table = format!("Milliseconds, with the mistake / without it; medians of {runs}.\n\n");
    table += &head(tools, &["program"]);
    for row in rows {
        let both = cells(tools, &row.wrong).zip(cells(tools, &row.right));
        let both = both.map(|((_, wrong), (_, right))| format!("{} / {}", milliseconds(wrong), milliseconds(right)));
        table += &line([format!("`{}`", row.name)].into_iter().chain(both));
    }
    table
}

/// The times of the heavier program.
pub(crate) fn sqlite(times: &[Time], runs: usize) -> String {
    let plain = times.iter().find(|(heading, _)| *heading == "plain").and_then(|(_, time)| time.as_ref().ok());
    let mut table = format!("Seconds; medians of {runs}, memcheck once.\n\n");
    table += &line(["tool", "seconds", "times plain"].map(str::to_owned));
    table += &line(["---"; 3].map(str::to_owned));
    for (heading, time) in times {
        let ratio = |time: &Duration| plain.map(|plain| time.as_secs_f64() / plain.as_secs_f64());
        table += &line(match time {
            Ok(time) => [
                (*heading).to_owned(),
                format!("{:.2}", time.as_secs_f64()),
                ratio(time).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
            ],
            Err(why) => [(*heading).to_owned(), format!("skipped: {why}"), "-".into()],
        });
    }
    table
}

/// The first line that a command prints.
fn first_line(command: &str, argument: &str) -> String {
    let output = Command::new(command).arg(argument).output().ok();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    said.lines().next().unwrap_or("not to be had").to_owned()
}

/// The versions, and the machine.
pub(crate) fn measured_with(tools: &[Tool]) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memcheck = tools.iter().any(|tool| tool.key == "memcheck" && tool.skipped.is_none());
    let valgrind = if memcheck { first_line("valgrind", "--version") } else { "no valgrind".into() };
    format!(
        "On {} with {}, {valgrind} and the runtime of AddressSanitizer that this rustc brings; release builds; {cores} cores of {}; {}.\n",
        first_line("cc", "--version"),
        first_line("rustc", "--version"),
        cpu.unwrap_or("an unknown processor").trim(),
        first_line("date", "+%Y-%m-%d"),
    )
}
