//! A row of the table: a program and its expected result.

use std::fmt;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ffi_guard::Rule;

use crate::came::{Came, Verdict};
use crate::process;

/// A program of the talk. It returns its output: a line, and further lines below it.
pub(crate) type Program = fn() -> String;

/// One row.
pub(crate) struct Row {
    /// The slides of the talk that have it.
    pub(crate) slides: &'static [RangeInclusive<u8>],
    /// A few words on what the program does.
    pub(crate) what: &'static str,
    /// The place where it runs and the expected result.
    pub(crate) plan: Plan,
}

/// The place where a row runs and the expected result.
pub(crate) enum Plan {
    /// In this process, at level 2.
    Here(Program, Expected),
    /// In a process of its own with this value of `GUARD`.
    At(&'static str, Program, Expected),
    /// A program that cargo builds first, some other way than this one was built.
    Built(fn() -> Outcome, Expected),
    /// In a process of its own with `GUARD_STATS=1`.
    Counted(&'static str, Program, Expected),
    /// A look at the results of other rows.
    Whole(fn(&mut Came) -> Outcome, Expected),
}

/// The expected result of a program.
pub(crate) enum Expected {
    /// No violation.
    Clean,
    /// A violation of this rule, and these words in the report.
    Violates(Rule, &'static str),
}

/// The result of a program.
pub(crate) enum Outcome {
    /// It ran to its end and said this.
    Clean(String),
    /// The guard stopped it: the rule's name and the report.
    Violation(String, String),
    /// It failed otherwise.
    Failed(String),
    /// It was not run: the machine lacks something that it needs.
    Skipped(String),
}

impl Row {
    /// Runs the program. `index` is the row's own, in the table; `came` has what came of others.
    pub(crate) fn run(&self, index: usize, came: &mut Came) -> Outcome {
        match self.plan {
            Plan::Here(program, _) => here(program),
            Plan::At(guard, _, _) => process::run_at(&[("GUARD", guard)], index),
            Plan::Built(build, _) => build(),
            Plan::Counted(guard, _, _) => process::run_at(&[("GUARD", guard), ("GUARD_STATS", "1")], index),
            Plan::Whole(look, _) => look(came),
        }
    }

    /// True if it came out as the table says.
    pub(crate) fn is_as_expected(&self, outcome: &Outcome) -> bool {
        let expected = match &self.plan {
            Plan::Here(_, expected)
            | Plan::At(_, _, expected)
            | Plan::Counted(_, _, expected)
            | Plan::Built(_, expected)
            | Plan::Whole(_, expected) => expected,
        };
        match (expected, outcome) {
            (Expected::Clean, Outcome::Clean(_)) => true,
            (Expected::Violates(rule, says), Outcome::Violation(name, report)) => {
                rule.name() == name && report.contains(says)
            }
            _ => false,
        }
    }

    /// The result, compared with the table.
    pub(crate) fn verdict(&self, outcome: &Outcome) -> Verdict {
        match outcome {
            Outcome::Skipped(_) => Verdict::Skipped,
            _ if self.is_as_expected(outcome) => Verdict::AsExpected,
            _ => Verdict::Otherwise,
        }
    }

    /// The slides as a reader writes them: `45-48`, `72, 78`.
    pub(crate) fn label(&self) -> String {
        let parts = self.slides.iter().map(|slides| match (slides.start(), slides.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        });
        parts.collect::<Vec<_>>().join(", ")
    }
}

fn here(program: Program) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| ffi_guard::catch(program))) {
        Ok(Ok(said)) => Outcome::Clean(said),
        Ok(Err(violation)) => Outcome::Violation(violation.rule().name().into(), violation.to_string()),
        // The panic's message is on stderr already.
        Err(_) => Outcome::Failed("the program panicked, and not by the guard".into()),
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Clean => f.write_str("clean"),
            Expected::Violates(rule, says) => write!(f, "{rule}, with `{says}` in its report"),
        }
    }
}

impl Outcome {
    /// `clean`, the rule, or what else it was.
    pub(crate) fn name(&self) -> &str {
        match self {
            Outcome::Clean(_) => "clean",
            Outcome::Violation(rule, _) => rule,
            Outcome::Failed(_) => "FAILED",
            Outcome::Skipped(_) => "skipped",
        }
    }

    /// The whole output: the report, or the program's own words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Outcome::Clean(text) | Outcome::Violation(_, text) | Outcome::Failed(text) | Outcome::Skipped(text) => {
                text.trim_end()
            }
        }
    }

    /// Its first line, without the rule's name, which stands in a column of its own.
    pub(crate) fn headline(&self) -> &str {
        let line = self.text().lines().next().unwrap_or_default();
        match self {
            Outcome::Violation(..) => line.split_once("]: ").map_or(line, |(_, rest)| rest),
            _ => line,
        }
    }
}
