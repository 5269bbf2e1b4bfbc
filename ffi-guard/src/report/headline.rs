//! The first line, and the label under the call: the finding in one sentence.
//!
//! The headline is one line whatever its length, so that `#[should_panic(expected = ..)]` and grep can rely on it; the
//! sentences are as short as they are to leave room for the names.

use super::words::{WIDTH, by_pointer, bytes, columns, function, parameter, word};
use super::{bound, callback, freed, leaked, written, wrong_free};
use crate::call::extent::StatedExtent;
use crate::facts::{Facts, Finding, Holder, Memory, Place};

/// The first line of a report.
pub(super) fn headline(facts: &Facts) -> String {
    let start = format!("ffi-guard[{}]: ", facts.rule());
    let (sentence, place) = sentence(facts);
    // Where in the argument it is stands once more under the call: it may go for the width's sake.
    if columns(&start) + columns(&sentence) + columns(&place) > WIDTH {
        return start + &sentence;
    }
    start + &sentence + &place
}

/// The sentence alone, whole.
pub(super) fn message(facts: &Facts) -> String {
    let (sentence, place) = sentence(facts);
    sentence + &place
}

/// What, which parameter, which function; and behind it, where exactly.
fn sentence(facts: &Facts) -> (String, String) {
    let (param, func) = (parameter(facts), function(facts));
    let whose = format!("{param} of {func}");
    let place = facts.holder().map_or_else(String::new, place);
    match &facts.finding {
        // A field of a struct by value leads there, or C memory does.
        Finding::NestedPointer { holder: Holder::Pointee { memory, .. }, .. }
            if !by_pointer(facts) || matches!(memory, Memory::Foreign { .. }) =>
        {
            (format!("{whose} leads to a Rust pointer"), place)
        }
        Finding::NestedPointer { holder: Holder::Pointee { .. }, .. } => {
            (format!("{whose} points to a Rust pointer"), place)
        }
        Finding::NestedPointer { .. } => (format!("{whose} carries a Rust pointer"), place),
        Finding::DanglingPointer { holder: Holder::Argument, .. } => (format!("{whose} points to freed memory"), place),
        Finding::DanglingPointer { holder: Holder::Result { .. }, .. } => {
            (format!("{func} returned a pointer to freed memory"), place)
        }
        Finding::DanglingPointer { .. } => (format!("{whose} leads to freed memory"), place),
        Finding::OutOfBounds { stated, available } => {
            (format!("{whose} {}", extent(*stated, *available)), String::new())
        }
        Finding::UnterminatedString { searched } => {
            (format!("{whose} has no NUL in {}", bytes(*searched)), String::new())
        }
        Finding::NullPointer => (format!("{whose} is null, declared `nonnull`"), String::new()),
        Finding::MisalignedPointer { align } => (format!("{whose} is not aligned to {}", bytes(*align)), String::new()),
        Finding::ReturnedPointer { .. } => (format!("{func} returned a pointer to Rust memory to C"), place),
        Finding::WrongThread { got } => (bound::sentence(facts, got), String::new()),
        Finding::RetainedPointer { place: Place::RustBlock { parameter, .. }, .. } => {
            (format!("C left {param} in `{parameter}` after {func} returned"), String::new())
        }
        Finding::StaleHandle(stale) => (stale.sentence(), String::new()),
        Finding::RetainedPointer { absent_before: true, .. } => {
            (format!("C kept {param} after {func} returned"), String::new())
        }
        Finding::RetainedPointer { absent_before: false, .. } => {
            (format!("C holds {param} after {func} returned"), String::new())
        }
        Finding::FreedWhileRetained { .. } => (freed::sentence(facts), String::new()),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free::sentence(facts, wrong),
        Finding::LeakedOwnership { .. } => (leaked::sentence(facts), String::new()),
        Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } | Finding::UseAfterFree { .. } => {
            written::sentence(facts)
        }
    }
}

/// `` , in `x` `` or `, at byte 16`.
fn place(holder: &Holder) -> String {
    match word(holder) {
        None => String::new(),
        Some(byte) if byte.starts_with('b') => format!(", at {byte}"),
        Some(field) => format!(", in {field}"),
    }
}

/// What is there of what is stated.
fn extent(stated: StatedExtent, available: usize) -> String {
    let there = if available == 0 { "none".to_string() } else { available.to_string() };
    match stated {
        StatedExtent::Type(size) => format!("has {there} of the {} of its type", bytes(size)),
        StatedExtent::Elements { count, size } => match count.checked_mul(size) {
            Some(all) => format!("has {there} of {all} stated bytes"),
            None => "states more bytes than memory has".into(),
        },
        StatedExtent::Negative(count) => format!("states a negative count, {count}"),
        StatedExtent::TooLarge(_) => "states more bytes than memory has".into(),
    }
}

/// The label under the call.
pub(super) fn label(facts: &Facts) -> String {
    if facts.is_callback() {
        return callback::label(facts);
    }
    let who = match facts.parameter() {
        Some(parameter) => format!("`{}: {}`", parameter.name, parameter.ty),
        None => "this call".into(),
    };
    match &facts.finding {
        Finding::NestedPointer { holder, target, .. } => {
            let to = match target {
                Memory::Stack { .. } => "a Rust stack",
                _ => "Rust memory",
            };
            match holder {
                // The offset counts from where a field of the struct leads.
                Holder::Pointee { .. } if !by_pointer(facts) => {
                    format!("{who} leads to a pointer to {to}{}", place(holder))
                }
                _ => format!("{who}{}", inside(holder, to)),
            }
        }
        Finding::DanglingPointer { holder: Holder::Argument, .. } => {
            format!("{who}: the block was freed before this call")
        }
        Finding::DanglingPointer { holder: Holder::Result { .. }, .. } => {
            "the block was freed before this call returned".into()
        }
        Finding::DanglingPointer { holder, .. } => format!("{who}{}", inside(holder, "freed memory")),
        Finding::OutOfBounds { stated, available } => format!("{who}, {}", claim(facts, *stated, *available)),
        Finding::UnterminatedString { .. } => format!("{who}, declared `cstr`, runs past its block"),
        Finding::NullPointer => format!("{who} is null here"),
        Finding::MisalignedPointer { align } => match facts.argument {
            Some(argument) => {
                format!(
                    "{who}, {} past a multiple of {align}",
                    bytes(argument.address.checked_rem(*align).unwrap_or(0))
                )
            }
            None => format!("{who}, no multiple of {align}"),
        },
        Finding::ReturnedPointer { .. } => "its result points to Rust memory".into(),
        Finding::WrongThread { got } => format!("{who}, which {} got", bound::owner(got)),
        Finding::StaleHandle(stale) => stale.label(),
        Finding::RetainedPointer { .. } => format!("{who}, lent for this call only"),
        Finding::FreedWhileRetained { promise, .. } => freed::label(&who, *promise),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free::label(&who, wrong),
        Finding::LeakedOwnership { .. } => leaked::label(&who),
        Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } | Finding::UseAfterFree { .. } => {
            written::label(facts, &who)
        }
    }
}

/// `` , whose `x` points to Rust memory ``.
fn inside(holder: &Holder, to: &str) -> String {
    let by_value = if matches!(holder, Holder::Value { .. }) { ", by value" } else { "" };
    match word(holder) {
        None => format!(" points to {to}"),
        Some(byte) if byte.starts_with('b') => format!("{by_value}, whose word at {byte} points to {to}"),
        Some(field) => format!("{by_value}, whose {field} points to {to}"),
    }
}

/// `` `len` = 8 elements of 4 bytes, 24 bytes are left ``.
fn claim(facts: &Facts, stated: StatedExtent, available: usize) -> String {
    let by = match facts.parameter() {
        Some(parameter) if !parameter.extent.is_empty() => format!("`{}`", parameter.extent),
        _ => "the call".into(),
    };
    match stated {
        StatedExtent::Type(size) => format!("{} for one, {}", bytes(size), left(available)),
        StatedExtent::Elements { count, size: 1 } => format!("{by} = {}, {}", bytes(count), left(available)),
        StatedExtent::Elements { count, size } => {
            format!("{by} = {count} times {}, {}", bytes(size), left(available))
        }
        StatedExtent::Negative(count) => format!("{by} = {count}"),
        // How much is left is known of Rust memory alone.
        StatedExtent::TooLarge(count) => match facts.lent() {
            Some(Memory::Heap(_) | Memory::Stack { .. }) => format!("{by} = {count}, {}", left(available)),
            _ => format!("{by} = {count}"),
        },
    }
}

fn left(n: usize) -> String {
    format!("{} {} left", bytes(n), if n == 1 { "is" } else { "are" })
}
