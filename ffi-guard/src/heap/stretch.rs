//! Stretches of memory that hold one word from end to end, as freed blocks and fresh ones do.
//!
//! A long one is not written where it holds the word already. A program leaves much of a large
//! block as it got it, and a line that is only read need not be written back to memory, where the
//! quarantine sends it.

use super::unit::{UNIT, Unit};

/// Longer stretches are looked at before they are written.
const LONG: usize = 4 << 10;
/// What follows a place where a stretch differs is written up to here without a look.
const PIECE: usize = 1 << 10;
/// Bytes that are compared in one go.
const STEP: usize = 8 * UNIT;

/// Whether each word of a stretch is this one.
///
/// # Safety
/// - `start` and `len` are multiples of 16, and the memory is committed.
#[inline]
pub(super) unsafe fn is_filled(start: usize, len: usize, word: u64) -> bool {
    // SAFETY: the caller's promise.
    unsafe { first_other(start, start + len, word) == start + len }
}

/// Makes each word of a stretch this one.
///
/// # Safety
/// - As for [`is_filled`], and the memory is the heap's to write.
#[inline(never)]
pub(super) unsafe fn fill(start: usize, len: usize, word: u64) {
    let (whole, end) = (Unit::of([word; 2]), start + len);
    let mut at = start;
    while at + STEP <= end {
        for unit in 0..STEP / UNIT {
            // SAFETY: a unit of the stretch that the caller names.
            unsafe { whole.write(at + unit * UNIT) };
        }
        at += STEP;
    }
    while at < end {
        // SAFETY: as above.
        unsafe { whole.write(at) };
        at += UNIT;
    }
}

/// As [`fill`], of memory that has held the word and may do so still: what does is only read.
///
/// # Safety
/// - As for [`fill`].
#[inline(never)]
pub(super) unsafe fn refill(start: usize, len: usize, word: u64) {
    let (mut at, end) = (start, start + len);
    while at < end {
        if len > LONG {
            // SAFETY: the rest of the stretch that the caller names.
            at = unsafe { first_other(at, end, word) };
        }
        let next = if len > LONG { (at + PIECE).min(end) } else { end };
        // SAFETY: a part of it.
        unsafe { fill(at, next - at, word) };
        at = next;
    }
}

/// Copies what does not hold the word to a stretch that does.
///
/// # Safety
/// - Both are committed, begin at multiples of 16, and do not overlap; `to` is the heap's to write.
#[inline(never)]
pub(super) unsafe fn copy_onto(from: usize, to: usize, len: usize, word: u64) {
    let whole = from + (len & !(UNIT - 1));
    let mut at = from;
    while at < from + len {
        if len > LONG && at < whole {
            // SAFETY: the rest of the stretch that the caller names, but for its last bytes.
            at = unsafe { first_other(at, whole, word) };
        }
        let next = if len > LONG && at < whole { (at + PIECE).min(whole) } else { from + len };
        // SAFETY: a part of either.
        unsafe { std::ptr::copy_nonoverlapping(at as *const u8, (to + (at - from)) as *mut u8, next - at) };
        at = next;
    }
}

/// The first place, a multiple of 16, from which up to [`STEP`] bytes are not all this word; `end`
/// if there is none.
///
/// # Safety
/// - `start` and `end` are multiples of 16, and what lies between is committed.
#[inline]
unsafe fn first_other(start: usize, end: usize, word: u64) -> usize {
    #[cfg(target_arch = "x86_64")]
    if end - start > 4 * STEP && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions; the caller's promise.
        return unsafe { wide::first_other(start, end, word) };
    }
    let whole = Unit::of([word; 2]);
    // SAFETY: units between the two ends that the caller names.
    let differing = |at: usize| unsafe { Unit::read(at) }.differing(whole);
    let pair = |at: usize| differing(at).or(differing(at + UNIT));
    let four = |at: usize| pair(at).or(pair(at + 2 * UNIT));
    let mut at = start;
    while at + STEP <= end && four(at).or(four(at + STEP / 2)).is_zero() {
        at += STEP;
    }
    if at + STEP / 2 <= end && four(at).is_zero() {
        at += STEP / 2;
    }
    while at < end && differing(at).is_zero() {
        at += UNIT;
    }
    at
}

/// The same with AVX2: a third of the instructions.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{__m256i, _mm256_or_si256, _mm256_set1_epi64x, _mm256_testz_si256, _mm256_xor_si256};

    use super::{STEP, UNIT, Unit};

    /// # Safety
    /// - As for the one above.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn first_other(start: usize, end: usize, word: u64) -> usize {
        let half = Unit::of([word; 2]);
        // SAFETY: a unit between the two ends that the caller names.
        let is_other = |at: usize| !unsafe { Unit::read(at) }.differing(half).is_zero();
        let mut at = start;
        if !at.is_multiple_of(2 * UNIT) && at < end {
            if is_other(at) {
                return at;
            }
            at += UNIT;
        }
        let whole = _mm256_set1_epi64x(word.cast_signed());
        while at + STEP <= end {
            // Volatile: C may be writing.
            // SAFETY: 32 bytes at a multiple of 32 between the two ends.
            let read = |part: usize| unsafe { ((at + part * 2 * UNIT) as *const __m256i).read_volatile() };
            let differing = |part: usize| _mm256_xor_si256(read(part), whole);
            let pair = |part: usize| _mm256_or_si256(differing(part), differing(part + 1));
            let all = _mm256_or_si256(pair(0), pair(2));
            if _mm256_testz_si256(all, all) == 0 {
                return at;
            }
            at += STEP;
        }
        while at < end && !is_other(at) {
            at += UNIT;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: u64 = 0x8192_A3B4_C5D6_E7F9;

    #[repr(align(64))]
    struct Memory([u8; 16 << 10]);

    fn filled(len: usize) -> Box<Memory> {
        let mut memory = Box::new(Memory([0x11; 16 << 10]));
        // SAFETY: the test's own memory.
        unsafe { fill(memory.0.as_mut_ptr().addr(), len, WORD) };
        memory
    }

    #[test]
    fn each_byte_counts_and_none_beyond() {
        for len in [16, 112, 128, 144, 1040, LONG, LONG + 16, LONG + 128 + 32, 16 << 10] {
            let mut memory = filled(len);
            let start = memory.0.as_mut_ptr().addr();
            // SAFETY: as above.
            let is_whole = || unsafe { is_filled(start, len, WORD) };
            assert!(is_whole(), "{len}");
            assert!(memory.0[len..].iter().all(|&byte| byte == 0x11), "{len}");
            for at in (0..len).step_by(if len > 2000 { 97 } else { 1 }).chain([len - 1]) {
                memory.0[at] ^= 0x20;
                assert!(!is_whole(), "{len} at {at}");
                // SAFETY: as above.
                unsafe { refill(start, len, WORD) };
                assert!(is_whole(), "{len} at {at}");
            }
            assert!(memory.0[len..].iter().all(|&byte| byte == 0x11), "{len}");
        }
    }

    #[test]
    fn a_copy_is_the_whole_content() {
        for len in [16, 100, LONG, LONG + 1, LONG + 128 + 33, 12_345] {
            let (mut from, mut to) = (filled(16 << 10), filled(16 << 10));
            for at in (0..len).step_by(777).chain([len - 1]) {
                from.0[at] = at as u8;
            }
            from.0[len..].fill(0x22);
            // SAFETY: as above.
            unsafe { copy_onto(from.0.as_ptr().addr(), to.0.as_mut_ptr().addr(), len, WORD) };
            assert!(from.0[..len] == to.0[..len], "{len}");
            assert!(to.0[len..] == filled(16 << 10).0[len..], "{len}");
        }
    }
}
