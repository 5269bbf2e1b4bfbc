//! The notes: how we know, and what we do not know.

use super::violation::{Facts, Finding, Memory, Place, StatedExtent};
use super::words::{bytes, function, parameter, spot, word};

/// What there is to know beside the finding.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    match &facts.finding {
        Finding::NestedPointer { holder, target, pointer } => vec![
            format!(
                "found on the way into {func}: {} is the address of {}",
                word(holder).unwrap_or_else(|| param.clone()),
                spot(target, *pointer, facts.call.as_ref())
            ),
            "a Rust pointer is one into Rust's heap or a Rust stack: C neither knows who owns such memory nor when \
             it is freed"
                .into(),
        ],
        Finding::DanglingPointer { .. } => vec![format!(
            "found on the way into {func}, in the table of Rust's blocks: this one was freed and not given out again"
        )],
        Finding::OutOfBounds { stated: StatedExtent::Negative(_) | StatedExtent::TooLarge(_), .. } => {
            vec![format!("found on the way into {func}: C would read this count as its own type's number")]
        }
        Finding::OutOfBounds { .. } if matches!(facts.memory, Some(Memory::Stack { .. })) => {
            vec![format!("found on the way into {func}, from where the thread's stack ends")]
        }
        Finding::OutOfBounds { .. } => vec![format!(
            "found on the way into {func}, in the table of Rust's blocks: the size is the one that Rust asked for"
        )],
        Finding::UnterminatedString { searched } => vec![
            format!("found on the way into {func}: {} from {param} to the end of its block, none is 0", those(*searched)),
            "Rust's `str` and `String` carry their length and no NUL; C reads on until it meets one".into(),
        ],
        Finding::NullPointer => vec![format!("found on the way into {func}, before C ran")],
        Finding::MisalignedPointer { .. } => vec![format!("found on the way into {func}, from the address alone")],
        Finding::RetainedPointer { place, absent_before, .. } => retained(facts, place, *absent_before),
    }
}

fn those(n: usize) -> String {
    if n == 1 { "1 byte was read".into() } else { format!("{} were read", bytes(n)) }
}

fn retained(facts: &Facts, place: &Place, absent_before: bool) -> Vec<String> {
    let Place::Global { module, .. } = place;
    let known = if absent_before {
        format!("found by searching the data of {module}: the word was different before the call")
    } else {
        format!("found by searching the data of {module}: it was first seen after this call")
    };
    let gone = match facts.memory {
        Some(Memory::Stack { .. }) => "once this stack frame is gone, any use of it is a bug",
        _ => "once the block is freed, any use of it is a bug",
    };
    vec![known, format!("C has not been seen to use the pointer; {gone}"), "which line of C stored it is not known".into()]
}
