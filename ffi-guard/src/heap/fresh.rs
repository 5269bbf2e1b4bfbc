//! Fresh memory: what a block of Rust's holds, from level 2 on, where Rust has written nothing yet.
//!
//! Each whole aligned word of it is one and the same number, drawn when the process starts. It is
//! no address and no text, none of its bytes is 0, and no program meets it by chance: where it
//! still is, nothing was written since the block was given out, or what was copied there was not.
//!
//! ```text
//!  | word | word | .. | word | part of the canary |      up to WHOLE bytes
//!  | words up to the page's end | as it was .. | words from the last page's start |    larger ones
//! ```
//! Memory that was asked for as zero is zero, and C's blocks are left as they are.

use std::sync::atomic::{AtomicU64, Ordering};

use super::redzone;
use crate::platform::clock;
use crate::platform::memory::PAGE;

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();
/// What is larger is filled at its edges alone, on pages that the heap writes to anyhow: a fill
/// would make the system find all the memory that a program has only reserved.
const WHOLE: usize = 64 << 10;
/// Bytes of an extent that are looked at from its start, and from its end.
const EDGE: usize = 2 << 10;

/// The word; 0 if fresh memory is left as it is.
static FRESH: AtomicU64 = AtomicU64::new(0);
/// What freed memory of Rust's holds: the word, if there is one.
static POISON: AtomicU64 = AtomicU64::new(redzone::POISON_WORD);
/// A page of it, which larger blocks are copied from: a copy takes a fraction of the instructions
/// that stores of single words take.
static PAGE_OF_IT: [AtomicU64; PAGE / WORD] = [const { AtomicU64::new(0) }; PAGE / WORD];

/// Draws the word: fresh memory is filled from here on.
pub(super) fn set_up() {
    let local = 0_u8;
    // Addresses differ from run to run, and so does the clock.
    let seeds = [clock::ticks(), (&raw const local).addr() as u64, (&raw const FRESH).addr() as u64];
    let word = of_seed(seeds.iter().fold(0, |all, &seed| mixed(all ^ seed)));
    PAGE_OF_IT.iter().for_each(|place| place.store(word, Ordering::Relaxed));
    POISON.store(word, Ordering::Relaxed);
    // Release, and what reads the page has seen the word: it is the whole page that it sees.
    FRESH.store(word, Ordering::Release);
}

/// SplitMix64: each bit of the result depends on each of the seed.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The highest bit of each byte is set: no byte is 0 or a letter. The upper bits differ from each
/// other, so that the word is no canonical address; the lowest is set, so that it is not aligned.
fn of_seed(random: u64) -> u64 {
    (random | 0x8080_8080_8080_8080 | 1) & !(1 << 62)
}

/// The word that fresh memory holds; `None` if it is left as it is.
#[inline(always)]
pub(crate) fn word() -> Option<u64> {
    let word = FRESH.load(Ordering::Acquire);
    (word != 0).then_some(word)
}

/// The word that a freed block of Rust's holds.
#[inline(always)]
pub(super) fn poison() -> u64 {
    POISON.load(Ordering::Relaxed)
}

/// Whether a block of this size is filled from end to end when it is given out, so that it has its
/// memory by then.
#[inline(always)]
pub(super) fn is_whole(size: usize) -> bool {
    size <= WHOLE
}

/// Fills a block of a slot whose canary is written. Its last bytes that are no whole word stay as
/// they are. `clean`: bytes from the start on that an earlier block left behind, poisoned; 0 if
/// there was none.
///
/// # Safety
/// - `start` is a multiple of 16 and `size` bytes from there are the heap's to write.
#[inline(always)]
pub(super) unsafe fn fill_slot(start: usize, size: usize, clean: usize) {
    let Some(word) = word() else { return };
    let len = size & !(WORD - 1);
    let first = start as *mut u64;
    if size <= clean {
        // They hold the word, but for the one that the canary may have been written over.
        if len != 0 {
            // SAFETY: the last whole word of the block.
            unsafe { first.byte_add(len - WORD).write(word) };
        }
        return;
    }
    // Up to here two stores of constant length do, which may overlap: no loop.
    macro_rules! ends {
        ($n:literal) => {{
            // SAFETY: the length is at least $n words, so both stores stay within it.
            unsafe {
                first.cast::<[u64; $n]>().write([word; $n]);
                first.byte_add(len - $n * WORD).cast::<[u64; $n]>().write([word; $n]);
            }
        }};
    }
    match len {
        0 => {}
        1..=16 => ends!(1),
        17..=32 => ends!(2),
        33..=64 => ends!(4),
        65..=128 => ends!(8),
        129..=256 => ends!(16),
        _ if size <= WHOLE => {
            // The canary begins at a multiple of 16, maybe before the end of what is clean.
            let from = clean.min(size & !(2 * WORD - 1)) & !(WORD - 1);
            // SAFETY: the caller's promise, in whole words.
            unsafe { copy_words(start + from, len - from) }
        }
        // SAFETY: the caller's promise.
        _ => unsafe { fill(start, size) },
    }
}

/// Fills fresh memory of any place and size, or its edges.
///
/// # Safety
/// - `size` bytes from `start` on are the heap's to write.
pub(super) unsafe fn fill(start: usize, size: usize) {
    if word().is_none() {
        return;
    }
    let (from, to) = (start.next_multiple_of(WORD), (start + size) & !(WORD - 1));
    let first_end = if size <= WHOLE { to } else { (from + 1).next_multiple_of(PAGE).min(to) };
    let last_start = if size <= WHOLE { to } else { ((to - 1) & !(PAGE - 1)).max(first_end) };
    for (from, to) in [(from, first_end), (last_start, to)] {
        // SAFETY: whole words between the two ends that the caller names.
        unsafe { copy_words(from, to.saturating_sub(from)) };
    }
}

/// # Safety
/// - `start` and `len` are multiples of 8, and these bytes are the heap's to write.
unsafe fn copy_words(start: usize, len: usize) {
    let mut done = 0;
    while done < len {
        let next = (len - done).min(PAGE);
        // SAFETY: whole words of what the caller names, and of the page, on which nothing is
        // written any more.
        unsafe { std::ptr::copy_nonoverlapping(PAGE_OF_IT.as_ptr().cast::<u8>(), (start + done) as *mut u8, next) };
        done += next;
    }
}

/// True if no whole aligned word of what is looked at of an extent is fresh.
///
/// # Safety
/// - The extent is readable.
#[inline(always)]
pub(crate) unsafe fn is_written(address: usize, extent: usize) -> bool {
    // SAFETY: the caller's promise.
    extent < WORD || unsafe { first_in(address, extent) }.is_none()
}

/// The offset of the first whole aligned word of an extent that is fresh. Of a long extent its
/// start and its end are looked at.
///
/// # Safety
/// - The extent is readable.
#[inline(never)]
pub(crate) unsafe fn first_in(address: usize, extent: usize) -> Option<usize> {
    let word = word()?;
    let end = address + extent;
    let mut at = address.next_multiple_of(WORD);
    while at + WORD <= end {
        if extent > 2 * EDGE && at >= address + EDGE && at < end - EDGE {
            at = (end - EDGE).next_multiple_of(WORD);
            continue;
        }
        // SAFETY: aligned and inside the extent, which the caller promises to be readable.
        if unsafe { read(at) } == word {
            return Some(at - address);
        }
        at += WORD;
    }
    None
}

/// Bytes of the fresh words that begin at this offset of an extent, one behind the other.
///
/// # Safety
/// - The extent is readable, and the offset leads to an aligned word.
pub(crate) unsafe fn run_at(address: usize, extent: usize, offset: usize) -> usize {
    let Some(word) = word() else { return 0 };
    let mut at = offset;
    // SAFETY: aligned and inside the extent.
    while at + WORD <= extent && unsafe { read(address + at) } == word {
        at += WORD;
    }
    at - offset
}

/// True if a text has no fresh word before its NUL.
///
/// # Safety
/// - The text is readable up to its NUL, and there is one.
#[inline(never)]
pub(crate) unsafe fn is_text_written(address: usize) -> bool {
    let Some(word) = word() else { return true };
    let mut at = address;
    while !at.is_multiple_of(WORD) {
        // SAFETY: no NUL has come yet.
        if unsafe { std::ptr::with_exposed_provenance::<u8>(at).read_volatile() } == 0 {
            return true;
        }
        at += 1;
    }
    loop {
        // SAFETY: no NUL has come yet, and an aligned word lies on one page.
        let here = unsafe { read(at) };
        if here == word {
            return false;
        }
        // A byte of it is 0.
        if here.wrapping_sub(0x0101_0101_0101_0101) & !here & 0x8080_8080_8080_8080 != 0 {
            return true;
        }
        at += WORD;
    }
}

/// Reads a word. Volatile: other threads may be writing there.
///
/// # Safety
/// - It is aligned and readable.
#[inline(always)]
unsafe fn read(at: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::with_exposed_provenance::<u64>(at).read_volatile() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_no_address_and_no_text() {
        for seed in 0..1000 {
            let word = of_seed(mixed(seed));
            let top = word >> 47;
            assert!(top != 0 && top != (1 << 17) - 1, "{word:x}");
            assert!(word.to_ne_bytes().iter().all(|byte| *byte >= 0x80), "{word:x}");
        }
    }

    #[test]
    fn a_block_is_filled_up_to_its_last_whole_word() {
        let _ready = super::super::ready();
        let word = word().expect("filled in these tests");
        for size in (1..300).chain([4096, 5000, WHOLE, WHOLE + 1, 1 << 20]) {
            let block = super::super::allocate(size, 8).addr();
            // SAFETY: a block of that size.
            let words = |at: usize| unsafe { read(block + at) };
            let whole = size & !(WORD - 1);
            if size >= WORD {
                assert_eq!((words(0), words(whole - WORD)), (word, word), "{size}");
            }
            // SAFETY: as above.
            unsafe {
                assert_eq!(first_in(block, size), (size >= WORD).then_some(0), "{size}");
                if size <= WHOLE {
                    assert_eq!(run_at(block, size, 0), whole, "{size}");
                }
                assert!(super::super::free(block, size, 8).is_ok());
            }
        }
    }

    #[test]
    fn a_slot_is_filled_whatever_an_earlier_block_left() {
        let _ready = super::super::ready();
        let word = word().expect("filled in these tests");
        let mut memory = vec![0_u128; 160];
        let start = memory.as_mut_ptr().addr();
        for size in (1..400).chain([500, 1000, 1007, 1500, 2000]) {
            for clean in
                [0, 1, 8, 15, 16, 40, 100, 256, 257, 600, 1200, 2000].into_iter().chain(size.max(20) - 20..size)
            {
                memory.fill(0x1111);
                // SAFETY: the test's own memory, longer than any block and its slack.
                unsafe {
                    redzone::poison(start, clean.max(1), word);
                    redzone::write_new(start, size, start + 2560);
                    fill_slot(start, size, clean);
                }
                // SAFETY: as above.
                let at = |offset: usize| unsafe { read(start + offset) };
                let other = (0..size / WORD * WORD).step_by(WORD).find(|&offset| at(offset) != word);
                assert_eq!(other, None, "{size} bytes after {clean}");
            }
        }
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        let _ready = super::super::ready();
        for size in [1, 8, 100, 5000, WHOLE, 1 << 20] {
            let block = super::super::allocate_zeroed(size, 8);
            // SAFETY: a block of that size.
            let bytes = unsafe { std::slice::from_raw_parts(block, size) };
            assert!(bytes.iter().all(|byte| *byte == 0), "{size}");
            // SAFETY: as above.
            assert!(unsafe { super::super::free(block.addr(), size, 8) }.is_ok());
        }
    }

    #[test]
    fn what_grows_is_filled_behind_what_was_there() {
        let _ready = super::super::ready();
        let word = word().expect("filled in these tests");
        for (old, new) in [(40, 48), (40, 100), (100, 5000), (5000, 5008), (300 << 10, 301 << 10)] {
            let block = super::super::allocate(old, 8);
            // SAFETY: a block of `old` bytes, then of `new`.
            unsafe {
                block.write_bytes(1, old);
                let grown = super::super::reallocate(block.addr(), old, 8, new).expect("live").addr();
                assert_eq!(read(grown), 0x0101_0101_0101_0101);
                assert_eq!(read(grown + (new & !7) - 8), word, "{old} to {new}");
                assert!(super::super::free(grown, new, 8).is_ok());
            }
        }
    }

    #[test]
    fn a_text_is_looked_at_up_to_its_nul() {
        let _ready = super::super::ready();
        let word = word().expect("filled in these tests").to_ne_bytes();
        let mut text = Box::new([[b'a'; 8]; 6]);
        text[4][3] = 0;
        let at = |i: usize, text: &[[u8; 8]; 6]| (&raw const text[0]).addr() + i;
        for skipped in 0..9 {
            // SAFETY: the box's bytes, with a NUL among them.
            assert!(unsafe { is_text_written(at(skipped, &text)) }, "{skipped}");
        }
        text[5] = word;
        // SAFETY: as above.
        assert!(unsafe { is_text_written(at(0, &text)) });
        text[2] = word;
        // SAFETY: as above.
        assert!(!unsafe { is_text_written(at(3, &text)) });
    }
}
