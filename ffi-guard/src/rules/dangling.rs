//! The words of `dangling_pointer` and `dangling_field`, which are about one thing: a pointer to
//! freed memory, or to a stack frame that is left.

use super::words::{
    ALL, Picture, Story, Value, Words, call_with, found_when_called, function, in_it, label, parameter, string,
    the_word, untyped, whose, whose_word, word_members,
};
use crate::call::target::Target;
use crate::facts::{BlockFacts, Facts, Holder, Memory};

/// True if memory is freed and not given out again, or its frame on the stack is left.
#[inline]
pub(super) fn is_dead(target: &Target) -> bool {
    match target {
        Target::Heap(block) => !block.live,
        Target::FreedByC(_) | Target::LeftStack => true,
        Target::Null | Target::Stack(_) | Target::Foreign => false,
    }
}

/// What there is to say about a pointer to freed memory.
pub(super) fn words<'a>(holder: &'a Holder, pointer: usize, facts: &'a Facts) -> Words<'a> {
    let left = facts.is_about_left_stack();
    let of_c = facts.memory.as_ref().and_then(Memory::of_c);
    let (to, freed) = match (left, of_c) {
        (true, _) => ("a stack frame that is gone", "by where the caller's frame begins: the stack below it is left"),
        (_, Some(_)) => {
            ("freed memory", "in the table of C's blocks: C freed this one, and has not given it out again")
        }
        _ => ("freed memory", "in the table of Rust's blocks: this one is freed and not given out again"),
    };
    let which = format!(", which points to {to}");
    let mut json = word_members(pointer, holder);
    json.push(("target", Value::or_null(facts.target(), Value::Memory)));
    Words {
        sentence: match holder {
            Holder::Argument => (format!("{} points to {to}", whose(facts)), String::new()),
            Holder::Result { .. } => (format!("{} returned a pointer to {to}", function(facts)), in_it(holder)),
            Holder::Value { .. } | Holder::Pointee { .. } | Holder::CBlock { .. } => {
                (format!("{} leads to {to}", whose(facts)), in_it(holder))
            }
        },
        label: match holder {
            Holder::Result { .. } if !facts.is_callback() => match left {
                true => "the function whose variable it was had returned before this call did".into(),
                false => "the block was freed before this call returned".into(),
            },
            Holder::Argument => label(
                facts,
                &which,
                if left {
                    ": the function whose variable it was has returned"
                } else {
                    ": the block was freed before this call"
                },
            ),
            Holder::Result { .. } | Holder::Value { .. } | Holder::Pointee { .. } | Holder::CBlock { .. } => {
                label(facts, &which, &whose_word(holder, to))
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

/// The ways out if it was a variable of a function that has returned.
fn helps_of_left_stack(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func, word) = (parameter(facts), function(facts), the_word(facts));
    let it = if let Holder::Argument = holder { param.clone() } else { word };
    let boxed =
        "or move it off the stack: `let value = Box::new(value);`, kept as long as C follows the pointer".into();
    if facts.is_callback() || matches!(holder, Holder::Result { .. }) {
        return vec![
            format!(
                "keep what C was given off the stack for as long as C has it: `let value = ffi_guard::Pinned::new(value);`, \
                 pass `value.as_mut_ptr()`, and drop it when C is done"
            ),
            "or have C let go of it before the function returns whose variable it is".into(),
            format!("or, if C returns the address of a variable of its own, have {func} return a `static` or a copy"),
        ];
    }
    vec![
        format!(
            "have the function that calls {func} own what {it} points to: declare the variable there, and lend it from there"
        ),
        boxed,
        format!("or call {func} before the function returns whose variable it is"),
    ]
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
    if facts.is_about_left_stack() {
        return helps_of_left_stack(facts, holder);
    }
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
