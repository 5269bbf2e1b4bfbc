//! `leaked_ownership`: memory given to C (`owned`) was neither freed nor handed back by the end.
//!
//! C: `int open_db(const char *name)`, which copies the name and frees nothing. Rust:
//! `open_db(CString::into_raw(name))`, as Go's `C.CString` without its `C.free`: nothing owns it
//! any more.
//!
//! Checked by [`check`] at a checkpoint and at the end of the process, for the blocks that
//! `retention/leaks.rs` collects.

use super::words::{Beat, Picture, Story, Value, Words, bytes as n_bytes, function, label, parameter};
use crate::facts::{Facts, Finding, LeakedOwnership, Promise};

/// One call of the program gave away this number of blocks, and of bytes in all. `None` without
/// any.
pub(crate) fn check(blocks: usize, bytes: usize) -> Option<Finding> {
    (blocks > 0).then_some(Finding::LeakedOwnership(LeakedOwnership { blocks, bytes }))
}

pub(super) fn words<'a>(seen: &LeakedOwnership, facts: &'a Facts) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let sentence = match seen.blocks {
        1 => format!("{param} was given to {func} and never taken back"),
        blocks => format!("{blocks} blocks given to {func} never came back"),
    };
    Words {
        sentence: (sentence, String::new()),
        label: label(facts, "", Promise::Owned.label()),
        story: story(seen, facts),
        picture: Picture::of_argument(facts, "owned"),
        helps: vec![
            format!(
                "if {func} does not take it over, lend it: declare {param} without `owned`, pass `owner.as_ptr()`, and let the owner \
                 drop it"
            ),
            "or take it back when C is done: have a function declared `#[guard(returns(owned))]` return it, or free it with \
             `Box::from_raw`, `CString::from_raw`"
                .into(),
            format!("if C has it to the end of the process on purpose, declare {param} `#[guard(retained)]`"),
        ],
        notes: vec![
            "found in the table of Rust's blocks: it is live, and no function declared `returns(owned)` has returned it"
                .into(),
            "C's own `free` is no way out: it is another allocator's memory".into(),
        ],
        json: vec![("blocks", Value::Number(seen.blocks)), ("bytes", Value::Number(seen.bytes))],
    }
}

fn story<'a>(&LeakedOwnership { blocks, bytes }: &LeakedOwnership, facts: &'a Facts) -> Vec<Beat<'a>> {
    let mut story = Story::of_loan(facts, Promise::Owned.returned());
    story.say("freed", "not yet");
    if blocks > 1 {
        let all = n_bytes(bytes);
        story.say("in all", format!("{blocks} blocks with {all}, given by this call; this one is the latest"));
    }
    story.done()
}
