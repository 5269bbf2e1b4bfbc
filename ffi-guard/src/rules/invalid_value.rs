//! `invalid_value`: what C returns, writes or hands to a callback is no value of the Rust type.
//!
//! C: `bool is_open(void) { return flags & 2; }` compiled as `int`. Rust: `fn is_open() -> bool`,
//! which gets 2 where 0 and 1 are all that there is: the compiler relies on that.
//!
//! The bytes are looked at before they become a value.
//!
//! Checked by [`check_result`] when C has returned, by [`check_argument`] on entry to a callback,
//! and of what C has written by `answers/written.rs`.

use super::words::{Beat, Story, Value, Words, callee, function, label, name, parameter, pointee, short_type, whose};
use crate::call::argument::{Argument, Passing};
use crate::call::validity::{PointerValue, Validity};
use crate::facts::{CameBy, Facts, Finding, InvalidValue};

/// Checks what C has returned.
pub(crate) fn check_result(result: &Argument) -> Option<Finding> {
    invalid(result, CameBy::Result)
}

/// Checks what C hands to a callback.
pub(crate) fn check_argument(argument: &Argument) -> Option<Finding> {
    invalid(argument, CameBy::Argument)
}

/// True if an argument or a result is a value of its type.
pub(crate) fn is_value(argument: &Argument) -> bool {
    invalid(argument, CameBy::Result).is_none()
}

fn invalid(argument: &Argument, by: CameBy) -> Option<Finding> {
    let Argument { address, info, passing, pointer, .. } = *argument;
    match passing {
        Passing::Const | Passing::Mut => {
            let found = InvalidValue {
                expected: Validity::Pointer(pointer, info.align),
                bits: address as u64,
                offset: 0,
                field: String::new(),
                by,
            };
            (!pointer.has(address, info.align)).then_some(Finding::InvalidValue(found))
        }
        Passing::Scalar | Passing::Value => {
            let mut found = None;
            // SAFETY: the value's own bytes, which the wrapper holds.
            unsafe {
                info.value.each_leaf(address, &mut |offset, leaf, bits| {
                    if !leaf.has(bits) {
                        found = Some(at(&info.value, offset, leaf, bits, by));
                    }
                    found.is_none()
                })
            };
            found
        }
    }
}

/// The finding of a part of a type that is no value.
pub(crate) fn at(of: &Validity, offset: usize, leaf: &'static Validity, bits: u64, by: CameBy) -> Finding {
    Finding::InvalidValue(InvalidValue { expected: *leaf, bits, offset, field: of.path(offset), by })
}

/// The type of the value, in backticks.
fn expected(seen: &InvalidValue, facts: &Facts) -> String {
    match seen.expected {
        Validity::Bool => "`bool`".into(),
        Validity::Char => "`char`".into(),
        Validity::NonZero(_) => "`NonZero` number".into(),
        Validity::Enum(discriminants) => format!("`{}`", short_type((discriminants.name)())),
        Validity::Pointer(PointerValue::NonNull, _) => "`NonNull`".into(),
        Validity::Pointer(PointerValue::Box, _) => "`Box`".into(),
        Validity::Pointer(PointerValue::Function, _) => "function pointer".into(),
        Validity::Pointer(..) => "reference".into(),
        Validity::Any | Validity::Fields(_) | Validity::Array { .. } => format!("`{}`", pointee(facts)),
    }
}

/// What is there: `2`, `null`, `0xd800`.
fn there(seen: &InvalidValue) -> String {
    match seen.expected {
        Validity::Enum(discriminants) => discriminants.number(seen.bits).to_string(),
        Validity::Pointer(..) if seen.bits == 0 => "null".into(),
        Validity::Pointer(..) | Validity::Char => format!("{:#x}", seen.bits),
        _ => seen.bits.to_string(),
    }
}

/// The values that the type has, as a sentence has them.
fn values(seen: &InvalidValue, facts: &Facts) -> String {
    match seen.expected {
        Validity::Bool => "a `bool` is 0 or 1".into(),
        Validity::Char => "a `char` is a Unicode scalar value: up to 0x10ffff, and none of 0xd800 to 0xdfff".into(),
        Validity::NonZero(_) => "0 is none of its values".into(),
        Validity::Enum(discriminants) => {
            let listed: Vec<String> = discriminants.values.iter().take(8).map(ToString::to_string).collect();
            let more = if discriminants.values.len() > 8 { ", .." } else { "" };
            format!("{} has {}{more}", expected(seen, facts), listed.join(", "))
        }
        Validity::Pointer(_, align) if seen.bits != 0 => format!("its address is a multiple of {align}"),
        Validity::Pointer(..) => format!("a {} is never null", expected(seen, facts)),
        Validity::Any | Validity::Fields(_) | Validity::Array { .. } => String::new(),
    }
}

/// The part of the value, in backticks, and ` of `; nothing if it is the value itself.
fn part(seen: &InvalidValue, of: &str) -> String {
    if seen.field.is_empty() { String::new() } else { format!("`{}`{of}", seen.field) }
}

pub(super) fn words<'a>(seen: &'a InvalidValue, facts: &'a Facts) -> Words<'a> {
    let (func, is, ty) = (function(facts), there(seen), expected(seen, facts));
    let sentence = match seen.by {
        CameBy::Result if seen.field.is_empty() => format!("{func} returned {is}"),
        CameBy::Result => format!("{func} returned {is} in {}", part(seen, "")),
        CameBy::Argument => format!("C passed {is} for {}{}", part(seen, " of "), whose(facts)),
        CameBy::Write { unchanged: Some(_) } => {
            format!("{func} left {is} in {}{}", part(seen, " of "), parameter(facts))
        }
        CameBy::Write { unchanged: None } => format!("{func} wrote {is} to {}{}", part(seen, " of "), parameter(facts)),
    };
    let got = format!("{is}; {}", values(seen, facts));
    let filled_if = match seen.by {
        CameBy::Write { unchanged } => unchanged,
        CameBy::Result | CameBy::Argument => None,
    };
    Words {
        sentence: (sentence, format!(", which is no {ty}")),
        label: match facts.parameter() {
            Some(_) => label(facts, &format!(": {is}"), &format!(", {is} after the call")),
            None => format!("this call returned {is}"),
        },
        story: story(seen, facts, got),
        picture: None,
        helps: helps(seen, facts),
        notes: match seen.by {
            CameBy::Result => vec!["found when C had returned, from the bytes, before they became a value".into()],
            CameBy::Argument => vec![format!("found when C called {func}, from the bytes, before they became a value")],
            CameBy::Write { unchanged: None } => {
                vec!["found when C had returned: before the call other bytes were there".into()]
            }
            CameBy::Write { unchanged: Some(ok) } => {
                vec![format!("found when C had returned what says that it is filled, `{ok}`")]
            }
        },
        json: vec![
            ("value", Value::text(is)),
            ("type", Value::text(ty.trim_matches('`').to_owned())),
            ("offset", Value::Number(seen.offset)),
            ("field", if seen.field.is_empty() { Value::Null } else { Value::text(&*seen.field) }),
            (
                "came_by",
                Value::text(match seen.by {
                    CameBy::Result => "result",
                    CameBy::Argument => "argument",
                    CameBy::Write { .. } => "write",
                }),
            ),
            ("filled_if", Value::text_or_null(filled_if)),
        ],
    }
}

fn story<'a>(seen: &InvalidValue, facts: &'a Facts, got: String) -> Vec<Beat<'a>> {
    match seen.by {
        CameBy::Result => {
            let mut story = Story::new(facts);
            story.declared();
            story.not_yet_returned();
            story.say("it is", got);
            story.done()
        }
        CameBy::Argument => {
            let mut story = Story::new(facts);
            story.declared();
            story.lent();
            story.say("it is", got);
            story.not_yet_returned();
            story.done()
        }
        CameBy::Write { .. } => {
            let mut story = Story::of_loan(facts, callee(facts));
            story.say("it is", got);
            story.done()
        }
    }
}

/// The ways out: a type that has a value for what C hands over, or C that hands over no such bytes.
fn helps(seen: &InvalidValue, facts: &Facts) -> Vec<String> {
    let func = function(facts);
    let what = match (seen.by, seen.field.as_str()) {
        (CameBy::Result, "") => format!("the result of {func}"),
        (CameBy::Result, field) => format!("the field `{field}`"),
        (_, "") => format!("{} of {func}", parameter(facts)),
        (_, field) => format!("the field `{field}`"),
    };
    let shown = if seen.field.is_empty() && seen.by != CameBy::Result { name(facts) } else { "n" };
    let behind = if matches!(seen.by, CameBy::Write { .. }) && seen.field.is_empty() { "a pointer to " } else { "" };
    let correct = format!("or let C hand over no other bytes: {}", values(seen, facts));
    let declared = match seen.expected {
        Validity::Bool => {
            // An `int` in C is returned in the register whose lowest byte was looked at.
            let number = if seen.by == CameBy::Result && seen.field.is_empty() { "`u8` or `c_int`" } else { "`u8`" };
            vec![format!(
                "declare {what} as {behind}the number that C has there, as {number}, and make it a `bool` in Rust: \
                 `{shown} != 0`"
            )]
        }
        Validity::Char => vec![format!(
            "declare {what} as {behind}`u32`, and ask what it is: `char::from_u32({shown})`, which is `None` then"
        )],
        Validity::NonZero(_) => {
            vec![format!("declare {what} as {behind}the plain number, or as an `Option` of the `NonZero`")]
        }
        Validity::Enum(discriminants) => vec![
            format!(
                "declare {what} as {behind}the number that C has there, and match it: `match {shown} {{ {} => .., _ => \
                 return Err(..) }}`",
                discriminants.values.first().copied().unwrap_or(0)
            ),
            format!(
                "or give {} the variant that C knows: `Name = {}`",
                expected(seen, facts),
                discriminants.number(seen.bits)
            ),
        ],
        Validity::Pointer(pointer, _) if seen.bits == 0 => {
            let written = match pointer {
                PointerValue::Function => "Option<unsafe extern \"C\" fn(..)>",
                PointerValue::NonNull => "Option<NonNull<T>>",
                PointerValue::Box => "Option<Box<T>>",
                PointerValue::Reference | PointerValue::Any => "Option<&T>",
            };
            vec![format!("declare {what} as {behind}`{written}`: null is `None` then")]
        }
        Validity::Pointer(..) => {
            vec![format!("declare {what} as {behind}`*const T`, and read it with `read_unaligned`")]
        }
        Validity::Any | Validity::Fields(_) | Validity::Array { .. } => Vec::new(),
    };
    let mut helps = declared;
    if let CameBy::Write { unchanged: Some(_) } = seen.by {
        helps.push(format!("if that does not say that {} is filled, correct `#[guard(ok = ..)]`", parameter(facts)));
    }
    helps.push(correct);
    helps
}
