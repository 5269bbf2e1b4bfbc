//! Runs everything, and keeps the verdicts and the times.

use std::time::{Duration, Instant};

use crate::judge::Outcome;
use crate::options::Options;
use crate::tool::Tool;

/// One program under all tools; in the tools' order, none where a tool does not run.
pub(crate) struct Row {
    /// The name on the command line.
    pub(crate) name: String,
    /// Its rule; `-` for none.
    pub(crate) rule: String,
    /// The mistake in words.
    pub(crate) what: String,
    /// With the mistake.
    pub(crate) wrong: Vec<Option<Cell>>,
    /// Without it.
    pub(crate) right: Vec<Option<Cell>>,
}

/// One program under one tool.
pub(crate) struct Cell {
    /// Of each run.
    pub(crate) outcomes: Vec<Outcome>,
    times: Vec<Duration>,
}

impl Cell {
    /// The one in the middle.
    pub(crate) fn time(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times[times.len() / 2]
    }
}

/// All programs that are asked for.
pub(crate) fn rows(options: &Options, tools: &[Tool]) -> Result<Vec<Row>, String> {
    let runs = tools.iter().find(|tool| tool.skipped.is_none()).ok_or("no tool is here")?;
    let list = runs.run(&options.programs, &["--list"])?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let mut rows = Vec::new();
    for line in list.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let &[name, rule, what] = &parts[..] else { return Err(format!("--list printed {line:?}")) };
        if Options::wants(options.rows.as_ref(), name) {
            let (wrong, right) = (all(options, tools, name, "wrong")?, all(options, tools, name, "right")?);
            rows.push(Row { name: name.into(), rule: rule.into(), what: what.into(), wrong, right });
        }
    }
    if rows.is_empty() { Err("no program is named so; compare --list names them".into()) } else { Ok(rows) }
}

/// A program whose mistake is another may leak as well, because it ends there: a tool that says so
/// has not found the mistake.
fn of_this_mistake(outcome: Outcome, name: &str) -> Outcome {
    match outcome {
        Outcome::Found(kind) if matches!(kind.as_str(), "leak" | "definitely lost") && !name.contains("leak") => {
            Outcome::Nothing
        }
        other => other,
    }
}

/// One program under all tools, in turn, so that what else the machine does meets all of them.
fn all(options: &Options, tools: &[Tool], name: &str, twin: &str) -> Result<Vec<Option<Cell>>, String> {
    let runs = |tool: &Tool| tool.finds() && tool.skipped.is_none();
    let mut cells: Vec<_> =
        tools.iter().map(|tool| runs(tool).then(|| Cell { outcomes: Vec::new(), times: Vec::new() })).collect();
    for _ in 0..options.runs {
        for (tool, cell) in tools.iter().zip(&mut cells) {
            let Some(cell) = cell else { continue };
            let start = Instant::now();
            let output = tool.run(&options.programs, &[name, twin])?;
            cell.times.push(start.elapsed());
            cell.outcomes.push(of_this_mistake(tool.judge.of(&output)?, name));
        }
    }
    Ok(cells)
}

/// A tool's heading and a time, or why there is none.
pub(crate) type Time = (&'static str, Result<Duration, String>);

/// The heavier program: each tool's heading and the time, or why there is none.
pub(crate) fn sqlite(options: &Options, tools: &[Tool]) -> Result<Vec<Time>, String> {
    let mut times = vec![Vec::new(); tools.len()];
    for round in 0..options.runs {
        for (tool, times) in tools.iter().zip(&mut times).filter(|(tool, _)| tool.skipped.is_none()) {
            // It takes a minute, and differs little.
            if round > 0 && tool.key == "memcheck" {
                continue;
            }
            let start = Instant::now();
            let output = tool.run(&options.programs, &["sqlite"])?;
            times.push(start.elapsed());
            let outcome = tool.judge.of(&output)?;
            if outcome != Outcome::Nothing {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("SQLite under {}: {outcome:?}\n{said}", tool.heading));
            }
        }
    }
    let time = |(tool, mut times): (&Tool, Vec<Duration>)| {
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied();
        (tool.heading, middle.ok_or_else(|| tool.skipped.clone().unwrap_or_default()))
    };
    Ok(tools.iter().zip(times).map(time).collect())
}
