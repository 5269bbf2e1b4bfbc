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
];
