//! The results of the rows so far, for the row that looks at the others.

use std::collections::BTreeMap;

use crate::row::{Outcome, Row};

/// The result of one row, compared with the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    AsExpected,
    /// The machine lacks something that the row needs.
    Skipped,
    Otherwise,
}

/// The verdicts by the rows' indices.
#[derive(Default)]
pub(crate) struct Came(BTreeMap<usize, Verdict>);

impl Came {
    /// A row has run.
    pub(crate) fn note(&mut self, index: usize, row: &Row, outcome: &Outcome) {
        self.0.insert(index, row.verdict(outcome));
    }

    /// The result of a row, which is run if it was not.
    pub(crate) fn of(&mut self, index: usize, row: &Row) -> Verdict {
        if let Some(&verdict) = self.0.get(&index) {
            return verdict;
        }
        let outcome = row.run(index, self);
        self.note(index, row, &outcome);
        row.verdict(&outcome)
    }
}
