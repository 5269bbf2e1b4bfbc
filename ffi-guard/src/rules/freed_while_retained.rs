//! `freed_while_retained`: Rust frees or moves memory that is pinned, or that C was allowed to keep
//! and still holds.
//!
//! C: `static void *listener; void set_listener(void *user) { listener = user; }`, declared
//! `#[guard(retained)]`. Rust: `set_listener(state.as_ptr()); drop(state);`, or `state.push(1)`, by
//! which a `Vec` moves: C was allowed to keep the pointer, and now it leads nowhere.
//!
//! Checked by [`check`] for each word that `scan` found in C's memory, and by [`pinned`], when a
//! block is freed and in a sweep: `retention/frees.rs`.

use super::words::{Beat, Picture, SizedBlock, Story, Value, Words, function, label, parameter};
use std::panic::Location;

use super::held;
use super::words::kept;
use crate::facts::{Facts, Finding, FreedWhileRetained, Memory, Promise, Way};
use crate::scan::Hit;

/// The block was freed, and C holds a word into it. `None` if that word is Rust's own, or nothing
/// tells whose it is.
pub(crate) fn check(hit: Hit, promise: Promise, moved: bool, at_once: bool) -> Option<Finding> {
    let held = Some((held::place(hit, || false)?, hit.word));
    let by_way_of = None;
    Some(Finding::FreedWhileRetained(FreedWhileRetained { by_way_of, held, promise, pinned: None, moved, at_once }))
}

/// The block was freed, and C holds a word into another one, which leads to it. `None` if that word
/// is Rust's own, or nothing tells whose it is.
pub(crate) fn check_by_way(hit: Hit, promise: Promise, way: Way, moved: bool, at_once: bool) -> Option<Finding> {
    let held = Some((held::place(hit, || false)?, hit.word));
    let by_way_of = Some(way);
    Some(Finding::FreedWhileRetained(FreedWhileRetained { by_way_of, held, promise, pinned: None, moved, at_once }))
}

/// The block was freed while it was pinned: C's memory is not searched.
pub(crate) fn pinned(at: &'static Location<'static>, moved: bool) -> Finding {
    let (promise, pinned) = (Promise::Pinned, Some(at));
    Finding::FreedWhileRetained(FreedWhileRetained {
        by_way_of: None,
        held: None,
        promise,
        pinned,
        moved,
        at_once: true,
    })
}

impl Promise {
    /// The name in the JSON object.
    fn name(self) -> &'static str {
        match self {
            Promise::Retained => "retained",
            Promise::Owned => "owned",
            Promise::Pinned => "pinned",
        }
    }

    /// The end of the label under the call.
    pub(super) fn label(self) -> &'static str {
        match self {
            Promise::Retained => ", declared `retained`: C keeps it from here on",
            Promise::Owned => ", declared `owned`: from here on it is C's",
            Promise::Pinned => ", pinned: C keeps it from here on",
        }
    }

    /// What held when the call had returned.
    pub(super) fn returned(self) -> &'static str {
        match self {
            Promise::Retained => "C keeps it, by contract",
            Promise::Owned => "it is C's",
            Promise::Pinned => "C keeps it, pinned",
        }
    }
}

pub(super) fn words<'a>(seen: &'a FreedWhileRetained, facts: &'a Facts) -> Words<'a> {
    let FreedWhileRetained { by_way_of, held, promise, pinned, moved, at_once } = seen;
    let what = if facts.call.is_some() { lent(facts) } else { "a block".into() };
    let sentence = match is_on_stack(facts) {
        true => format!("the stack frame with {what} was left"),
        false => format!("{what} was {}", if *moved { "moved" } else { "freed" }),
    };
    let meanwhile = match (pinned, by_way_of) {
        (Some(_), _) => "pinned",
        (None, Some(_)) => "C holds what leads to it",
        (None, None) => "C holds it",
    };
    Words {
        sentence: (format!("{sentence} while {meanwhile}"), String::new()),
        label: label(facts, "", promise.label()),
        story: story(seen, facts),
        picture: held
            .as_ref()
            .filter(|_| by_way_of.is_none())
            .and_then(|(place, word)| Picture::of_place(facts, place, *word, "dangling")),
        helps: helps(seen, facts),
        notes: notes(seen, facts),
        json: vec![
            ("pointer", Value::or_null(held.as_ref(), |(_, word)| Value::Address(*word))),
            ("promise", Value::text(promise.name())),
            ("moved", Value::Flag(*moved)),
            ("at_once", Value::Flag(*at_once)),
            ("pinned", Value::or_null(*pinned, Value::Location)),
            ("by_way_of", Value::or_null(by_way_of.as_ref(), by_way)),
        ],
    }
}

/// The way from what C holds to what is freed.
fn by_way(way: &Way) -> Value<'_> {
    Value::Object(vec![
        ("block", Value::Block(&way.outer)),
        ("offset", Value::Number(way.offset)),
        ("field", way.field.as_ref().map_or(Value::Null, |field| Value::text(field.as_str()))),
        ("pointer", Value::Address(way.word)),
    ])
}

/// True if it is a variable on the stack, whose function has returned.
fn is_on_stack(facts: &Facts) -> bool {
    matches!(facts.memory, Some(Memory::Stack { .. }))
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

fn story<'a>(seen: &'a FreedWhileRetained, facts: &'a Facts) -> Vec<Beat<'a>> {
    let returned = seen.promise.returned();
    // What is pinned need not have crossed.
    let mut story =
        if seen.held.is_some() { Story::of_loan(facts, returned) } else { Story::of_block(facts, returned) };
    if let Some(pinned) = seen.pinned {
        let what = "not unpinned since".into();
        story.tell(Beat::At { key: "pinned", at: pinned.into(), what, thread: None, known: true });
    }
    match facts.lent().and_then(Memory::block) {
        _ if is_on_stack(facts) => {
            story.say("left", "since then: a later call was made from above, so its function has returned")
        }
        Some(block) => story.trace(if seen.moved { "moved" } else { "freed" }, block.freed, block.freed_by),
        None => story.say("freed", "not seen"),
    }
    if let Some((place, word)) = &seen.held {
        if let Some(Way { outer, offset, field, .. }) = &seen.by_way_of {
            let word = field.as_ref().map_or_else(|| format!("byte {offset}"), |field| format!("`{field}`"));
            story
                .say("by way of", format!("{word} of {}, which is live and still leads there", SizedBlock(outer.size)));
        }
        story.kept_by_c(place, *word);
        let when = match seen.at_once {
            _ if seen.by_way_of.is_some() => "that is the address of the block that leads there",
            _ if is_on_stack(facts) => "it holds its very address now",
            true => "it held it when the block was freed",
            false => "seen after the block was freed",
        };
        story.say("", when);
    }
    story.done()
}

fn helps(seen: &FreedWhileRetained, facts: &Facts) -> Vec<String> {
    let param = parameter(facts);
    if seen.pinned.is_some() {
        return vec![
            "drop the `PinGuard` or the `Pinned` first: nothing frees the memory before that, unless the guard was given to \
             `std::mem::forget` or its lifetime was cast away"
                .into(),
            "or keep owner and pin in one: `ffi_guard::Pinned::new(value)` frees the memory where it is dropped".into(),
        ];
    }
    let it = if facts.call.is_some() { &param } else { "it" };
    let let_go =
        format!("have C let go of {it} first: the call that unsets it, or ends what holds it, goes before the free");
    if is_on_stack(facts) {
        return vec![
            "move it off the stack for as long as C keeps it: `let value = ffi_guard::Pinned::new(value);`, pass \
             `value.as_mut_ptr()`, and drop it when C is done"
                .into(),
            format!(
                "or have C let go of {it} before the function returns: the call that unsets it, or ends what holds it"
            ),
            format!(
                "or leave it to C: pass `Box::into_raw(Box::new(value))`, take it back with `Box::from_raw` when C is done, \
                 and declare {param} `#[guard(owned)]`"
            ),
        ];
    }
    if seen.moved {
        return vec![
            "give it its place before C gets it: `Vec::with_capacity(most)`, or `into_boxed_slice()`, which never moves"
                .into(),
            "or hold it while C has it: `let pin = ffi_guard::pin(&buf[..]);` keeps the borrow checker from letting it grow"
                .into(),
            format!("or {let_go}, and give C the new address after it"),
        ];
    }
    match seen.promise {
        Promise::Owned => vec![
            format!(
                "let the one who owns it free it: Rust gave {param} away, so it frees it only when C has given it back, by a \
                 function declared `#[guard(returns(owned))]`"
            ),
            let_go,
            format!("if C only keeps it and Rust still owns it, declare {param} `#[guard(retained)]`"),
        ],
        Promise::Retained | Promise::Pinned => vec![
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

fn notes(seen: &FreedWhileRetained, facts: &Facts) -> Vec<String> {
    let Some((place, _)) = &seen.held else {
        return vec!["found when the memory was freed: it was pinned, so C was not searched".into()];
    };
    if is_on_stack(facts) {
        return vec![
            format!(
                "found by searching {} for this address, when the stack pointer was above it",
                kept::searched(place)
            ),
            "C has not been seen to use the pointer; what lies there now belongs to other functions".into(),
        ];
    }
    let mut notes =
        vec![format!("found when the block was gone, by searching {} for addresses in it", kept::searched(place))];
    if seen.moved {
        notes.push("the reallocation put the content elsewhere; C's pointer still leads to the old place".into());
    }
    if seen.promise == Promise::Owned {
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
