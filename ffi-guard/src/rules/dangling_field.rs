//! `dangling_field`: a pointer found in what an argument points to leads to memory already freed:
//! Rust's, or with `c-heap` a block that C has freed itself.
//!
//! C: `size_t shown(const label *l) { return strlen(l->text); }`. Rust: `shown(&label)`, after the
//! owner of `label.text` was dropped. Or C keeps a text in a handle of its own, and Rust frees the
//! text before it passes the handle.
//!
//! Checked by [`check_word`] for each word of what an argument leads to, on entry to a call
//! (`boundary/entry.rs`), and with `c-heap` for the blocks of C's heap behind it
//! (`boundary/chain.rs`).

use super::dangling;
use super::words::{Value, Words};
use crate::call::target::Target;
use crate::facts::{DanglingField, Evidence, Facts, Finding, Holder, Memory};

/// Checks a word found in what an argument points to. `target` is where it leads.
pub(crate) fn check_word(
    word: usize,
    target: &Target,
    holder: impl FnOnce() -> Holder,
    evidence: impl FnOnce() -> Evidence,
) -> Option<Finding> {
    dangling::is_dead(target)
        .then(|| Finding::DanglingField(DanglingField { holder: holder(), pointer: word, evidence: evidence() }))
}

pub(super) fn words<'a>(seen: &'a DanglingField, facts: &'a Facts) -> Words<'a> {
    let mut words = dangling::words(&seen.holder, seen.pointer, facts);
    words.notes.extend(match seen.evidence {
        Evidence::Declared => None,
        Evidence::StoredByC if facts.memory.as_ref().and_then(Memory::of_c).is_some() => {
            Some("C may have left it there; whether C still reads it is not known".into())
        }
        Evidence::StoredByC => Some("C has stored it there; whether C still reads it is not known".into()),
        Evidence::Value => {
            Some("no type says what is there: its value alone makes it a pointer, and it can be one left behind".into())
        }
    });
    words.json.push(("evidence", Value::text(evidence(seen.evidence))));
    words
}

fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Declared => "declared",
        Evidence::StoredByC => "stored_by_c",
        Evidence::Value => "value",
    }
}
