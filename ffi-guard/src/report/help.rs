//! The ways out, one function a rule: cheapest first, each with something to type.
//!
//! A help names only what exists in this version of the crate. What a later version adds goes in here, in the place that
//! its cost gives it.

use super::words::{by_pointer, bytes, function, parameter, read_only, short_type, the_word};
use super::{bound, callback, freed, leaked, stale, written, wrong_free};
use crate::call::extent::StatedExtent;
use crate::facts::{Facts, Finding, Holder, Memory, Place};

/// At most so many are printed.
const MOST: usize = 3;

/// The ways out of what was found.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let mut helps = match &facts.finding {
        Finding::ReturnedPointer { .. } => callback::returned_pointer(facts),
        Finding::WrongThread { .. } => bound::helps(facts),
        Finding::DanglingPointer { holder: Holder::Argument, .. } if facts.is_callback() => callback::dangling(facts),
        Finding::NestedPointer { holder, .. } => nested_pointer(facts, holder),
        Finding::DanglingPointer { holder, .. } => dangling_pointer(facts, holder),
        Finding::OutOfBounds { stated, available } => out_of_bounds(facts, *stated, *available),
        Finding::UnterminatedString { .. } => unterminated_string(facts),
        Finding::NullPointer => null_pointer(facts),
        Finding::MisalignedPointer { align } => misaligned_pointer(facts, *align),
        Finding::RetainedPointer { place: Place::RustBlock { parameter, .. }, .. } => left_in(facts, parameter),
        Finding::StaleHandle(stale) => stale::helps(stale),
        Finding::RetainedPointer { .. } => retained_pointer(facts),
        Finding::FreedWhileRetained { .. } => freed::helps(facts),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free::helps(wrong),
        Finding::LeakedOwnership { .. } => leaked::helps(facts),
        Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } | Finding::UseAfterFree { .. } => {
            written::helps(facts)
        }
    };
    helps.truncate(MOST);
    helps
}

/// Whether the pointee's type says nothing of what is behind it.
fn untyped(facts: &Facts) -> bool {
    facts.argument.is_some_and(|argument| argument.pointee.ends_with("c_void"))
}

/// Whether C takes it for a string.
fn string(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|p| p.contract.is_cstr() || p.ty.ends_with("c_char") && p.extent.is_empty())
}

/// The name in code: `name`, or something that stands for it.
fn name(facts: &Facts) -> &'static str {
    facts.parameter().map_or("p", |parameter| parameter.name)
}

/// The call in code, with `argument` in the parameter's place: `f(.., owner.as_ptr(), ..)`.
fn call_with(facts: &Facts, argument: &str) -> String {
    let Some(call) = &facts.call else { return format!("f({argument})") };
    let declaration = call.function.declaration;
    let index = call.parameter.unwrap_or(0);
    let before = if index > 0 { ".., " } else { "" };
    let after = if index + 1 < declaration.parameters.len() { ", .." } else { "" };
    format!("{}({before}{argument}{after})", declaration.name)
}

fn nested_pointer(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func, word) = (parameter(facts), function(facts), the_word(facts));
    let mut helps = Vec::new();
    if untyped(facts) {
        helps.push(format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`"));
    }
    helps.push(format!(
        "if {func} is known to use {word} during the call only, declare {param} `#[guard(allow(nested_pointer))]`"
    ));
    let pin = format!(
        "or pin what {word} points to: `let pin = ffi_guard::pin(&inner);`, made before the call, lets C follow it, and keep \
         it, until `pin` is dropped"
    );
    let unnamed = matches!(holder, Holder::Value { field: None, .. } | Holder::Pointee { field: None, .. });
    let typed = by_pointer(facts) && !untyped(facts);
    if let (true, true, Some(argument)) = (unnamed, typed, facts.argument) {
        helps.push(format!(
            "if {word} is a number and no pointer, put `#[derive(ffi_guard::Pointee)]` on `{}`: its pointer fields \
             alone are looked at then",
            short_type(argument.pointee)
        ));
    }
    helps.push(pin);
    let what = match facts.target() {
        Some(Memory::Stack { .. }) => "what it points to".into(),
        Some(Memory::Heap(block)) => format!("the {}", bytes(block.size)),
        _ => "the bytes".into(),
    };
    helps.push(format!(
        "or give C memory of its own: copy {what} into a `ffi_guard::CArena`, make {word} the copy's address, and keep \
         the arena until C is done"
    ));
    helps
}

fn dangling_pointer(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func, word) = (parameter(facts), function(facts), the_word(facts));
    match holder {
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
        Holder::Value { .. } | Holder::Pointee { .. } => vec![
            format!("keep what {word} points to in a variable that is dropped after {func} returns"),
            format!("or make {word} null (`std::ptr::null_mut()`) where its owner is dropped"),
            format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`"),
        ],
    }
}

fn out_of_bounds(facts: &Facts, stated: StatedExtent, available: usize) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let count = facts.parameter().map(|p| p.extent).filter(|extent| !extent.is_empty()).unwrap_or("n");
    let bytes_of = if read_only(facts) { "*const u8" } else { "*mut u8" };
    match stated {
        StatedExtent::Type(size) => vec![
            format!("pass at least {}: one whole `{}`", bytes(size), pointee(facts)),
            format!(
                "if {func} takes bytes and is told how many, declare {param} as `{bytes_of}` with \
                 `#[guard(counted_by = len)]`, `len` being the parameter that says it"
            ),
            format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`"),
        ],
        StatedExtent::Elements { count: n, size } => {
            let mut helps = Vec::new();
            if size > 1 && n <= available {
                helps.push(format!(
                    "if `{count}` counts bytes, not elements of {}, declare {param} `#[guard(sized_by = {count})]`",
                    bytes(size)
                ));
            }
            helps.push(match available / size.max(1) {
                0 => format!("pass an address before the end of the memory, or a `{count}` of 0"),
                most => format!("pass the length that is there: a `{count}` of at most {most}"),
            });
            if matches!(facts.memory, Some(Memory::Heap(_))) {
                helps.push("or make the memory larger before the call: `vec.resize(new_len, value)`".into());
            }
            helps
        }
        StatedExtent::Negative(_) => vec![
            format!(
                "convert with a check, not with `as`: `c_int::try_from({}.len())?` never yields a negative count",
                name(facts)
            ),
            if string(facts) {
                format!(
                    "if a negative `{count}` means \"up to the NUL\", declare {param} `#[guard(cstr)]` in its place"
                )
            } else {
                format!(
                    "if a negative `{count}` means something to {func}, take the count off the declaration of {param}"
                )
            },
        ],
        StatedExtent::TooLarge(_) if matches!(facts.lent(), None | Some(Memory::Foreign { .. })) => {
            vec![checked(count)]
        }
        StatedExtent::TooLarge(_) => vec![
            checked(count),
            format!("pass the length that is there: {} to the end of the memory", bytes(available)),
        ],
    }
}

fn checked(count: &str) -> String {
    format!("compute `{count}` with a check: `a.checked_sub(b)` and `a.checked_mul(b)` tell when it wraps")
}

fn pointee(facts: &Facts) -> &'static str {
    facts.argument.map_or("T", |argument| short_type(argument.pointee))
}

fn unterminated_string(facts: &Facts) -> Vec<String> {
    let param = parameter(facts);
    vec![
        format!(
            "pass a `CString`, which ends in NUL: `let c = CString::new({})?;`, then `{}`",
            name(facts),
            call_with(facts, "c.as_ptr()")
        ),
        "for a fixed text write a C literal: `c\"text\".as_ptr()`".into(),
        format!(
            "if C is told the length and needs no NUL, declare {param} `#[guard(counted_by = len)]` in place of `cstr`"
        ),
    ]
}

fn null_pointer(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    vec![
        format!("check it before the call: `if {}.is_null() {{ return Err(..); }}`", name(facts)),
        format!("if {func} accepts null here, take `nonnull` off the declaration of {param}"),
    ]
}

fn misaligned_pointer(facts: &Facts, align: usize) -> Vec<String> {
    let (param, func, ty) = (parameter(facts), function(facts), pointee(facts));
    vec![
        format!("if {func} takes any address, declare {param} as a pointer to `u8` or `c_void`"),
        format!("allocate it as what it is (`Vec<{ty}>`, `Box<{ty}>`, `MaybeUninit<{ty}>`), not as bytes and a cast"),
        format!(
            "or copy it to a place aligned to {}: `let value = {}.read_unaligned();`, then pass `&value`",
            bytes(align),
            name(facts)
        ),
    ]
}

/// C stored it in another block that the call was lent.
fn left_in(facts: &Facts, holder: &str) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    vec![
        format!(
            "if {func} is meant to store it there, declare {param} `#[guard(retained)]`, and keep its owner alive as \
             long as `{holder}` holds it"
        ),
        format!("if {func} fills `{holder}` in for Rust to read, declare `{holder}` `#[guard(out)]`"),
        copy_of_its_own(facts),
    ]
}

fn copy_of_its_own(facts: &Facts) -> String {
    if string(facts) {
        format!("or give C a copy of its own: pass `libc::strdup({}.as_ptr())`, which C frees with `free`", name(facts))
    } else {
        "or give C a copy of its own: `libc::calloc`, copy the bytes, pass that, and `libc::free` it when C is done"
            .into()
    }
}

fn retained_pointer(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let copy = copy_of_its_own(facts);
    if matches!(facts.memory, Some(Memory::Stack { .. })) {
        return vec![
            "move it off the stack for as long as C keeps it: `let value = ffi_guard::Pinned::new(value);`, pass \
             `value.as_mut_ptr()`, and drop it when C is done"
                .into(),
            format!(
                "or leave it to C: pass `Box::into_raw(Box::new(value))`, take it back with `Box::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
            copy,
        ];
    }
    vec![
        format!(
            "if {func} is meant to keep it, declare {param} `#[guard(retained)]`, and keep its owner alive until C lets go"
        ),
        "or pin it at this call alone: `let pin = ffi_guard::pin(&value);` before it, dropped when C has let go; \
         `ffi_guard::Pinned` is owner and pin in one"
            .into(),
        copy,
    ]
}
