//! The words of `leaked_ownership`.

use super::words::{bytes, function, parameter};
use crate::facts::{Facts, Finding};

/// Blocks, and their bytes in all.
fn of(facts: &Facts) -> (usize, usize) {
    match facts.finding {
        Finding::LeakedOwnership { blocks, bytes } => (blocks, bytes),
        _ => (0, 0),
    }
}

/// The finding in one sentence.
pub(super) fn sentence(facts: &Facts) -> String {
    let (param, func) = (parameter(facts), function(facts));
    match of(facts).0 {
        1 => format!("{param} was given to {func} and never taken back"),
        blocks => format!("{blocks} blocks given to {func} never came back"),
    }
}

/// The label under the call.
pub(super) fn label(who: &str) -> String {
    format!("{who}, declared `owned`: from here on it is C's")
}

/// What there is of it in all; nothing where the one block is all.
pub(super) fn in_all(facts: &Facts) -> Option<String> {
    let (blocks, all) = of(facts);
    (blocks > 1).then(|| format!("{blocks} blocks with {}, given by this call; this one is the latest", bytes(all)))
}

/// The ways out.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    vec![
        format!(
            "if {func} does not take it over, lend it: declare {param} without `owned`, pass `owner.as_ptr()`, and let the owner \
             drop it"
        ),
        "or take it back when C is done: have a function declared `#[guard(returns(owned))]` return it, or free it with \
         `Box::from_raw`, `CString::from_raw`"
            .into(),
        format!("if C has it to the end of the process on purpose, declare {param} `#[guard(retained)]`"),
    ]
}

/// What there is to know beside the finding.
pub(super) fn notes() -> Vec<String> {
    vec![
        "found in the table of Rust's blocks: it is live, and no function declared `returns(owned)` has returned it"
            .into(),
        "C's own `free` is no way out: it is another allocator's memory".into(),
    ]
}
