//! The statistics as a table, and what to do about them.

use std::fmt::{self, Display, Formatter};

use super::facts::{FunctionStats, Stats};
use crate::level::Level;

/// A column: its head, and what it says of a function.
struct Column {
    head: &'static str,
    cell: fn(&FunctionStats) -> String,
}

/// How many columns of each table are always there; the others where they have something to say.
const ALWAYS: usize = 6;

const COLUMNS: [Column; 10] = [
    Column { head: "calls", cell: |f| count(f.calls()) },
    Column { head: "in C", cell: |f| time(f.callee) },
    Column { head: "a call", cell: |f| time(f.each(f.callee)) },
    Column { head: "checks", cell: |f| time(f.checks) },
    Column { head: "crossing", cell: |f| time(f.crossing_total()) },
    Column { head: "share", cell: |f| format!("{:.0} %", f.crossing_share() * 100.0) },
    Column { head: "lent", cell: |f| bytes(f.bytes_lent()) },
    Column { head: "callbacks", cell: |f| count(f.callbacks()) },
    Column { head: "retained", cell: |f| count(f.retained()) },
    Column { head: "pinned", cell: |f| count(f.pinned()) },
];

impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(level) = self.level else {
            return f.write_str("ffi-guard: no statistics: GUARD_STATS=1 turns them on");
        };
        let functions = match self.functions.len() {
            1 => "1 function".to_owned(),
            n => format!("{n} functions"),
        };
        writeln!(f, "ffi-guard: statistics of the border: {functions}, level {level}")?;
        let (callbacks, calls): (Vec<_>, Vec<_>) = self.functions.iter().partition(|function| function.is_callback());
        table(f, "function", "in C", &calls)?;
        table(f, "called by C", "in Rust", &callbacks)?;
        if !self.functions.is_empty() {
            self.notes(f, level)?;
        }
        let chatty = self.functions.iter().filter(|function| function.is_chatty());
        chatty.into_iter().try_for_each(|function| self.advice(f, level, function))
    }
}

fn table(f: &mut Formatter<'_>, first: &str, callee: &str, functions: &[&FunctionStats]) -> fmt::Result {
    if functions.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = functions.iter().map(|function| name(function, functions)).collect();
    let indent = names.iter().map(String::len).chain([first.len()]).max().unwrap_or(0);
    write!(f, "\n  {first:<indent$}")?;
    let mut columns = Vec::new();
    for (at, Column { head, cell }) in COLUMNS.iter().enumerate() {
        let cells: Vec<String> = functions.iter().map(|function| cell(function)).collect();
        if at >= ALWAYS && cells.iter().all(|cell| cell == "0") {
            continue;
        }
        let head = if *head == "in C" { callee } else { head };
        let width = cells.iter().map(String::len).chain([head.len()]).max().unwrap_or(0);
        write!(f, "  {head:>width$}")?;
        columns.push((width, cells));
    }
    writeln!(f)?;
    for (row, name) in names.iter().enumerate() {
        write!(f, "  {name:<indent$}")?;
        for (width, cells) in &columns {
            write!(f, "  {:>width$}", cells.get(row).map_or("", String::as_str))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// The function's name; with its module where another one has the same.
fn name(function: &FunctionStats, all: &[&FunctionStats]) -> String {
    match all.iter().filter(|other| other.name() == function.name()).count() {
        1 => function.name().to_owned(),
        _ => format!("{}::{}", function.module(), function.name()),
    }
}

impl Stats {
    fn notes(&self, f: &mut Formatter<'_>, level: Level) -> fmt::Result {
        let clock = if cfg!(target_arch = "x86_64") { "the processor's time stamp counter" } else { "the system's clock" };
        writeln!(
            f,
            "\nnote: time on the wall by {clock}, less the {} that reading it takes;",
            time(self.clock)
        )?;
        writeln!(f, "      in C: without callbacks, and without guarded calls that these make")?;
        writeln!(
            f,
            "note: crossing: the checks, and {} for the call itself, as measured here;\n      share: its part of the time of all calls",
            time(self.call)
        )?;
        if level == Level::Off {
            writeln!(f, "note: nothing is checked at level 0, and whose memory is lent is not known")?;
        }
        for function in self.functions.iter().filter(|function| function.unfinished() > 0) {
            let (name, calls) = (function.name(), count(function.unfinished()));
            writeln!(f, "note: `{name}`: {calls} of its calls did not come back, and their time is not in the table")?;
        }
        Ok(())
    }

    /// Slides 63 and 64.
    fn advice(&self, f: &mut Formatter<'_>, level: Level, function: &FunctionStats) -> fmt::Result {
        let (name, calls) = (function.name(), count(function.calls()));
        let (in_c, crossing) = (time(function.each(function.callee)), time(function.each(function.crossing_total())));
        writeln!(
            f,
            "help: `{name}` was called {calls} times and ran for {in_c} in C each time; crossing took {crossing},\n      \
             {:.0} % of it all. Move the loop around it into C, as one function that is called once,\n      \
             or let one call do the work of many: lend an array (`counted_by`)",
            function.crossing_share() * 100.0
        )?;
        if level != Level::Off && self.call * 2.0 < function.each(function.crossing_total()) {
            writeln!(f, "      (all but {} of the crossing is checks: GUARD=0 has none)", time(self.call))?;
        }
        Ok(())
    }
}

/// Thousands apart.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and a unit.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let unit = units.iter().rev().find(|(size, _)| value >= *size * 0.9995).or(units.first());
    let (size, unit) = unit.copied().unwrap_or((1.0, ""));
    let value = value / size;
    let decimals = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.decimals$} {unit}")
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds.max(0.0) {
        0.0..0.005 => "0".to_owned(),
        some => scaled(some, &[(1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")]),
    }
}

#[allow(clippy::cast_precision_loss)]
fn bytes(n: u64) -> String {
    const KIB: f64 = 1024.0;
    match n {
        0 => "0".to_owned(),
        1..1024 => format!("{n} B"),
        _ => scaled(n as f64, &[(KIB, "KiB"), (KIB * KIB, "MiB"), (KIB * KIB * KIB, "GiB"), (KIB.powi(4), "TiB")]),
    }
}
