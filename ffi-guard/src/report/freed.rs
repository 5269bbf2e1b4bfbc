//! The words of `freed_while_retained`, which tells of a free where all others tell of a call.

use super::kept;
use super::words::{function, parameter};
use crate::facts::{Facts, Finding, Memory, Place, Promise};

/// What the finding says, for the words below.
fn of(facts: &Facts) -> (Option<&Place>, Promise, bool, bool) {
    match &facts.finding {
        Finding::FreedWhileRetained { held, promise, pinned, moved, .. } => {
            (held.as_ref().map(|(place, _)| place), *promise, pinned.is_some(), *moved)
        }
        _ => (None, Promise::Retained, false, false),
    }
}

impl Promise {
    /// The name in the JSON object.
    pub(super) fn name(self) -> &'static str {
        match self {
            Promise::Retained => "retained",
            Promise::Owned => "owned",
            Promise::Pinned => "pinned",
        }
    }
}

/// The parameter, or what a pointer in what it lends leads to.
fn lent(facts: &Facts) -> String {
    let (param, func) = (parameter(facts), function(facts));
    // The boundary's own words for a pointee without a type of its own.
    match facts.argument {
        Some(argument) if argument.pointee.starts_with("what ") => format!("what {param} of {func} leads to"),
        _ => format!("{param} of {func}"),
    }
}

/// The finding in one sentence.
pub(super) fn sentence(facts: &Facts) -> String {
    let (_, _, pinned, moved) = of(facts);
    let what = if facts.call.is_some() { lent(facts) } else { "a block".into() };
    let did = if moved { "moved" } else { "freed" };
    format!("{what} was {did} while {}", if pinned { "pinned" } else { "C holds it" })
}

/// The label under the call.
pub(super) fn label(who: &str, promise: Promise) -> String {
    match promise {
        Promise::Retained => format!("{who}, declared `retained`: C keeps it from here on"),
        Promise::Owned => format!("{who}, declared `owned`: from here on it is C's"),
        Promise::Pinned => format!("{who}, pinned: C keeps it from here on"),
    }
}

/// What held when the call had returned.
pub(super) fn returned(promise: Promise) -> &'static str {
    match promise {
        Promise::Retained => "C keeps it, by contract",
        Promise::Owned => "it is C's",
        Promise::Pinned => "C keeps it, pinned",
    }
}

/// The ways out.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let (_, promise, pinned, moved) = of(facts);
    let param = parameter(facts);
    if pinned {
        return vec![
            "drop the `PinGuard` or the `Pinned` first: nothing frees the memory before that, unless the guard was given to \
             `std::mem::forget` or its lifetime was cast away"
                .into(),
            "or keep owner and pin in one: `ffi_guard::Pinned::new(value)` frees the memory where it is dropped".into(),
        ];
    }
    let let_go = if facts.call.is_some() {
        format!("have C let go of {param} first: the call that unsets it, or ends what holds it, goes before the free")
    } else {
        "have C let go of it first: the call that unsets it, or ends what holds it, goes before the free".into()
    };
    if moved {
        return vec![
            "give it its place before C gets it: `Vec::with_capacity(most)`, or `into_boxed_slice()`, which never moves"
                .into(),
            "or hold it while C has it: `let pin = ffi_guard::pin(&buf[..]);` keeps the borrow checker from letting it grow"
                .into(),
            format!("or {let_go}, and give C the new address after it"),
        ];
    }
    match promise {
        Promise::Owned => vec![
            format!(
                "let the one who owns it free it: Rust gave {param} away, so it frees it only when C has given it back, by a \
                 function declared `#[guard(returns(owned))]`"
            ),
            let_go,
            format!("if C only keeps it and Rust still owns it, declare {param} `#[guard(retained)]`"),
        ],
        _ => vec![
            let_go,
            "or tie the two together: a struct that holds the `ffi_guard::Pinned<T>`, and has C let go in its `Drop`"
                .into(),
            format!(
                "or leave it to C: pass `Box::into_raw(b)`, take it back with `Box::from_raw` when C is done, and declare \
                 {param} `#[guard(owned)]`"
            ),
        ],
    }
}

/// What there is to know beside the finding.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let (place, promise, _, moved) = of(facts);
    let Some(place) = place else {
        return vec!["found when the memory was freed: it was pinned, so C was not searched".into()];
    };
    let mut notes =
        vec![format!("found when the block was gone, by searching {} for addresses in it", kept::searched(place))];
    if moved {
        notes.push("the reallocation put the content elsewhere; C's pointer still leads to the old place".into());
    }
    if promise == Promise::Owned {
        notes.push("what is lent as `owned` is C's until a function declared `returns(owned)` returns it".into());
    }
    notes.push("C has not been seen to use the pointer; from the free on, any use of it is a bug".into());
    if let Some(Memory::Heap(block)) = &facts.memory
        && facts.call.as_ref().is_some_and(|call| call.thread != block.freed_by)
    {
        notes.push("it was lent on one thread and freed on another".into());
    }
    notes
}
