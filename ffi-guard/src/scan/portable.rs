//! The inner loops in Rust: correct on every machine, fast if the crate is optimised.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::hit::Hit;
use super::hit::WORD;
use super::wanted::Envelope;

/// Word by word, the only way on an unknown machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way;

impl Way {
    pub(super) fn best() -> Way {
        Way
    }

    #[cfg(test)]
    pub(super) fn all() -> Vec<Way> {
        vec![Way]
    }

    pub(super) fn group(self) -> usize {
        0
    }
}

/// Skips nothing: there are no groups.
///
/// # Safety
/// - None: it reads nothing.
pub(super) unsafe fn skip_groups(_way: Way, at: usize, _end: usize, _envelopes: &[Envelope; 2]) -> usize {
    at
}

/// The next word in an envelope.
///
/// # Safety
/// - `[at, end)` consists of whole aligned words of readable memory.
pub(super) unsafe fn next(at: usize, end: usize, envelopes: &[Envelope; 2]) -> Option<Hit> {
    let [first, second] = *envelopes;
    let mut location = at;
    while location < end {
        let place: *const AtomicUsize = ptr::with_exposed_provenance(location);
        // SAFETY: the caller passes whole aligned words of readable memory; an atomic read may race
        // with any writer.
        let word = unsafe { (*place).load(Ordering::Relaxed) };
        if word.wrapping_sub(first.low) < first.len || word.wrapping_sub(second.low) < second.len {
            return Some(Hit { location, word });
        }
        location += WORD;
    }
    None
}
