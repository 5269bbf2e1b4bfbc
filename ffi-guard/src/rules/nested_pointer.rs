//! `nested_pointer`: Rust memory handed to C holds a pointer to Rust memory (cgo's first rule).
//!
//! C sees one struct. What that struct leads to was never lent, so nothing keeps it alive, in place
//! or unshared for the call. Rust: `process(&mut Complex { x: &mut *boxed, y: null_mut() })`.
//!
//! Checked by [`check_word`] for each word of what an argument leads to, on entry to a call
//! (`boundary/entry.rs`), and with `c-heap` for the blocks of C's heap behind it
//! (`boundary/chain.rs`).

use super::words::{
    ALL, Picture, Story, Value, Words, by_pointer, bytes, could_derive, function, in_it, label, parameter, the_word,
    untyped, whose, whose_word, word_members,
};
use std::ops::Range;

use crate::call::target::Target;
use crate::facts::{BlockFacts, Facts, Finding, Holder, Memory, NestedPointer};
use crate::scan;

/// A word found in what was passed, and where it leads. `own` is the block or extent that the word
/// itself lies in: an object that holds its own address is one object.
pub(crate) fn check_word(
    word: usize,
    target: &Target,
    own: &Range<usize>,
    thread: u32,
    holder: impl FnOnce() -> Holder,
) -> Option<Finding> {
    if own.contains(&word) {
        return None;
    }
    let target = match target {
        // One past the end of another block: there is no byte that C could touch through it.
        Target::Heap(block) if block.live && word - block.start < block.size => Memory::Heap(BlockFacts::of(block)),
        // A C frame further up may own that part of the stack: only what a Rust frame holds is
        // Rust's.
        Target::Stack(_) if scan::in_rust_frame(word) => Memory::Stack { address: word, size: 0, thread },
        _ => return None,
    };
    Some(Finding::NestedPointer(NestedPointer { holder: holder(), pointer: word, target }))
}

pub(super) fn words<'a>(seen: &'a NestedPointer, facts: &'a Facts) -> Words<'a> {
    let NestedPointer { holder, pointer, target } = seen;
    let verb = match holder {
        Holder::Pointee { memory: Memory::Foreign { .. }, .. } | Holder::CBlock { .. } => "leads to",
        Holder::Pointee { .. } if by_pointer(facts) => "points to",
        // A field of a struct by value leads there.
        Holder::Pointee { .. } => "leads to",
        Holder::Argument | Holder::Result { .. } | Holder::Value { .. } => "carries",
    };
    let to = if matches!(target, Memory::Stack { .. }) { "a Rust stack" } else { "Rust memory" };
    let lies = match target {
        Memory::Heap(_) => "lies in a live block of Rust's heap",
        Memory::Stack { .. } => "lies on a Rust stack, above the frame of this call",
        Memory::Foreign { .. } => "was lent to C",
    };
    let mut json = word_members(*pointer, holder);
    json.push(("target", Value::Memory(target)));
    Words {
        sentence: (format!("{} {verb} a Rust pointer", whose(facts)), in_it(holder)),
        label: match holder {
            // The offset counts from where a field of the struct leads.
            Holder::Pointee { .. } if !by_pointer(facts) => {
                label(facts, "", &format!(" leads to a pointer to {to}{}", in_it(holder)))
            }
            _ => label(facts, "", &whose_word(holder, to)),
        },
        story: Story::of_crossing(facts, ALL, None),
        picture: Some(Picture::of_word(facts, holder, *pointer, target, "nested")),
        helps: helps(facts, holder, target),
        notes: vec![
            format!("found before the call: the address in {} {lies}", the_word(facts)),
            "a Rust pointer leads into memory that Rust frees by itself, without telling C".into(),
        ],
        json,
    }
}

fn helps(facts: &Facts, holder: &Holder, target: &Memory) -> Vec<String> {
    let (param, func, word) = (parameter(facts), function(facts), the_word(facts));
    let during = format!(
        "if {func} is known to use {word} during the call only, declare {param} `#[guard(allow(nested_pointer))]`"
    );
    let pin = format!(
        "or pin what {word} points to: `let pin = ffi_guard::pin(&inner);`, made before the call, lets C follow it, and keep \
         it, until `pin` is dropped"
    );
    if let Holder::CBlock { .. } = holder {
        let kept = "or say so where C got this pointer, by `#[guard(retained)]` on the parameter or `#[guard(lends)]` in the \
                    callback, and keep its owner alive until C lets go";
        return vec![during, kept.into(), pin];
    }
    let mut helps = Vec::new();
    if let Holder::Pointee { field: Some(_), .. } = holder {
        helps.push(format!(
            "if C never looks at {word}, and only keeps it for Rust, declare that field `#[guard(opaque)]`"
        ));
    } else if untyped(facts) {
        helps.push(format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`"));
    }
    helps.push(during);
    let unnamed = matches!(holder, Holder::Value { field: None, .. } | Holder::Pointee { field: None, .. });
    if let (true, Some(name)) = (unnamed, could_derive(facts)) {
        helps.push(format!(
            "if {word} is a number and no pointer, put `#[derive(ffi_guard::Pointee)]` on `{name}`: its pointer fields \
             alone are looked at then"
        ));
    }
    helps.push(pin);
    let what = match target {
        Memory::Stack { .. } => "what it points to".into(),
        Memory::Heap(block) => format!("the {}", bytes(block.size)),
        Memory::Foreign { .. } => "the bytes".into(),
    };
    helps.push(format!(
        "or give C memory of its own: copy {what} into a `ffi_guard::CArena`, make {word} the copy's address, and keep \
         the arena until C is done"
    ));
    helps
}
