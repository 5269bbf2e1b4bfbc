//! The ways out, one function a rule: cheapest first, each with something to type.
//!
//! A help names only what exists in this version of the crate. What a later version adds (pins, handles, arenas) goes in
//! here, in the place that its cost gives it.

use super::violation::{Facts, Finding, Holder, Memory, StatedExtent};
use super::words::{bytes, function, parameter, short_type, word};

/// At most so many are printed.
const MOST: usize = 3;

/// The ways out of what was found.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let mut helps = match &facts.finding {
        Finding::NestedPointer { holder, .. } => nested_pointer(facts, holder),
        Finding::DanglingPointer { holder, .. } => dangling_pointer(facts, holder),
        Finding::OutOfBounds { stated, available } => out_of_bounds(facts, *stated, *available),
        Finding::UnterminatedString { .. } => unterminated_string(facts),
        Finding::NullPointer => null_pointer(facts),
        Finding::MisalignedPointer { align } => misaligned_pointer(facts, *align),
        Finding::RetainedPointer { .. } => retained_pointer(facts),
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
    facts.parameter().is_some_and(|p| p.contract.is_cstr() || p.ty.ends_with("c_char"))
}

/// The name in code: `name`, or something that stands for it.
fn name(facts: &Facts) -> &'static str {
    facts.parameter().map_or("p", |parameter| parameter.name)
}

/// The function's name in code.
fn callee(facts: &Facts) -> &'static str {
    facts.call.as_ref().map_or("f", |call| call.function.declaration.name)
}

fn nested_pointer(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let place = word(holder).unwrap_or_else(|| param.clone());
    let mut helps = Vec::new();
    if untyped(facts) {
        helps.push(format!(
            "if C only hands {param} back and never reads what is behind it, declare it `#[guard(opaque)]`"
        ));
    }
    helps.push(format!(
        "if C follows {place} during the call only, and {func} is known for it, declare {param} \
         `#[guard(allow(nested_pointer))]`"
    ));
    let unnamed = matches!(holder, Holder::Value { field: None, .. } | Holder::Pointee { field: None, .. });
    if let (true, false, Some(argument)) = (unnamed, untyped(facts), facts.argument) {
        helps.push(format!(
            "if {place} is no pointer but a number, put `#[derive(ffi_guard::Pointee)]` on `{}`: its pointer \
             fields alone are looked at then",
            short_type(argument.pointee)
        ));
    }
    let copy = if facts.target().is_some_and(|target| matches!(target, Memory::Stack { .. })) {
        "what it leads to"
    } else {
        "the block it leads to"
    };
    helps.push(format!(
        "or give C memory of its own: `libc::calloc`, copy {copy}, store that address in {place}, and `libc::free` it \
         after the call"
    ));
    helps
}

fn dangling_pointer(facts: &Facts, holder: &Holder) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    match word(holder) {
        None if string(facts) => vec![
            format!(
                "keep the owner in a variable until {func} returns: `let owner = CString::new(text)?;`, then \
                 `{}(owner.as_ptr())`",
                callee(facts)
            ),
            "for a fixed text write a literal, which lives for ever: `c\"text\".as_ptr()`".into(),
            format!(
                "to leave it to C, pass `CString::into_raw`, take it back with `CString::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
        ],
        None => vec![
            format!(
                "keep the owner of {param} (the `Box`, `Vec` or `String`) in a variable that is dropped after {func} returns"
            ),
            format!(
                "or let the memory outlive Rust's owner: `Box::into_raw`, back with `Box::from_raw` when C is done, and \
                 declare {param} `#[guard(owned)]`"
            ),
        ],
        Some(place) => vec![
            format!("keep what {place} points to in a variable that is dropped after {func} returns"),
            format!("or store `std::ptr::null_mut()` in {place} where its owner is dropped"),
            format!("if C only hands {param} back and never reads what is behind it, declare it `#[guard(opaque)]`"),
        ],
    }
}

fn out_of_bounds(facts: &Facts, stated: StatedExtent, available: usize) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let count = facts.parameter().map(|p| p.extent).filter(|extent| !extent.is_empty()).unwrap_or("n");
    match stated {
        StatedExtent::Type(size) => vec![
            format!("pass at least {}: one whole `{}`", bytes(size), pointee(facts)),
            format!(
                "if {func} takes bytes and is told how many, declare {param} as `*mut u8` with \
                 `#[guard(counted_by = len)]`, `len` being the parameter that says it"
            ),
            format!("if C only hands {param} back and never looks behind it, declare it `#[guard(opaque)]`"),
        ],
        StatedExtent::Elements { count: n, size } => {
            let mut helps = Vec::new();
            if size > 1 && n <= available {
                helps.push(format!(
                    "if `{count}` counts bytes, not elements of {}, declare {param} `#[guard(sized_by = {count})]`",
                    bytes(size)
                ));
            }
            helps.push(match size {
                0 | 1 => format!("pass the length that is there: `{count}` of at most {available}"),
                _ => format!("pass the length that is there: `{count}` of at most {}", available / size),
            });
            helps.push(format!(
                "or make the memory larger before the call: `vec.resize(new_len, 0)` or `Vec::with_capacity(new_len)`"
            ));
            helps
        }
        StatedExtent::Negative(_) => vec![
            format!(
                "convert with a check, not with `as`: `c_int::try_from({}.len())?` never yields a negative count",
                name(facts)
            ),
            format!("where a negative count means \"up to the NUL\", declare {param} `#[guard(cstr)]` in place of a count"),
        ],
        StatedExtent::TooLarge(_) => vec![
            format!("compute `{count}` with a check: `a.checked_sub(b)` and `a.checked_mul(b)` tell when it wraps"),
            format!("pass the length that is there: {}", bytes(available)),
        ],
    }
}

fn pointee(facts: &Facts) -> &'static str {
    facts.argument.map_or("T", |argument| short_type(argument.pointee))
}

fn unterminated_string(facts: &Facts) -> Vec<String> {
    let param = parameter(facts);
    vec![
        format!(
            "pass a `CString`, which ends in NUL: `let c = CString::new({})?;`, then `{}(c.as_ptr())`",
            name(facts),
            callee(facts)
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
        format!("check it before the call: `let {0} = NonNull::new({0}).ok_or(..)?;`", name(facts)),
        format!("if {func} accepts null here, take `nonnull` off the declaration of {param}"),
    ]
}

fn misaligned_pointer(facts: &Facts, align: usize) -> Vec<String> {
    let (param, func, ty) = (parameter(facts), function(facts), pointee(facts));
    vec![
        format!("if {func} takes any address, declare {param} as a pointer to `u8` or `c_void`"),
        format!("let the type align it: `let mut v = MaybeUninit::<{ty}>::uninit();`, then pass `v.as_mut_ptr()`"),
        format!("or copy it out first: `let v = ptr.read_unaligned();` is aligned to {}", bytes(align)),
    ]
}

fn retained_pointer(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let copy = if string(facts) {
        format!("or give C a copy of its own: pass `libc::strdup({}.as_ptr())`, which C frees with `free`", name(facts))
    } else {
        format!("or give C a copy of its own: `libc::calloc`, copy the bytes, pass that, and `libc::free` it when C is done")
    };
    if matches!(facts.memory, Some(Memory::Stack { .. })) {
        return vec![
            format!(
                "move it off the stack and leave it to C: pass `Box::into_raw(Box::new(value))`, take it back with \
                 `Box::from_raw` when C is done, and declare {param} `#[guard(owned)]`"
            ),
            copy,
        ];
    }
    vec![
        format!(
            "if {func} is meant to keep it, declare {param} `#[guard(retained)]`, and keep its owner alive until C lets go"
        ),
        format!(
            "or leave it to C: pass `Box::into_raw(b)`, take it back with `Box::from_raw` when C is done, and declare \
             {param} `#[guard(owned)]`"
        ),
        copy,
    ]
}
