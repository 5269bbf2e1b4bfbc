//! The notes: how we know, and what we do not know.

use super::words::{bytes, parameter, the_word};
use super::{bound, callback, freed, kept, leaked, stale, written, wrong_free};
use crate::call::extent::StatedExtent;
use crate::facts::{Facts, Finding, Holder, Memory, Place};

/// What there is to know beside the finding.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let param = parameter(facts);
    if facts.is_callback() {
        return callback::notes(facts);
    }
    match &facts.finding {
        Finding::NestedPointer { target, .. } => {
            let lies = match target {
                Memory::Heap(_) => "lies in a live block of Rust's heap",
                Memory::Stack { .. } => "lies on a Rust stack, above the frame of this call",
                Memory::Foreign { .. } => "was lent to C",
            };
            vec![
                format!("found before the call: the address in {} {lies}", the_word(facts)),
                "a Rust pointer leads into memory that Rust frees by itself, without telling C".into(),
            ]
        }
        Finding::DanglingPointer { holder: Holder::Result { .. }, .. } => {
            vec![
                "found after the call, in the table of Rust's blocks: this one is freed and not given out again".into(),
            ]
        }
        Finding::DanglingPointer { .. } => {
            vec![
                "found before the call, in the table of Rust's blocks: this one is freed and not given out again"
                    .into(),
            ]
        }
        Finding::OutOfBounds { stated: StatedExtent::Negative(_) | StatedExtent::TooLarge(_), .. } => {
            vec!["found before the call, from the count alone".into()]
        }
        Finding::OutOfBounds { .. } if matches!(facts.memory, Some(Memory::Stack { .. })) => {
            vec!["found before the call, from where the thread's stack ends".into()]
        }
        Finding::OutOfBounds { .. } => {
            vec!["found before the call, in the table of Rust's blocks; the size is the one that Rust asked for".into()]
        }
        Finding::UnterminatedString { searched } => vec![
            format!("found before the call: {} from {param} to the end of its block, none is 0", those(*searched)),
            "Rust's `str` and `String` carry their length and no NUL; C reads on until it meets one".into(),
        ],
        Finding::NullPointer => vec!["found before the call, from the address alone".into()],
        Finding::MisalignedPointer { .. } => vec!["found before the call, from the address alone".into()],
        Finding::ReturnedPointer { .. } => Vec::new(),
        Finding::WrongThread { got } => bound::notes(got),
        Finding::StaleHandle(stale) => stale::notes(stale),
        Finding::RetainedPointer { place, .. } => retained(facts, place),
        Finding::FreedWhileRetained { .. } => freed::notes(facts),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free::notes(wrong),
        Finding::LeakedOwnership { .. } => leaked::notes(),
        Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } | Finding::UseAfterFree { .. } => {
            written::notes(facts)
        }
    }
}

fn those(n: usize) -> String {
    if n == 1 { "1 byte was read".into() } else { format!("{} were read", bytes(n)) }
}

fn retained(facts: &Facts, place: &Place) -> Vec<String> {
    let gone = match facts.memory {
        Some(Memory::Stack { .. }) => "once this stack frame is gone",
        _ => "once the block is freed",
    };
    let use_of_it = match place {
        Place::RustBlock { parameter, .. } => format!("`{parameter}` leads to it now; {gone}, that pointer dangles"),
        _ => format!("C has not been seen to use the pointer; {gone}, any use of it is a bug"),
    };
    let mut notes = vec![
        format!("found after the call, by searching {} for addresses of what was lent", kept::searched(place)),
        use_of_it,
        "which line of C stored it is not known".into(),
    ];
    if let Some(first) = facts.also.first() {
        let more = match facts.also.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        notes.push(format!(
            "the block was lent at {}:{}{more} as well since it was last seen",
            first.file(),
            first.line()
        ));
    }
    notes
}
