//! `retained_pointer`: C still holds a pointer it was only lent, after the call returned (cgo's
//! second rule).
//!
//! C: `static struct s *kept; void store(struct s *p) { kept = p; }`. Rust: `store(&mut *boxed);
//! drop(boxed);`, and the next call that reads `kept` reads whatever lives there then.
//!
//! Checked by [`check`] for each word that `scan` found in C's memory, at the end of a call
//! (`boundary/retention_check.rs`) and in a sweep (`retention/sweep.rs`); by [`left_in`] for a word
//! in another block of the same call; and by the page fault in a copy that C used after the call
//! (`paged/strayed.rs`, whose words are in `touched.rs`).

use super::held;
use super::words::kept;
use super::words::{
    Beat, Picture, Piece, Row, Story, Value, Words, bytes, function, function_row, label, name, parameter, place_of,
    string,
};
use crate::facts::{Allocation, Facts, Finding, Memory, Place, RetainedPointer};
use crate::heap::Block;
use crate::platform::process;
use crate::scan::{self, Hit};

/// A word in memory of C's that leads into what was lent. `None` if it is Rust's own.
///
/// `absent_before` tells that the word was seen to be absent before the call; else it was absent at
/// the last sweep. `rust_ran` tells whether Rust code may have run during the call (a callback):
/// without symbols, a word in the executable is only C's doing if Rust had no part in it.
pub(crate) fn check(hit: Hit, rust_ran: bool, absent_before: bool) -> Option<Finding> {
    // Whoever switches between stacks keeps their addresses.
    if scan::is_stack(hit.word) {
        return None;
    }
    // If nothing tells whose a variable is, C did what the call itself changed, provided that no
    // Rust code ran meanwhile: not on this thread, and there is no other.
    let place = held::place(hit, || absent_before && !rust_ran && process::thread_count() == Some(1))?;
    Some(Finding::RetainedPointer(RetainedPointer { place, word: hit.word, absent_before }))
}

/// A word that C stored in another Rust block of the same call, and that leads into what was lent.
/// It was not there before.
pub(crate) fn left_in(holder: &Block, parameter: &str, field: Option<String>, address: usize, word: usize) -> Finding {
    let place = Place::RustBlock {
        address: holder.start,
        size: holder.size,
        allocated_at: Allocation { trace: holder.allocated, thread: holder.allocated_by },
        offset: address.wrapping_sub(holder.start),
        parameter: parameter.to_owned(),
        field,
    };
    Finding::RetainedPointer(RetainedPointer { place, word, absent_before: true })
}

pub(super) fn words<'a>(seen: &'a RetainedPointer, facts: &'a Facts) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let verb = if seen.absent_before { "kept" } else { "holds" };
    Words {
        sentence: match &seen.place {
            Place::RustBlock { parameter, .. } => {
                (format!("C left {param} in `{parameter}` after {func} returned"), String::new())
            }
            Place::Global { .. } | Place::Tls { .. } | Place::CHeap { .. } => {
                (format!("C {verb} {param} after {func} returned"), String::new())
            }
        },
        label: label(facts, "", ", lent for this call only"),
        story: story(seen, facts),
        picture: picture(seen, facts),
        helps: helps(seen, facts),
        notes: notes(seen, facts),
        json: vec![("pointer", Value::Address(seen.word)), ("absent_before", Value::Flag(seen.absent_before))],
    }
}

fn story<'a>(seen: &'a RetainedPointer, facts: &'a Facts) -> Vec<Beat<'a>> {
    let RetainedPointer { place, word, absent_before } = seen;
    let mut story = Story::of_loan(facts, "the loan is over");
    story.freed_since();
    story.kept_by_c(place, *word);
    story.say(
        "",
        if *absent_before { "the word was different before the call" } else { "it was first seen after this call" },
    );
    story.done()
}

fn picture(seen: &RetainedPointer, facts: &Facts) -> Option<Picture> {
    let RetainedPointer { place, word, .. } = seen;
    let mut picture = Picture::of_place(facts, place, *word, "kept");
    if let Some(Memory::Heap(block)) = facts.lent() {
        let live = if block.live { "live, loan over" } else { "freed" };
        picture = picture.map(|picture| picture.described(format!("{}, {live}", bytes(block.size))));
    }
    let Place::RustBlock { address, size, offset, parameter, field, .. } = place else { return picture };
    // In another Rust block: that one above, and below it what it leads to now.
    let holder = Piece {
        leads_down: picture.is_some(),
        ..Piece::new([
            Row::Text(format!("{address:#x}")),
            Row::Text(format!("{}, live", bytes(*size))),
            Row::Holds(field.clone().unwrap_or_else(|| format!("+{offset}")), *word),
        ])
    };
    Some(Picture {
        left: [holder].into_iter().chain(picture.into_iter().flat_map(|picture| picture.left)).collect(),
        right: Piece::new([function_row(facts), Row::Holds(parameter.clone(), *address)]),
        arrow: "lent",
        to_right: false,
        way: ("kept", "C stored it there".into()),
    })
}

fn helps(seen: &RetainedPointer, facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let copy = if string(facts) {
        format!("or give C a copy of its own: pass `libc::strdup({}.as_ptr())`, which C frees with `free`", name(facts))
    } else {
        "or give C a copy of its own: `libc::calloc`, copy the bytes, pass that, and `libc::free` it when C is done"
            .into()
    };
    match (&seen.place, &facts.memory) {
        (Place::RustBlock { parameter: holder, .. }, _) => vec![
            format!(
                "if {func} is meant to store it there, declare {param} `#[guard(retained)]`, and keep its owner alive as \
                 long as `{holder}` holds it"
            ),
            format!("if {func} fills `{holder}` in for Rust to read, declare `{holder}` `#[guard(out)]`"),
            copy,
        ],
        (_, Some(Memory::Stack { .. })) => vec![
            "move it off the stack for as long as C keeps it: `let value = ffi_guard::Pinned::new(value);`, pass \
             `value.as_mut_ptr()`, and drop it when C is done"
                .into(),
            format!(
                "or leave it to C: pass `Box::into_raw(Box::new(value))`, take it back with `Box::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
            copy,
        ],
        _ => vec![
            format!(
                "if {func} is meant to keep it, declare {param} `#[guard(retained)]`, and keep its owner alive until C lets go"
            ),
            "or pin it at this call alone: `let pin = ffi_guard::pin(&value);` before it, dropped when C has let go; \
             `ffi_guard::Pinned` is owner and pin in one"
                .into(),
            copy,
        ],
    }
}

fn notes(seen: &RetainedPointer, facts: &Facts) -> Vec<String> {
    let gone = match facts.memory {
        Some(Memory::Stack { .. }) => "once this stack frame is gone",
        _ => "once the block is freed",
    };
    let use_of_it = match &seen.place {
        Place::RustBlock { parameter, .. } => format!("`{parameter}` leads to it now; {gone}, that pointer dangles"),
        _ => format!("C has not been seen to use the pointer; {gone}, any use of it is a bug"),
    };
    let searched = kept::searched(&seen.place);
    let mut notes = vec![
        format!("found after the call, by searching {searched} for addresses of what was lent"),
        use_of_it,
        "which line of C stored it is not known".into(),
    ];
    if let Some(first) = facts.also.first() {
        let more = match facts.also.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        notes.push(format!("the block was lent at {}{more} as well since it was last seen", place_of(first)));
    }
    notes
}
