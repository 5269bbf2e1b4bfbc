//! The words of `dangling_pointer` and `dangling_field`, which are about one thing: a pointer to
//! freed memory.

use super::words::{
    ALL, Picture, Story, Value, Words, call_with, found_when_called, function, in_it, label, parameter, string,
    the_word, untyped, whose, whose_word, word_members,
};
use crate::call::target::Target;
use crate::facts::{BlockFacts, Facts, Holder, Memory};

/// True if memory is freed, and not given out again.
#[inline]
pub(super) fn is_dead(target: &Target) -> bool {
    matches!(target, Target::FreedByC(_)) || matches!(target, Target::Heap(block) if !block.live)
}

/// What there is to say about a pointer to freed memory.
pub(super) fn words<'a>(holder: &'a Holder, pointer: usize, facts: &'a Facts) -> Words<'a> {
    let of_c = facts.memory.as_ref().and_then(Memory::of_c);
    let freed = match of_c {
        None => "in the table of Rust's blocks: this one is freed and not given out again",
        Some(_) => "in the table of C's blocks: C freed this one, and has not given it out again",
    };
    let mut json = word_members(pointer, holder);
    json.push(("target", Value::or_null(facts.target(), Value::Memory)));
    Words {
        sentence: match holder {
            Holder::Argument => (format!("{} points to freed memory", whose(facts)), String::new()),
            Holder::Result { .. } => (format!("{} returned a pointer to freed memory", function(facts)), in_it(holder)),
            Holder::Value { .. } | Holder::Pointee { .. } | Holder::CBlock { .. } => {
                (format!("{} leads to freed memory", whose(facts)), in_it(holder))
            }
        },
        label: match holder {
            Holder::Result { .. } if !facts.is_callback() => "the block was freed before this call returned".into(),
            Holder::Argument => {
                label(facts, ", which points to freed memory", ": the block was freed before this call")
            }
            Holder::Result { .. } | Holder::Value { .. } | Holder::Pointee { .. } | Holder::CBlock { .. } => {
                label(facts, ", which points to freed memory", &whose_word(holder, "freed memory"))
            }
        },
        story: Story::of_crossing(facts, ALL, None),
        // The picture has Rust's memory on its left.
        picture: facts
            .memory
            .as_ref()
            .filter(|_| of_c.is_none())
            .map(|target| Picture::of_word(facts, holder, pointer, target, "dangling")),
        helps: match of_c {
            Some(block) => helps_for_cs(facts, holder, block),
            None => helps(facts, holder),
        },
        notes: match (facts.is_callback(), facts.parameter()) {
            (true, None) => vec![format!("found when the callback returned, {freed}")],
            (true, Some(_)) => found_when_called(facts, freed),
            (false, _) => {
                let when = if facts.is_about_result() { "after" } else { "before" };
                vec![format!("found {when} the call, {freed}")]
            }
        },
        json,
    }
}

/// The ways out if the block is C's own.
fn helps_for_cs(facts: &Facts, holder: &Holder, block: &BlockFacts) -> Vec<String> {
    let (word, func) = (the_word(facts), function(facts));
    let freeing = block.freed_under.map(|site| site.function.declaration.name);
    let ended = freeing.map_or_else(|| "C has freed it".into(), |name| format!("`{name}` has freed it"));
    match holder {
        Holder::Result { .. } => vec![
            format!("do not use what {func} returns after {ended}: look for it again, or get a new one"),
            "or the error is C's: its documentation says how long a result stays good".into(),
        ],
        Holder::Argument if facts.is_callback() => vec![
            format!("have C forget what it registered {func} with before {ended}"),
            "or the error is C's: its documentation says how long what it hands out stays good".into(),
        ],
        _ => vec![
            format!("do not pass {word} after {ended}: own it in one type of Rust's, whose `Drop` ends it, once"),
            "if C frees it with another object (its parent, its session), let the type that holds it borrow that one: \
             `struct Child<'a> { .., parent: PhantomData<&'a Parent> }`"
                .into(),
        ],
    }
}

fn helps(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func, word) = (parameter(facts), function(facts), the_word(facts));
    match holder {
        Holder::Argument if facts.is_callback() => vec![
            format!(
                "keep the owner of {param} alive until C calls no more: store it beside what C registered {func} with, and \
                 drop it after C was told to forget it"
            ),
            "or leave it to C: register `Box::into_raw(b)`, and take it back with `Box::from_raw` in C's destructor, or after \
             C has let go"
                .into(),
        ],
        Holder::Result { .. } => vec![
            format!(
                "if an earlier call gave C this pointer to keep, declare that parameter `#[guard(retained)]`, and keep \
                 its owner alive until {func} no longer returns it"
            ),
            "or leave the memory to C there: pass `Box::into_raw(b)`, declare that parameter `#[guard(owned)]`, and take \
             it back with `Box::from_raw` when C is done"
                .into(),
            "or give C a copy of its own there: `libc::calloc` or `libc::strdup`".into(),
        ],
        Holder::Argument if string(facts) => vec![
            format!(
                "keep the owner in a variable until {func} returns: `let owner = CString::new(text)?;`, then \
                 `{}`",
                call_with(facts, "owner.as_ptr()")
            ),
            "for a fixed text write a literal, which lives for ever: `c\"text\".as_ptr()`".into(),
            format!(
                "to leave it to C, pass `CString::into_raw`, take it back with `CString::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
        ],
        Holder::Argument => vec![
            format!(
                "keep the owner of {param} (the `Box`, `Vec` or `String`) in a variable that is dropped after {func} returns"
            ),
            format!(
                "or let the memory outlive Rust's owner: `Box::into_raw`, back with `Box::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
        ],
        Holder::CBlock { .. } => vec![
            format!("keep the memory that {word} leads to alive until {func} has returned: drop its owner after that"),
            "or have C let go of it first: the call that unsets it, or ends what holds it, goes before the drop".into(),
            format!(
                "if {func} is known not to read what {word} leads to, declare {param} `#[guard(allow(dangling_field))]`"
            ),
        ],
        Holder::Value { .. } => vec![
            format!("keep what {word} points to in a variable that is dropped after {func} returns"),
            format!("or make {word} null (`std::ptr::null_mut()`) where its owner is dropped"),
        ],
        Holder::Pointee { field, .. } => {
            let mut helps = vec![
                format!("keep what {word} points to in a variable that is dropped after {func} returns"),
                format!("or make {word} null (`std::ptr::null_mut()`) where its owner is dropped"),
            ];
            helps.push(match field {
                Some(_) => format!("if C never looks at {word}, declare that field `#[guard(opaque)]`"),
                None if untyped(facts) => {
                    format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`")
                }
                None => format!(
                    "if {func} is known not to read what {word} leads to, declare {param} `#[guard(allow(dangling_field))]`"
                ),
            });
            helps
        }
    }
}
