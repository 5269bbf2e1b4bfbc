//! `uninitialised_memory`: C is lent memory to read that Rust has never written; or it has left
//! memory alone that it was to fill.
//!
//! Rust: `let mut v = Vec::with_capacity(64); v.set_len(64); send(v.as_ptr(), 64)`: C reads, and
//! sends on, whatever was there. C: `int get(struct info *out)` that returns 0 before it has filled
//! `*out`, which Rust then takes for initialised.
//!
//! Checked by [`check`], on entry to a call, and by [`check_filled`], when C has returned. Both
//! look for what the heap leaves in fresh memory (`heap/fresh.rs`).

use super::field_path;
use super::words::{ALL, Beat, Picture, Story, Value, Words, bytes, callee, function, label, name, parameter, whose};
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::declaration::Parameter;
use crate::call::extent;
use crate::call::shape::{Role, Shape};
use crate::call::target::{PointerArg, Target};
use crate::facts::{Facts, Finding, UninitialisedMemory};
use crate::heap::{self, fresh};
use crate::platform::read;

/// Looks for memory that was never written in what an argument lends to read. `parameter`: its own;
/// `arguments`: all of the call.
pub(crate) fn check(look: &PointerArg<'_>, parameter: &Parameter, arguments: &[Argument]) -> Option<Finding> {
    let PointerArg { argument, contract, .. } = *look;
    let rest = rest(look)?;
    if argument.passing != Passing::Const || contract.is_out() || contract.is_opaque() || contract.is_retained() {
        // C may write it, never looks at it, or reads it later.
        return None;
    }
    let (info, untyped) = (argument.info, extent::untyped(argument));
    let is_stated = !argument.stated.is_unknown() || contract.is_cstr();
    let says_nothing = !info.dense && (untyped || contract.is_typed());
    if !is_stated && (says_nothing || contract.is_owned()) || may_be_left(&info.shape) || info.role == Role::Lock {
        // Nothing says that all of it is written, or C writes behind a `&`.
        return None;
    }
    if !is_stated && !is_reference(parameter) && may_be_of_none(argument, arguments) {
        return None;
    }
    let extent = look.extent.min(rest);
    let extent = match argument.stated {
        Stated::Text(most) => text(argument.address, most.min(rest)),
        _ if contract.is_cstr() => text(argument.address, rest),
        _ if contract.is_text() => text(argument.address, extent),
        _ => extent,
    };
    // Of a type that is not known, some bytes may be of no field: one of its values counts if
    // nothing in it was written.
    // The same holds for a struct that C may have filled in part.
    let Target::Heap(block) = &look.target else { return None };
    let by_c = heap::was_open(block);
    let is_struct = !(matches!(info.shape, Shape::Plain) && info.size <= 16 || info.role != Role::Other || untyped);
    let in_words = info.dense && !(by_c && is_struct) || untyped || info.size < fresh::WORD;
    let offset = match in_words {
        // SAFETY: the extent is inside a live block.
        true => unsafe { fresh::first_in(argument.address, extent) }?,
        false => first_value(argument.address, extent, info.size)?,
    };
    // C may have written a text there, or a struct that no type tells of.
    let is_written_in_part =
        offset >= fresh::WORD && (untyped || info.size == 1 && text(argument.address, offset) < offset);
    if by_c && is_written_in_part {
        return None;
    }
    Some(found(argument, extent, offset, None, info.dense))
}

/// Looks at what C was to fill: all of it is as it was when the block was given out. `ok`: the
/// condition that says that C has filled it, which holds.
pub(crate) fn check_filled(look: &PointerArg<'_>, ok: &'static str) -> Option<Finding> {
    let PointerArg { argument, contract, extent, .. } = *look;
    let is_unknown = argument.stated.is_unknown();
    if !contract.is_out() || extent > rest(look)? || is_unknown && extent::untyped(argument) {
        return None;
    }
    let first = argument.address.next_multiple_of(fresh::WORD) - argument.address;
    // SAFETY: the extent is inside a live block.
    let run = unsafe { fresh::run_at(argument.address, extent, first.min(extent)) };
    // C may fill a buffer in part, and leave fields of a struct to later versions.
    let is_untouched = run > 0 && first + run + fresh::WORD > extent;
    is_untouched.then(|| found(argument, extent, first, Some(ok), true))
}

/// Bytes from the argument to the end of its live block.
fn rest(look: &PointerArg<'_>) -> Option<usize> {
    let Target::Heap(block) = &look.target else { return None };
    if !block.live {
        return None;
    }
    (block.start + block.size).checked_sub(look.argument.address)
}

fn found(argument: &Argument, extent: usize, offset: usize, ok: Option<&'static str>, certain: bool) -> Finding {
    // SAFETY: the extent is inside a live block; an aligned word was found at the offset.
    let len = unsafe { fresh::run_at(argument.address, extent, offset) };
    let field = field_path(argument.info, offset, argument.info.size != 0 && extent > argument.info.size);
    Finding::UninitialisedMemory(UninitialisedMemory { offset, len, field, ok, certain })
}

/// Bytes of a text before its NUL.
fn text(address: usize, most: usize) -> usize {
    // SAFETY: inside a live block.
    unsafe { read::nul(address, most) }.unwrap_or(most)
}

/// The offset of the first value of an array whose whole words are all as they were.
fn first_value(address: usize, extent: usize, size: usize) -> Option<usize> {
    let mut from = 0;
    while from < extent {
        // SAFETY: the extent is inside a live block.
        let offset = from + unsafe { fresh::first_in(address + from, extent - from) }?;
        let (start, end) = (offset - offset % size, (offset - offset % size + size).min(extent));
        let first = (address + start).next_multiple_of(fresh::WORD) - address;
        // SAFETY: as above.
        let run = if offset == first { unsafe { fresh::run_at(address, end, first) } } else { 0 };
        if run > 0 && first + run + fresh::WORD > end {
            return Some(first);
        }
        from = end;
    }
    None
}

/// True if Rust may leave bytes of a value unwritten: `MaybeUninit`, or what C never looks at.
fn may_be_left(shape: &Shape) -> bool {
    match shape {
        Shape::Out => true,
        Shape::Array { element, .. } => may_be_left(element),
        Shape::Fields(fields) => fields.iter().any(|field| may_be_left(field.shape)),
        Shape::Plain | Shape::Untyped | Shape::Words => false,
    }
}

/// True for a parameter that is written as a reference, which leads to a value of its type always.
fn is_reference(parameter: &Parameter) -> bool {
    parameter.ty.starts_with('&')
}

/// True if a pointer of which no extent is stated may lead to an array of none: another argument is
/// a number that is 0, or leads to the same place, where the array ends.
fn may_be_of_none(argument: &Argument, arguments: &[Argument]) -> bool {
    let is_zero = |number: &Argument| {
        let size = number.info.size;
        number.info.role == Role::Other && number.address != 0 && (1..=16).contains(&size) && {
            let bytes = std::ptr::with_exposed_provenance::<u8>(number.address);
            // SAFETY: the bytes of a number that is passed by value, in the wrapper's frame.
            (0..size).all(|at| unsafe { bytes.add(at).read() } == 0)
        }
    };
    arguments.iter().any(|other| match other.passing {
        Passing::Scalar => is_zero(other),
        Passing::Const | Passing::Mut => !std::ptr::eq(other, argument) && other.address == argument.address,
        Passing::Value => false,
    })
}

pub(super) fn words<'a>(seen: &'a UninitialisedMemory, facts: &'a Facts) -> Words<'a> {
    let UninitialisedMemory { offset, len, field, ok, certain } = seen;
    let place = match field {
        Some(field) => format!(", from `{field}` on"),
        None if *offset == 0 => String::new(),
        None => format!(", from byte {offset} on"),
    };
    let at = match field {
        Some(field) => format!("byte {offset} (`{field}`)"),
        None => format!("byte {offset}"),
    };
    let which = format!("{} from {at} of what was lent", bytes(*len));
    let json = vec![
        ("offset", Value::Number(*offset)),
        ("length", Value::Number(*len)),
        ("field", Value::text_or_null(field.as_deref())),
        ("filled_if", Value::text_or_null(*ok)),
        ("certain", Value::Flag(*certain)),
    ];
    let how = "from level 2 on, fresh memory of Rust's heap holds a number that is drawn for each run: \
               it is still there";
    match ok {
        Some(ok) => unfilled(facts, ok, (which, how), json),
        None => unwritten(facts, (place, which, how), (*certain, *offset < fresh::WORD), json),
    }
}

/// What was lent to read was never written, or not all of it.
fn unwritten<'a>(
    facts: &'a Facts,
    (place, which, how): (String, String, &str),
    (certain, is_whole): (bool, bool),
    json: Vec<(&'static str, Value<'a>)>,
) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let mut notes = vec![format!("found before the call: {how}")];
    if !certain {
        notes.push(
            "its type does not tell which of its bytes Rust writes, so this is a warning; derive `Plain` or `Pointee` \
             for a struct"
                .into(),
        );
    }
    Words {
        sentence: (
            format!("{} {}", whose(facts), if is_whole { "was never written" } else { "is written in part" }),
            place,
        ),
        label: label(facts, "", if is_whole { ", never written" } else { ", not all of it written" }),
        story: Story::of_crossing(facts, ALL, Some(Beat::Words("not written", which.into()))),
        picture: Picture::of_argument(facts, "lent"),
        helps: vec![
            format!(
                "write it before the call: `vec![0; n]` in place of `Vec::with_capacity(n)`, and no `set_len` or \
                 `assume_init` before all of it is written"
            ),
            format!("or tell C of what is written alone: `{}.len()` in place of `capacity()`", name(facts)),
            format!(
                "if {func} writes there, declare {param} as `*mut`, with `#[guard(out)]` if it reads nothing there"
            ),
        ],
        notes,
        json,
    }
}

/// C says that it has filled what it was to fill.
fn unfilled<'a>(
    facts: &'a Facts,
    ok: &str,
    (which, how): (String, &str),
    json: Vec<(&'static str, Value<'a>)>,
) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let mut story = Story::of_loan(facts, callee(facts));
    story.say("not filled", which);
    Words {
        sentence: (format!("C did not fill {}", whose(facts)), String::new()),
        label: label(facts, "", &format!(", not filled where `{ok}`")),
        story: story.done(),
        picture: Picture::of_argument(facts, "lent"),
        helps: vec![
            format!("take {param} for initialised only if C has filled it: ask what else {func} returns then"),
            format!(
                "or hand C initialised memory: `let mut value = T::default();` in place of `MaybeUninit::uninit()`"
            ),
            format!("if `{ok}` does not say that {param} is filled, correct the condition: `#[guard(ok = ..)]`"),
        ],
        notes: vec![format!("found when C had returned: {how}")],
        json,
    }
}
