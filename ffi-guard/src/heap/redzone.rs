//! Canary and poison: what the heap writes where the program must not write.
//!
//! The slack after a block holds the canary: eight bytes of text, to be known in a hex dump, and
//! eight made from the block's address, so that a neighbour's copy does not pass. Both are
//! non-canonical addresses, which no scan takes for a pointer. The phase goes by address: the last
//! 16 bytes of a slot are always one whole canary, whoever owns the slot and whether it is live or
//! freed, so that they also guard the block that follows.
//!
//! A long slack (a large class, a page run) is written and checked in its first [`WINDOW`] bytes
//! and its last 16.

use super::unit::{UNIT, Unit};
use super::{class, fresh, stretch};

/// Poison of what is C's, and of what a block gives up: eight of it are no canonical address
/// either. A freed block of Rust's holds the word that fresh memory holds ([`poison_word`]).
const POISON: u8 = 0xDF;
/// Eight bytes of it.
pub(super) const POISON_WORD: u64 = u64::from_ne_bytes([POISON; 8]);
const TEXT: [u8; 8] = *b"FFIGUARD";
/// Bytes of the slack next to the block that are checked, at least 64 whatever the block's size is
/// modulo 16.
const WINDOW: usize = 80;

const _: () = assert!(class::SLACK >= UNIT, "a whole canary fits the smallest slack");

/// Bytes that are not what the heap left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Before the block's first byte; else after its last.
    pub(crate) before: bool,
    /// Bytes from the end of the block to the first damaged one: 0 is one past the end. Before the
    /// block, bytes from the first damaged one to the block's start.
    pub(crate) offset: usize,
    /// Bytes from the first damaged one to the last that was looked at and is damaged.
    pub(crate) len: usize,
    /// What is there now, from the first damaged byte on; zero beyond what was looked at.
    pub(crate) first_bytes: [u8; 16],
}

/// The canary of a block, as it lies at multiples of 16.
#[inline(always)]
fn canary(start: usize) -> [u64; 2] {
    // A user address has its upper 17 bits clear, so that those of the result differ from each
    // other: no canonical address. Of each byte one bit is set and one is clear: never 0 (the NUL
    // after a text is what overruns write most), never all ones, never a letter.
    //
    // A start has its lower four bits clear. Of those of the result the lowest and the highest are
    // set: what C's `malloc` would read as the size of the block that follows is no size, and glibc
    // refuses to free that block before it has followed it anywhere. (With the flags between them
    // it would look for an arena in Rust's memory, or take the block for a mapping.)
    let mixed = (start as u64 ^ 0x9E37_79B9_7F4A_7C18) & !0x4040_4040_4040_4040 | 0x0101_0101_0101_0101;
    [u64::from_ne_bytes(TEXT), mixed]
}

pub(crate) fn canary_bytes(start: usize) -> [u8; UNIT] {
    let [text, mixed] = canary(start);
    let mut bytes = [0; UNIT];
    for (to, from) in bytes.iter_mut().zip(text.to_ne_bytes().into_iter().chain(mixed.to_ne_bytes())) {
        *to = from;
    }
    bytes
}

/// Writes the canary of a block that the program has not got yet: up to 15 bytes of the block's own
/// end are overwritten, which spares the hot path all byte work.
///
/// # Safety
/// - `start..end` is committed memory of the heap, `end` a multiple of 16, and
///   `size + 16 <= end - start`.
/// - Nobody has been given the block.
#[inline(always)]
pub(crate) unsafe fn write_new(start: usize, size: usize, end: usize) {
    let canary = Unit::of(canary(start));
    let first = (start + size) & !(UNIT - 1);
    // SAFETY: `first` is a multiple of 16 at or above `start` (which is one), and 16 bytes or more
    // below `end` (which is one).
    unsafe { canary.write(first) };
    if end - first > UNIT {
        // SAFETY: as above.
        unsafe { canary.write(end - UNIT) };
    }
    if end - first > 2 * UNIT {
        let mut at = first + UNIT;
        while at < end.min(first + WINDOW) {
            // SAFETY: between the two.
            unsafe { canary.write(at) };
            at += UNIT;
        }
    }
}

/// Writes the canary and leaves every byte of the block alone: for a block whose content is there
/// already.
///
/// # Safety
/// - As for [`write_new`], but the block may be anybody's.
pub(crate) unsafe fn write_exact(start: usize, size: usize, end: usize) {
    // SAFETY: the caller's promise.
    unsafe { fill_exact(start, start + size, end) };
    let up = (start + size).next_multiple_of(UNIT);
    // SAFETY: `up` is at most `end - 16 + 15` rounded down to 16, so at most `end`; from there the
    // canary covers slack only.
    unsafe { write_new(start, up - start, end) };
}

/// Fills `from` up to the next multiple of 16 (but not beyond `to`) with the canary's bytes.
unsafe fn fill_exact(start: usize, from: usize, to: usize) {
    let bytes = canary_bytes(start);
    for at in from..from.next_multiple_of(UNIT).min(to) {
        let byte = bytes.get(at % UNIT).copied().unwrap_or(0);
        // SAFETY: within what the caller named.
        unsafe { (at as *mut u8).write(byte) };
    }
}

/// Covers what a shrinking block no longer owns, all of it, so that no stale pointer stays in the
/// slack to come back as spare capacity.
///
/// # Safety
/// - `start + new..start + old` is memory of the block that the program gave up.
pub(crate) unsafe fn cover(start: usize, new: usize, old: usize) {
    if new < old {
        // SAFETY: the caller's promise.
        unsafe { ((start + new) as *mut u8).write_bytes(POISON, old - new) };
    }
}

/// Writes the last canary of a slot.
///
/// # Safety
/// - The 16 bytes before `end` are the last ones of the slot that starts at `start`, and committed.
pub(crate) unsafe fn write_last(start: usize, end: usize) {
    // SAFETY: the caller's promise; slots end at multiples of 16.
    unsafe { Unit::of(canary(start)).write(end - UNIT) };
}

/// What is wrong with the slack of a block, and with the 16 bytes before it where `before` says
/// whose canary they are.
///
/// # Safety
/// - As for [`write_exact`]; and `before` is the start of the slot that ends where this one starts.
pub(crate) unsafe fn damage(start: usize, size: usize, end: usize, before: Option<usize>) -> Option<Damage> {
    // Nearly always, and asked at each free.
    // SAFETY: the caller's promise.
    if unsafe { is_whole(start, size, end, before) } {
        return None;
    }
    let behind = start + size;
    let stop = if end - (behind & !(UNIT - 1)) > WINDOW { (behind & !(UNIT - 1)) + WINDOW } else { end };
    // SAFETY: all three ranges are within the slack, or the last canary of the slot before.
    let found = unsafe { compare(start, behind, stop).or_else(|| compare(start, (end - UNIT).max(stop), end)) };
    if let Some((at, len, first_bytes)) = found {
        return Some(Damage { before: false, offset: at - behind, len, first_bytes });
    }
    // SAFETY: as above.
    let (at, len, first_bytes) = unsafe { compare(before?, start - UNIT, start) }?;
    Some(Damage { before: true, offset: start - at, len, first_bytes })
}

/// Whether [`damage`] would find nothing. Each call that is lent the block asks this before and
/// after.
///
/// # Safety
/// - As for [`damage`].
#[inline]
pub(crate) unsafe fn is_whole(start: usize, size: usize, end: usize, before: Option<usize>) -> bool {
    let canary_of = |start: usize| Unit::of(canary(start));
    // SAFETY: 16 bytes at a multiple of 16 of what the caller named.
    let differing = |at: usize, canary: Unit| unsafe { Unit::read(at) }.differing(canary);
    let canary = canary_of(start);
    let behind = start + size;
    let first = behind & !(UNIT - 1);
    let stop = if end - first > WINDOW { first + WINDOW } else { end };
    // The first unit may begin with the block's own last bytes.
    let mut wrong = differing(first, canary).without(Unit::of(OWN_BYTES[behind % UNIT]));
    let mut at = first + UNIT;
    while at < stop {
        wrong = wrong.or(differing(at, canary));
        at += UNIT;
    }
    // Already compared, except in a long slack. If it is the first unit, it begins where the block
    // ends.
    wrong = wrong.or(differing(end - UNIT, canary));
    if let Some(before) = before {
        wrong = wrong.or(differing(start - UNIT, canary_of(before)));
    }
    wrong.is_zero()
}

/// For each number of bytes: that many bytes of ones, then zeros.
const OWN_BYTES: [[u64; 2]; UNIT] = {
    let mut masks = [[0; 2]; UNIT];
    let mut n = 0;
    while n < UNIT {
        let mut bytes = [0; UNIT];
        let mut at = 0;
        while at < n {
            bytes[at] = 0xFF;
            at += 1;
        }
        let (words, _) = bytes.as_chunks::<8>();
        masks[n] = [u64::from_ne_bytes(words[0]), u64::from_ne_bytes(words[1])];
        n += 1;
    }
    masks
};

/// What is wrong with the slack after a block, of which `copy` has the bytes from `from` up to
/// `end`.
pub(crate) fn damage_in(start: usize, size: usize, end: usize, copy: &[u8], from: usize) -> Option<Damage> {
    let behind = start + size;
    let first = behind & !(UNIT - 1);
    let stop = if end - first > WINDOW { first + WINDOW } else { end };
    let byte = |at: usize| copy.get(at.wrapping_sub(from)).copied().unwrap_or(0);
    let found = differing(start, behind, stop, &byte);
    let (at, len, first_bytes) = found.or_else(|| differing(start, (end - UNIT).max(stop), end, &byte))?;
    Some(Damage { before: false, offset: at - behind, len, first_bytes })
}

/// What is wrong with the canary before a large block, of which `copy` has the bytes.
pub(crate) fn damage_before(start: usize, copy: &[u8; UNIT]) -> Option<Damage> {
    let byte = |at: usize| copy.get(at + UNIT - start).copied().unwrap_or(0);
    let (at, len, first_bytes) = differing(start, start - UNIT, start, &byte)?;
    Some(Damage { before: true, offset: start - at, len, first_bytes })
}

/// The first and the last byte of a range that is not the canary of the block at `start`, and what
/// is there.
///
/// # Safety
/// - The range is committed memory.
unsafe fn compare(start: usize, from: usize, to: usize) -> Option<(usize, usize, [u8; 16])> {
    // SAFETY: within what the caller named. Volatile: C may be writing it as we look.
    differing(start, from, to, &|at| unsafe { (at as *const u8).read_volatile() })
}

fn differing(start: usize, from: usize, to: usize, byte: &dyn Fn(usize) -> u8) -> Option<(usize, usize, [u8; 16])> {
    let bytes = canary_bytes(start);
    let differs = |at: &usize| bytes.get(at % UNIT) != Some(&byte(*at));
    let first = (from..to).find(differs)?;
    let last = (first..to).rev().find(differs).unwrap_or(first);
    let mut first_bytes = [0; 16];
    for (i, shown) in first_bytes.iter_mut().enumerate().take(to - first) {
        *shown = byte(first + i);
    }
    Some((first, last + 1 - first, first_bytes))
}

/// The word that a freed block of a class holds from end to end. Rust's hold what fresh memory
/// holds, so that the next block in the slot is filled already. In C's it would be taken for
/// unwritten memory of Rust's once C has copied it there.
#[inline(always)]
pub(super) fn poison_word(class: usize) -> u64 {
    if class < class::COUNT { fresh::poison() } else { POISON_WORD }
}

/// Up to here two stores of constant length poison a block: no loop, and no call into the C
/// library.
const SHORT: usize = 256;
/// Bytes from the start of a block that level 1 covers with poison when it gives used memory out.
/// No word is left there of what was in that memory before; beyond, one may be.
pub(crate) const COVERED: usize = SHORT;
/// Level 1 covers what a block grows by where it lies, up to here.
const COVERED_GROWTH: usize = 4096;

/// Covers what an earlier block may have left in the first bytes of one that is given out at level
/// 1.
///
/// # Safety
/// - As for [`poison`], but for a block that the program has not got yet.
#[inline(always)]
pub(crate) unsafe fn cover_first(start: usize, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { poison(start, if size > COVERED { COVERED } else { size }, POISON_WORD) };
}

/// Covers what a block has grown by in its slot, at level 1, and says if words of an earlier block
/// may be left in it. `used`: they may be in the block as it was.
///
/// # Safety
/// - `start + old..start + new` is the block's, and the program has not got it yet.
pub(crate) unsafe fn cover_growth(start: usize, old: usize, new: usize, used: bool) -> bool {
    let all = !used && new.saturating_sub(old) <= COVERED_GROWTH;
    // SAFETY: the caller's promise. Nothing, if it has not grown.
    unsafe { cover(start, old, if all { new } else { new.min(COVERED) }) };
    !all && new > old.max(COVERED)
}

/// Fills a freed block with a word, rounded up to 16 bytes (the last canary of the slot stays).
///
/// # Safety
/// - `start` is the start of a freed block of `size` bytes of the heap (one at least), 16-aligned
///   and followed by its slack.
#[inline(always)]
pub(crate) unsafe fn poison(start: usize, size: usize, word: u64) {
    let len = (size + UNIT - 1) & !(UNIT - 1);
    let first = start as *mut u64;
    if size > SHORT {
        // SAFETY: the caller's promise; the slack has room for the rounding.
        return unsafe { stretch::fill(start, len, word) };
    }
    // The two may overlap.
    macro_rules! ends {
        ($n:literal) => {{
            // SAFETY: the length is at least $n, so both stores stay within it.
            unsafe {
                first.cast::<[u64; $n / 8]>().write([word; $n / 8]);
                first.byte_add(len - $n).cast::<[u64; $n / 8]>().write([word; $n / 8]);
            }
        }};
    }
    match len {
        ..=32 => ends!(16),
        33..=64 => ends!(32),
        65..=128 => ends!(64),
        _ => ends!(128),
    }
}

/// Poisons a block of Rust's, which has held the word from end to end if it is not too large.
///
/// # Safety
/// - As for [`poison`].
#[inline(always)]
pub(super) unsafe fn poison_again(start: usize, size: usize) {
    if size > SHORT && fresh::is_whole(size) {
        // SAFETY: the caller's promise; the slack has room for the rounding.
        return unsafe { stretch::refill(start, size.next_multiple_of(UNIT), fresh::poison()) };
    }
    // SAFETY: the caller's promise.
    unsafe { poison(start, size, fresh::poison()) };
}

/// The first byte of a freed block that is no longer poison.
///
/// # Safety
/// - As for [`poison`].
#[inline]
pub(crate) unsafe fn poison_damage(start: usize, size: usize, word: u64) -> Option<Damage> {
    let len = size.next_multiple_of(UNIT);
    // SAFETY: the caller's promise.
    if unsafe { stretch::is_filled(start, len, word) } {
        None
    } else {
        // SAFETY: as above.
        unsafe { poison_damage_of(start, len, word) }
    }
}

#[cold]
unsafe fn poison_damage_of(start: usize, len: usize, whole: u64) -> Option<Damage> {
    let words = len / 8;
    let poison = whole.to_ne_bytes();
    // SAFETY: `len` bytes, in words of 8. Volatile: C may be writing.
    let word = |i: usize| unsafe { (start as *const u64).add(i).read_volatile() };
    let first = (0..words).find(|&i| word(i) != whole)?;
    let last = (first..words).rev().find(|&i| word(i) != whole).unwrap_or(first);
    // The first or the last byte of a word that is not what it was.
    let damaged = |i: usize, last: bool| {
        let bytes = word(i).to_ne_bytes();
        let mut pairs = bytes.iter().zip(&poison);
        if last { pairs.rposition(|(is, was)| is != was) } else { pairs.position(|(is, was)| is != was) }
    };
    let from = first * 8 + damaged(first, false).unwrap_or(0);
    let to = last * 8 + damaged(last, true).unwrap_or(7) + 1;
    let mut first_bytes = [0; 16];
    for (i, byte) in first_bytes.iter_mut().enumerate().take(len - from) {
        // SAFETY: below `len`.
        *byte = unsafe { ((start + from + i) as *const u8).read_volatile() };
    }
    Some(Damage { before: false, offset: from, len: to.saturating_sub(from), first_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No two bytes are alike.
    const WORD: u64 = 0x8192_A3B4_C5D6_E7F9;

    /// Two slots of 256 bytes, the second one the block under test.
    #[repr(align(64))]
    struct Slots([u8; 512]);

    fn with_block(size: usize, f: impl FnOnce(usize, usize, &mut Slots)) {
        let mut slots = Box::new(Slots([0xAA; 512]));
        let before = (&raw mut slots.0).addr();
        let start = before + 256;
        // SAFETY: both slots are ours.
        unsafe {
            write_new(before, 200, start);
            write_new(start, size, start + 256);
        }
        f(start, before, &mut slots);
    }

    #[test]
    fn every_byte_next_to_the_block_is_watched() {
        for size in [1, 15, 16, 17, 100, 239, 240] {
            with_block(size, |start, before, slots| {
                // SAFETY: the block and the one before are ours.
                let look = || unsafe {
                    let found = damage(start, size, start + 256, Some(before));
                    assert_eq!(is_whole(start, size, start + 256, Some(before)), found.is_none(), "{found:?}");
                    found
                };
                assert_eq!(look(), None, "{size}");
                for at in (256 + size..(256 + size + 64).min(512)).chain(496..512) {
                    let kept = slots.0[at];
                    slots.0[at] ^= 0x40;
                    let found = look().expect("a damaged byte");
                    assert_eq!((found.before, found.offset, found.len), (false, at - 256 - size, 1));
                    assert_eq!(found.first_bytes[0], kept ^ 0x40);
                    slots.0[at] = kept;
                }
                for at in 240..256 {
                    slots.0[at] ^= 1;
                    let found = look().expect("a damaged byte before");
                    assert_eq!((found.before, found.offset, found.len), (true, 256 - at, 1));
                    slots.0[at] ^= 1;
                }
            });
        }
    }

    #[test]
    fn an_exact_canary_is_the_same_and_leaves_the_block_alone() {
        for size in 1..=240 {
            with_block(size, |start, before, slots| {
                let whole = slots.0;
                slots.0[256..].fill(0xAA);
                // SAFETY: the block is ours.
                unsafe { write_exact(start, size, start + 256) };
                assert!(slots.0[256..256 + size].iter().all(|&b| b == 0xAA), "{size}");
                // SAFETY: as above.
                assert_eq!(unsafe { damage(start, size, start + 256, Some(before)) }, None);
                assert_eq!(slots.0[496..], whole[496..]);
            });
        }
    }

    #[test]
    fn poison_covers_the_block_and_keeps_the_last_canary() {
        for size in 1..=240 {
            with_block(size, |start, before, slots| {
                // SAFETY: the block is ours.
                unsafe { poison(start, size, WORD) };
                let expected = |(i, &b): (usize, &u8)| b == WORD.to_ne_bytes()[i % 8];
                assert!(slots.0[256..256 + size].iter().enumerate().all(expected), "{size}");
                // SAFETY: as above; a block that would end at the last canary sees it whole.
                unsafe {
                    assert_eq!(damage(start, 240, start + 256, Some(before)), None);
                    assert_eq!(poison_damage(start, size, WORD), None);
                    slots.0[256 + size - 1] = 1;
                    let found = poison_damage(start, size, WORD).expect("a write after free");
                    assert_eq!((found.offset, found.len, found.first_bytes[0]), (size - 1, 1, 1));
                }
            });
        }
    }

    #[test]
    fn every_byte_of_a_freed_block_is_watched() {
        // Lengths below, at and beyond the four units that are compared at once.
        for size in [1, 16, 40, 64, 80, 129, 200, 240] {
            with_block(size, |start, _, slots| {
                // SAFETY: the block is ours.
                unsafe { poison(start, size, WORD) };
                let len = size.next_multiple_of(16);
                for at in 256..256 + len {
                    slots.0[at] ^= 1;
                    // SAFETY: as above.
                    let found = unsafe { poison_damage(start, size, WORD) }.expect("a write after free");
                    assert_eq!((found.offset, found.len, found.before), (at - 256, 1, false), "{size}");
                    slots.0[at] ^= 1;
                }
                // SAFETY: as above.
                assert_eq!(unsafe { poison_damage(start, size, WORD) }, None);
            });
        }
    }

    #[test]
    fn what_glibc_takes_for_a_size_is_none() {
        for start in (0x7000_0000_0000..0x7000_0001_0000).step_by(UNIT).chain([0x10, 0x7FFF_FFFF_FFF0]) {
            let [_, size] = canary(start);
            // In use, of the main arena, not mapped by itself; and no multiple of 16.
            assert_eq!(size & 15, 0b1001, "{start:#x}");
        }
    }

    #[test]
    fn no_word_of_ours_is_an_address() {
        for start in [0x7000_0000_0000usize, 0x10, 0x7FFF_FFFF_FFF0] {
            for word in canary(start).into_iter().chain([u64::from_ne_bytes([POISON; 8])]) {
                let top = word >> 47;
                assert!(top != 0 && top != (1 << 17) - 1, "{word:x}");
            }
        }
    }
}
