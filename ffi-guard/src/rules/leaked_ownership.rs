//! `leaked_ownership`: memory given to C (`owned`) was neither freed nor handed back by the end.
//!
//! C: `int open_db(const char *name)`, which copies the name and frees nothing. Rust:
//! `open_db(CString::into_raw(name))`, as Go's `C.CString` without its `C.free`: nothing owns it
//! any more.
//!
//! Checked by [`check`] at a checkpoint and at the end of the process, for the blocks that
//! `retention/leaks.rs` collects: what C was given, and at the end what it was lent and nothing
//! leads to any more.

use super::words::{Beat, Picture, Story, Value, Words, bytes as n_bytes, function, label, parameter};
use crate::facts::{Facts, Finding, LeakedOwnership, Promise};

/// One call of the program gave away this number of blocks, and of bytes in all, or, if they are
/// `lost`, only lent them. `None` without any.
pub(crate) fn check(blocks: usize, bytes: usize, lost: bool) -> Option<Finding> {
    (blocks > 0).then_some(Finding::LeakedOwnership(LeakedOwnership { blocks, bytes, lost }))
}

pub(super) fn words<'a>(seen: &LeakedOwnership, facts: &'a Facts) -> Words<'a> {
    if seen.lost {
        return lost(seen, facts);
    }
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
        json: json(seen),
    }
}

fn json<'a>(seen: &LeakedOwnership) -> Vec<(&'static str, Value<'a>)> {
    let LeakedOwnership { blocks, bytes, lost } = *seen;
    vec![("blocks", Value::Number(blocks)), ("bytes", Value::Number(bytes)), ("lost", Value::Flag(lost))]
}

fn lost<'a>(seen: &LeakedOwnership, facts: &'a Facts) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let sentence = match seen.blocks {
        1 => format!("{param} of {func} is lost: nothing leads to it"),
        blocks => format!("{blocks} blocks lent to {func} are lost: nothing leads to them"),
    };
    Words {
        sentence: (sentence, String::new()),
        label: label(facts, "", " is lost: neither Rust nor C can free it"),
        story: story(seen, facts),
        picture: None,
        helps: vec![
            format!("lend it: keep the owner, pass `owner.as_ptr()` to {func}, and let the owner drop it"),
            format!(
                "or keep what `into_raw` gave, and take it back after {func}: `CString::from_raw`, `Box::from_raw`"
            ),
            "if it is to live to the end of the process, hold it in a `static`".into(),
        ],
        notes: vec![
            "found at the end, by a search of C's heap, Rust's heap, all variables and the stack for its address"
                .into(),
        ],
        json: json(seen),
    }
}

fn story<'a>(&LeakedOwnership { blocks, bytes, lost }: &LeakedOwnership, facts: &'a Facts) -> Vec<Beat<'a>> {
    let promise = if lost { Promise::Retained } else { Promise::Owned };
    let mut story = Story::of_loan(facts, promise.returned());
    story.say("freed", "not yet");
    if blocks > 1 {
        let all = n_bytes(bytes);
        story.say("in all", format!("{blocks} blocks with {all}, of this call; this one is the latest"));
    }
    story.done()
}
