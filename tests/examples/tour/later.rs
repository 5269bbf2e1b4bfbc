//! The rows whose tool is not there yet.

use crate::row::{Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[66..=71],
        what: "hashpass over libsodium",
        plan: Plan::NotYet("the hashpass example comes with the builds"),
    },
    Row {
        slides: &[72..=72, 78..=78],
        what: "a vendored C library",
        plan: Plan::NotYet("comes with the hashpass example"),
    },
    Row { slides: &[74..=75], what: "a static binary under the guard", plan: Plan::NotYet("comes with the builds") },
    Row { slides: &[80..=80], what: "cross-compiling", plan: Plan::NotYet("comes with the builds") },
    Row { slides: &[3..=3, 81..=81], what: "reproducible builds", plan: Plan::NotYet("comes with the builds") },
    Row {
        slides: &[57..=81],
        what: "the checklist that the talk ticks off",
        plan: Plan::NotYet("the docs chapter comes with the builds"),
    },
];
