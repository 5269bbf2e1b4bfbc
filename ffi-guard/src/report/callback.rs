//! What a report says otherwise where C called, and the function is Rust's.

use super::words::{bytes, function, parameter};
use crate::call::extent::StatedExtent;
use crate::facts::{Facts, Finding, Memory};

/// The label under the callback's name.
pub(super) fn label(facts: &Facts) -> String {
    let who = match facts.parameter() {
        Some(parameter) => format!("C handed it `{}: {}`", parameter.name, parameter.ty),
        None => "what it returned".into(),
    };
    match &facts.finding {
        Finding::ReturnedPointer { .. } => format!("{who} points to {}", memory(facts)),
        Finding::DanglingPointer { .. } => format!("{who}, which points to freed memory"),
        Finding::NullPointer => format!("{who}, which is null"),
        Finding::MisalignedPointer { align } => format!("{who}, no multiple of {align}"),
        Finding::UnterminatedString { .. } => format!("{who}, which runs past its block"),
        Finding::OutOfBounds { available, .. } => format!("{who}, of which {} are there", bytes(*available)),
        Finding::WrongThread { got } => format!("{who}, which {} got", super::bound::owner(got)),
        Finding::NestedPointer { .. }
        | Finding::StaleHandle(_)
        | Finding::RetainedPointer { .. }
        | Finding::FreedWhileRetained { .. }
        | Finding::AllocDeallocMismatch(_)
        | Finding::DoubleFree(_)
        | Finding::LeakedOwnership { .. }
        | Finding::BufferOverflow { .. }
        | Finding::WriteThroughConst { .. }
        | Finding::UseAfterFree { .. } => who,
    }
}

fn memory(facts: &Facts) -> &'static str {
    match facts.memory {
        Some(Memory::Stack { .. }) => "a Rust stack",
        _ => "a block of Rust's heap",
    }
}

/// The ways out of user data that is gone.
pub(super) fn dangling(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    vec![
        format!(
            "keep the owner of {param} alive until C calls no more: store it beside what C registered {func} with, and \
             drop it after C was told to forget it"
        ),
        "or leave it to C: register `Box::into_raw(b)`, and take it back with `Box::from_raw` in C's destructor, or after \
         C has let go"
            .into(),
    ]
}

/// The ways out of a pointer that went to C.
pub(super) fn returned_pointer(facts: &Facts) -> Vec<String> {
    let func = function(facts);
    if matches!(facts.memory, Some(Memory::Stack { .. })) {
        return vec![
            "return what lives longer than the callback: a static (`c\"text\".as_ptr()`), or memory that C handed in"
                .into(),
            format!(
                "or leave it to C: return `Box::into_raw(Box::new(value))`, and declare {func} \
                 `#[guard(returns(owned))]`"
            ),
        ];
    }
    vec![
        format!(
            "if its owner lives until C is done with it, pin it (`ffi_guard::pin`), or declare {func} \
             `#[guard(returns(retained))]`"
        ),
        format!(
            "or leave it to C: return `Box::into_raw(b)`, take it back with `Box::from_raw` when C is done, and declare \
             {func} `#[guard(returns(owned))]`"
        ),
        "or give C a copy of its own, `libc::strdup` or `libc::calloc`, which C frees with `free`".into(),
    ]
}

/// How we know.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let func = function(facts);
    let how = match &facts.finding {
        Finding::ReturnedPointer { .. } => {
            return vec![
                "found when the callback returned, from where the result points".into(),
                "Rust frees or moves that memory by itself, without telling C".into(),
            ];
        }
        Finding::WrongThread { got } => return super::bound::notes(got),
        Finding::DanglingPointer { .. } if facts.parameter().is_none() => {
            return vec![
                "found when the callback returned, in the table of Rust's blocks: this one is freed and not given out again"
                    .into(),
            ];
        }
        Finding::DanglingPointer { .. } => "in the table of Rust's blocks: this one is freed and not given out again",
        Finding::OutOfBounds { stated: StatedExtent::Negative(_) | StatedExtent::TooLarge(_), .. } => {
            "from the count alone"
        }
        Finding::OutOfBounds { .. } | Finding::UnterminatedString { .. } => "in the table of Rust's blocks",
        _ => "from the address alone",
    };
    vec![
        format!("found when C called {func}, {how}"),
        "where C had the address from is not known; the call stands in the panic's backtrace (RUST_BACKTRACE=1)".into(),
    ]
}
