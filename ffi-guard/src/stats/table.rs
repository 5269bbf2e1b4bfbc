//! The statistics as a table, and what to do about them.

use std::fmt::{self, Display, Formatter, Write as _};

use super::facts::{FunctionStats, Stats};
use crate::level::Level;

/// A column: its head, and its entry for a function.
struct Column {
    head: &'static str,
    cell: fn(&FunctionStats) -> String,
}

/// The number of columns of each table that are always there; each of the others is there if it has
/// something to say.
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
        let mut text = format!("ffi-guard: statistics of the border: {functions}, level {level}\n");
        self.write(&mut text, level)?;
        f.write_str(text.trim_end())
    }
}

impl Stats {
    fn write(&self, f: &mut String, level: Level) -> fmt::Result {
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

fn table(f: &mut String, first: &str, callee: &str, functions: &[&FunctionStats]) -> fmt::Result {
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

/// The function's name; with its module if another function has the same name.
fn name(function: &FunctionStats, all: &[&FunctionStats]) -> String {
    match all.iter().filter(|other| other.name() == function.name()).count() {
        1 => function.name().to_owned(),
        _ => format!("{}::{}", function.module(), function.name()),
    }
}

impl Stats {
    fn notes(&self, f: &mut String, level: Level) -> fmt::Result {
        let clock = crate::platform::clock::NAME;
        writeln!(f, "\nnote: time on the wall by {clock}, less the {} that reading it takes;", time(self.clock))?;
        writeln!(f, "      in C: without callbacks, and without guarded calls that these make")?;
        writeln!(
            f,
            "note: crossing: the checks, and {} for the call itself, as measured here;\n      share: its part of the time of all calls",
            time(self.call)
        )?;
        if cfg!(debug_assertions) {
            writeln!(
                f,
                "note: a debug build: the wrappers' code is not optimised, and what of it is around C counts as C"
            )?;
        }
        if level == Level::Off {
            writeln!(f, "note: nothing is checked at level 0, and whose memory is lent is not known")?;
        }
        for function in self.functions.iter().filter(|function| function.unfinished() > 0) {
            let (name, calls) = (function.name(), count(function.unfinished()));
            writeln!(f, "note: `{name}`: {calls} of its calls did not come back, and their time is not in the table")?;
        }
        Ok(())
    }

    /// Prints the advice of slides 63 and 64.
    fn advice(&self, f: &mut String, level: Level, function: &FunctionStats) -> fmt::Result {
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

/// Prints a number with its thousands apart.
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

/// Prints three digits and a unit.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::declaration::Declaration;

    const fn declared(name: &'static str, callback: bool) -> Declaration {
        Declaration { module: "app::sys", file: "src/sys.rs", line: 1, callback, ..Declaration::internal(name) }
    }
    static SLOW: Declaration = declared("slow_func", false);
    static POW: Declaration = declared("pow", false);
    static STEP: Declaration = declared("step", true);

    /// A function with made-up figures, in nanoseconds.
    fn function(declaration: &'static Declaration, calls: u64, callee: f64, checks: f64) -> FunctionStats {
        let (bytes, callbacks, retained, pinned, call) = (0, 0, 0, 0, 1.5);
        FunctionStats { declaration, calls, ended: calls, callee, checks, bytes, callbacks, retained, pinned, call }
    }

    fn stats(level: Level, functions: Vec<FunctionStats>) -> Stats {
        Stats { level: Some(level), functions, call: 1.5, clock: 10.0 }
    }

    #[test]
    fn the_table_in_full() {
        let mut slow = function(&SLOW, 2, 1.25e9, 3000.0);
        (slow.ended, slow.bytes, slow.callbacks) = (1, 3 << 20, 7);
        let pow = function(&POW, 12_345_678, 100e6, 150e6);
        let text = stats(Level::Full, vec![slow, pow, function(&STEP, 7, 700.0, -3.0)]).to_string();
        let expected = "\
ffi-guard: statistics of the border: 3 functions, level 2 (full)

  function        calls    in C   a call   checks  crossing  share      lent  callbacks
  slow_func           2  1.25 s   625 ms  3.00 us   3.00 us    0 %  3.00 MiB          7
  pow        12,345,678  100 ms  8.10 ns   150 ms    169 ms   63 %         0          0

  called by C  calls  in Rust  a call  checks  crossing  share
  step             7   700 ns  100 ns       0   10.5 ns    1 %

note: time on the wall by the processor's time stamp counter, less the 10.0 ns that reading it takes;
      in C: without callbacks, and without guarded calls that these make
note: crossing: the checks, and 1.50 ns for the call itself, as measured here;
      share: its part of the time of all calls
DEBUGnote: `slow_func`: 1 of its calls did not come back, and their time is not in the table
help: `pow` was called 12,345,678 times and ran for 8.10 ns in C each time; crossing took 13.7 ns,
      63 % of it all. Move the loop around it into C, as one function that is called once,
      or let one call do the work of many: lend an array (`counted_by`)
      (all but 1.50 ns of the crossing is checks: GUARD=0 has none)";
        let debug = match cfg!(debug_assertions) {
            true => {
                "note: a debug build: the wrappers' code is not optimised, and what of it is around C counts as C\n"
            }
            false => "",
        };
        let expected = expected.replace("DEBUG", debug);
        assert_eq!(text.replace("the system's clock", "the processor's time stamp counter"), expected);
    }

    #[test]
    fn advice_is_for_what_is_called_often_and_is_over_sooner_than_it_crosses() {
        let chatty = |calls: u32, callee: f64, checks: f64| {
            let each = |ns: f64| ns * f64::from(calls);
            function(&POW, u64::from(calls), each(callee), each(checks)).is_chatty()
        };
        assert!(chatty(100_000, 8.0, 8.0), "half and half");
        assert!(!chatty(99_999, 8.0, 8.0), "not often");
        assert!(!chatty(10_000_000, 800.0, 8.0), "C has enough to do");
        assert!(chatty(10_000_000, 3.0, 0.0) && !chatty(10_000_000, 8.0, 0.0), "nothing is checked: the call alone");
        assert!(!function(&STEP, 1_000_000, 1.0, 1e9).is_chatty(), "C calls it");
        let text = stats(Level::Off, vec![function(&POW, 100_000, 1e5, 0.0)]).to_string();
        assert!(text.contains("help: `pow`") && !text.contains("GUARD=0"), "{text}");
    }

    #[test]
    fn units_and_thousands() {
        for (value, text) in [(0.0, "0"), (-5.0, "0"), (0.0123, "0.01 ns"), (999.94, "1.00 us"), (59.96e9, "60.0 s")] {
            assert_eq!(time(value), text);
        }
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1023, 1024, 5 << 40].map(bytes), ["0", "1023 B", "1.00 KiB", "5.00 TiB"]);
    }
}
