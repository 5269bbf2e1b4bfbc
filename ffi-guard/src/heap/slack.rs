//! What lies beside a block on pages of its own: the rest of these pages, whose bytes next to the
//! block carry its canary.

use std::ops::Range;

use super::redzone::{self, Damage};
use super::unit;
use crate::platform::memory::PAGE;
use crate::platform::read;

/// Bytes of slack on either side of a block that carry a canary.
const WINDOW: usize = 80;

/// The pages of a block.
pub(super) fn pages(start: usize, size: usize) -> Range<usize> {
    start & !(PAGE - 1)..(start + size).next_multiple_of(PAGE)
}

/// The slack next to a block that carries its canary, before it and after it.
pub(super) fn slack(start: usize, size: usize) -> [Range<usize>; 2] {
    let (pages, end) = (pages(start, size), start + size);
    [pages.start.max(start.saturating_sub(WINDOW))..start, end..pages.end.min(end + WINDOW)]
}

/// The canary of a block, for a window of its slack, wherever that begins. It goes by the block's
/// start here, which may be odd: so the eight bytes before any block are ones that glibc refuses as
/// a size, as they are before a slot.
struct Pattern {
    bytes: [u8; WINDOW + unit::UNIT],
    start: usize,
}

impl Pattern {
    fn of(start: usize) -> Pattern {
        let once = redzone::canary_bytes(start & !(unit::UNIT - 1));
        let mut bytes = [0; WINDOW + unit::UNIT];
        for unit in bytes.chunks_exact_mut(unit::UNIT) {
            unit.copy_from_slice(&once);
        }
        Pattern { bytes, start }
    }

    /// From an address on, for as long as a window may be.
    fn from(&self, at: usize) -> &[u8] {
        self.bytes.get(at.wrapping_sub(self.start) % unit::UNIT..).unwrap_or_default()
    }

    /// Whether a range holds it.
    ///
    /// # Safety
    /// - It is committed memory, and no longer than a window.
    unsafe fn is_in(&self, range: Range<usize>) -> bool {
        let expected = self.from(range.start);
        let mut at = range.start;
        while at < range.end {
            let expected = expected.get(at - range.start..).unwrap_or_default();
            // Volatile: C may be writing.
            match expected.first_chunk() {
                Some(word) if at.is_multiple_of(8) && range.end - at >= 8 => {
                    // SAFETY: the caller's promise; eight bytes at a multiple of eight.
                    if unsafe { (at as *const u64).read_volatile() } != u64::from_ne_bytes(*word) {
                        return false;
                    }
                    at += 8;
                }
                _ => {
                    // SAFETY: the caller's promise.
                    if Some(&unsafe { (at as *const u8).read_volatile() }) != expected.first() {
                        return false;
                    }
                    at += 1;
                }
            }
        }
        true
    }
}

/// Writes the canary on both sides of a block.
///
/// # Safety
/// - The block's pages are committed, and no one else writes to the slack.
pub(super) unsafe fn fill(start: usize, size: usize) {
    let canary = Pattern::of(start);
    for range in slack(start, size) {
        let bytes = canary.from(range.start);
        // SAFETY: within the block's pages, and none of the block; a window is no longer than what
        // there is from any place on.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), range.start as *mut u8, range.len().min(bytes.len())) };
    }
}

/// What is wrong on either side of a live block. The kernel copies: if another thread frees the
/// block meanwhile, nothing is found, and nothing faults.
pub(super) fn damage(start: usize, size: usize) -> Option<Damage> {
    damage_in(start, size, |from, into| read::read(from, into).is_some())
}

/// What is wrong on either side of a live block that the caller has in its hands, read without the
/// kernel.
///
/// # Safety
/// - The block is live, and no other thread frees it.
pub(super) unsafe fn damage_of_own(start: usize, size: usize) -> Option<Damage> {
    let canary = Pattern::of(start);
    // SAFETY: slack of the block's own pages, which are committed.
    if slack(start, size).into_iter().all(|range| unsafe { canary.is_in(range) }) {
        return None;
    }
    damage_in(start, size, |from, into| {
        for (i, byte) in into.iter_mut().enumerate() {
            // SAFETY: slack of the block's own pages, which are committed. Volatile: C may be
            // writing.
            *byte = unsafe { ((from + i) as *const u8).read_volatile() };
        }
        true
    })
}

fn damage_in(start: usize, size: usize, copy_from: impl Fn(usize, &mut [u8]) -> bool) -> Option<Damage> {
    let canary = Pattern::of(start);
    let [before, behind] = slack(start, size);
    for range in [behind, before] {
        let mut copy = [0_u8; WINDOW];
        let Some(copy) = copy.get_mut(..range.len()).filter(|copy| !copy.is_empty()) else { continue };
        if !copy_from(range.start, copy) {
            return None;
        }
        let expected = canary.from(range.start);
        let damaged = |(i, byte): (usize, &u8)| expected.get(i) != Some(byte);
        let Some(first) = copy.iter().enumerate().position(damaged) else { continue };
        let last = copy.iter().enumerate().rposition(damaged).unwrap_or(first);
        let mut first_bytes = [0; 16];
        for (to, from) in first_bytes.iter_mut().zip(copy.iter().skip(first)) {
            *to = *from;
        }
        let at = range.start + first;
        let is_before = at < start;
        let offset = if is_before { start - at } else { at - (start + size) };
        return Some(Damage { before: is_before, offset, len: last + 1 - first, first_bytes });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_glibc_takes_for_a_size_is_none_before_any_block() {
        for start in 0x7000_0000_1000..0x7000_0000_1100 {
            let canary = Pattern::of(start);
            let size = usize::from_le_bytes(*canary.from(start - 8).first_chunk().unwrap());
            assert_eq!(size & 15, 0b1001, "{start:#x}");
        }
    }
}
