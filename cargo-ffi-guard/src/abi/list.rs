//! What the programs answer: a line for each function, put together.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a program says of one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(rename = "crate")]
    pub(super) krate: String,
    pub(super) module: String,
    pub(super) name: String,
    /// `None` if it is called by a pointer alone.
    pub(super) symbol: Option<String>,
    pub(super) file: String,
    pub(super) line: u32,
    /// True for a function of Rust's that C calls.
    pub(super) export: bool,
    /// The file that defines it, as far as that is known.
    pub(super) library: Option<String>,
    #[serde(flatten)]
    pub(super) result: Outcome,
}

/// What came of the comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// What crosses is the same on both sides.
    Same {
        /// Integers that are signed on one side only.
        other_sign: usize,
    },
    /// It differs.
    Differs {
        /// The object of docs/src/report-json.md.
        report: Value,
    },
    /// It differs, and may.
    Allowed,
    NotCompared {
        /// One word.
        reason: String,
        /// The reason in words.
        why: String,
    },
}

impl Outcome {
    pub(super) fn is_compared(&self) -> bool {
        !matches!(self, Outcome::NotCompared { .. })
    }

    /// What several programs say of one function: the most that one of them says.
    fn weight(&self) -> u8 {
        match self {
            Outcome::Differs { .. } => 3,
            Outcome::Allowed => 2,
            Outcome::Same { .. } => 1,
            Outcome::NotCompared { .. } => 0,
        }
    }
}

/// A line of an answer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Function(Box<Answer>),
    /// A file that was to be read, and is no library.
    Unread {
        unread: String,
    },
}

/// All functions of all programs, each once.
#[derive(Debug, Default)]
pub(super) struct List {
    functions: BTreeMap<(String, String, String, u32), Answer>,
    /// Files that are no libraries.
    pub(super) unread: Vec<String>,
}

/// Reads the lines of one program.
///
/// # Errors
///
/// It is not what this version writes.
pub(super) fn read(text: &str) -> Result<Vec<Line>, String> {
    let line = |line: &str| serde_json::from_str(line).map_err(|error| format!("an answer cannot be read: {error}"));
    text.lines().map(line).collect()
}

impl List {
    /// Adds what one program says.
    pub(super) fn add(&mut self, lines: Vec<Line>) {
        for line in lines {
            let mut answer = match line {
                Line::Function(answer) => *answer,
                Line::Unread { unread } => {
                    self.unread.push(unread);
                    continue;
                }
            };
            if let Outcome::Differs { report } = &mut answer.result {
                // Where the program was asked is no place of the user's.
                report["site"] = report["function"].clone();
            }
            let key = (answer.krate.clone(), answer.file.clone(), answer.name.clone(), answer.line);
            let known = self.functions.get(&key);
            if known.is_none_or(|known| known.result.weight() < answer.result.weight()) {
                self.functions.insert(key, answer);
            }
        }
    }

    /// By crate, file and name.
    pub(super) fn functions(&self) -> impl Iterator<Item = &Answer> {
        self.functions.values()
    }

    /// The symbols of all functions that are C's.
    pub(super) fn declared(&self) -> BTreeSet<&str> {
        self.functions().filter(|answer| !answer.export).filter_map(|answer| answer.symbol.as_deref()).collect()
    }

    /// The symbols of functions that nothing in the program defines.
    pub(super) fn not_linked(&self) -> BTreeSet<&str> {
        self.missing(|reason| matches!(reason, "not_linked" | "no_file"))
    }

    /// The symbols of functions that were not compared.
    pub(super) fn not_compared(&self) -> BTreeSet<&str> {
        self.missing(|_| true)
    }

    fn missing(&self, is_meant: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let of = |answer: &'_ Answer| match &answer.result {
            Outcome::NotCompared { reason, .. } => is_meant(reason),
            _ => false,
        };
        self.functions().filter(|answer| of(answer)).filter_map(|answer| answer.symbol.as_deref()).collect()
    }
}
