//! The committed figures: how they are written and read, and what a run says beside them.
//!
//! ```text
//! # rustc 1.95.0 (59807616e 2026-04-14), x86_64-unknown-linux-gnu
//! caller,path,level,instructions
//! optimised,call with no pointer,1,47.0
//! ```

use std::collections::BTreeMap;
use std::fmt;

/// How much dearer or cheaper a path may become before it is reported.
const TOLERANCE: f64 = 0.02;
const HEADER: &str = "caller,path,level,instructions";

/// The figures as the file has them.
pub(crate) fn write(tools: &[String], measured: &[(String, f64)]) -> String {
    let tools: String = tools.iter().map(|line| format!("# {line}\n")).collect();
    let figures: String = measured.iter().map(|(name, figure)| format!("{name},{figure:.1}\n")).collect();
    format!("{tools}{HEADER}\n{figures}")
}

/// The figures of a file, by caller, path and level.
pub(crate) fn read(text: &str) -> BTreeMap<&str, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#') && *line != HEADER)
        .map(|line| {
            let (name, figure) = line.rsplit_once(',').unwrap_or_else(|| panic!("not a figure: {line}"));
            (name, figure.parse().unwrap_or_else(|_| panic!("not a number: {line}")))
        })
        .collect()
}

/// The first tool that differs from the one the file was written with, as a sentence.
pub(crate) fn other_tools(text: &str, tools: &[String]) -> Option<String> {
    let mut written = text.lines().filter_map(|line| line.strip_prefix("# "));
    tools.iter().find_map(|here| {
        let there = written.next().unwrap_or("nothing");
        (here != there).then(|| format!("the figures are of {there}; here is {here}"))
    })
}

/// What a run says beside the committed figures.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    dearer: Vec<String>,
    cheaper: Vec<String>,
    /// Figures that only one of the two has.
    unmatched: Vec<String>,
    within: usize,
}

/// Compares a run with the committed figures.
pub(crate) fn compare(committed: &BTreeMap<&str, f64>, measured: &[(String, f64)]) -> Compared {
    let mut compared = Compared::default();
    let mut unmatched = committed.clone();
    for (name, now) in measured {
        let Some(then) = unmatched.remove(&**name) else {
            compared.unmatched.push(format!("not in figures.csv: {name}"));
            continue;
        };
        // Both as the file has them.
        let now = (now * 10.0).round() / 10.0;
        let change = now / then - 1.0;
        let row = || format!("{name}: {then:.1} -> {now:.1} instructions, {:+.1} %", change * 100.0);
        if change > TOLERANCE {
            compared.dearer.push(row());
        } else if change < -TOLERANCE {
            compared.cheaper.push(row());
        } else {
            compared.within += 1;
        }
    }
    compared.unmatched.extend(unmatched.keys().map(|name| format!("not measured: {name}")));
    compared
}

impl Compared {
    /// True if a path became dearer, or if the file does not fit what is measured.
    pub(crate) fn fails(&self) -> bool {
        !self.dearer.is_empty() || !self.unmatched.is_empty()
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, rows) in [("dearer", &self.dearer), ("cheaper", &self.cheaper), ("unmatched", &self.unmatched)] {
            for row in rows {
                writeln!(f, "{what}: {row}")?;
            }
        }
        if self.fails() || !self.cheaper.is_empty() {
            writeln!(f, "if that is as it should be: bash .ci/optional/hot_paths.sh --bless")?;
        }
        let of = self.within + self.dearer.len() + self.cheaper.len();
        let verdict = if self.fails() { "failed" } else { "ok" };
        writeln!(f, "{verdict}: {} of {of} hot paths within {} %", self.within, TOLERANCE * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(figures: &[(&str, f64)]) -> Vec<(String, f64)> {
        figures.iter().map(|&(name, figure)| (name.to_owned(), figure)).collect()
    }

    #[test]
    fn dearer_fails_and_cheaper_is_reported() {
        let tools = ["rustc 1".to_owned()];
        let text = write(&tools, &run(&[("a,b,0", 100.0), ("a,b,1", 100.0), ("a,b,2", 100.0)]));
        let committed = read(&text);
        let said = compare(&committed, &run(&[("a,b,0", 101.9), ("a,b,1", 98.1), ("a,b,2", 100.0)]));
        assert!(!said.fails() && said.cheaper.is_empty(), "{said}");
        let said = compare(&committed, &run(&[("a,b,0", 102.1), ("a,b,1", 97.8), ("a,b,2", 100.0)]));
        assert!(said.fails());
        assert!(said.to_string().starts_with("dearer: a,b,0: 100.0 -> 102.1 instructions, +2.1 %\ncheaper: a,b,1: "));
        let said = compare(&committed, &run(&[("a,b,0", 100.0), ("a,b,1", 10.0), ("a,b,2", 100.0)]));
        assert!(!said.fails() && said.to_string().contains("--bless"), "{said}");
    }

    #[test]
    fn a_figure_that_only_one_side_has_fails() {
        let text = write(&[], &run(&[("a,b,0", 100.0)]));
        assert!(compare(&read(&text), &[]).fails());
        assert!(compare(&BTreeMap::new(), &run(&[("a,b,0", 100.0)])).fails());
    }

    #[test]
    fn another_compiler_is_seen() {
        let [one, other] = ["rustc 1".to_owned(), "rustc 2".to_owned()];
        let text = write(std::slice::from_ref(&one), &[]);
        assert_eq!(other_tools(&text, &[one]), None);
        assert_eq!(other_tools(&text, &[other]).as_deref(), Some("the figures are of rustc 1; here is rustc 2"));
    }
}
