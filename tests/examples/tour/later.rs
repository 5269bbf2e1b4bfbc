//! The rows whose tool is not there yet.

use crate::row::{Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[58..=61],
        what: "slow_func: time spent inside C",
        plan: Plan::NotYet("the crossing table, GUARD_STATS, comes later"),
    },
    Row {
        slides: &[63..=64],
        what: "pow called often against the loop moved into C",
        plan: Plan::NotYet("the crossing table, GUARD_STATS, comes later"),
    },
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
];
