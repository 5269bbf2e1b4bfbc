//! The row whose tool is not there yet: the last of the talk.

use crate::row::{Plan, Row};

pub(crate) const CHECKLIST: &[Row] = &[Row {
    slides: &[57..=81],
    what: "the checklist that the talk ticks off",
    plan: Plan::NotYet("the docs chapter comes with the guide"),
}];
