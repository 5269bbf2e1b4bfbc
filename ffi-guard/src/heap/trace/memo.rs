//! Traces that were walked before: from the same place, on the same words.
//!
//! A walk is a function of the registers that it begins with and of the words that it reads, one after the other: each
//! rule and so each address read follows from what was read before. An entry remembers the registers and those words. If the
//! registers are the same now, and word after word is the same in the same place, then this walk would read the same and
//! arrive at the same frames; there is nothing that a stale slot or a frame of variable size could make differ, because the
//! saved frame pointers that such a frame is found by are among the words. And up to the first word that differs the walk
//! would have read at the same addresses: so looking is as safe as walking, on a stack that was mapped anew as well.
//!
//! Entries are the process's, in sets with a lock each that nobody waits for: who finds it taken walks. So a signal handler
//! that comes in the middle of an entry, or a child forked then, never sees half of one.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::TraceId;
use super::walk::{READS, Registers, Trail, read};
use crate::platform::memory::{self, Before, PAGE};

const SETS: usize = 512;
/// Traces from one place with the stack pointer in one place: one function that allocates in several lines.
const WAYS: usize = 4;

/// A trace that was walked.
#[derive(Debug)]
#[repr(C, align(64))]
struct Entry {
    /// Where the walk began; `ip` is 0 in an empty entry.
    from: Registers,
    id: TraceId,
    /// Words to compare.
    len: u8,
    /// Whether the first frame pointer matters.
    by_bp: bool,
    /// Where they are, in words above the first stack pointer.
    places: [u16; READS],
    words: [usize; READS],
}

#[derive(Debug)]
#[repr(C, align(64))]
struct Set {
    taken: AtomicBool,
    /// Reached by whoever has `taken`.
    ways: UnsafeCell<Ways>,
}

#[derive(Debug)]
struct Ways {
    next: usize,
    entries: [Entry; WAYS],
}

const BYTES: usize = SETS * size_of::<Set>();

/// The sets: reserved memory, not a static, so that the search of all modules' data does not read them.
static TABLE: AtomicUsize = AtomicUsize::new(0);

/// Makes room. Without it nothing is remembered.
pub(super) fn set_up() {
    let len = BYTES.next_multiple_of(PAGE);
    if let Some(at) = memory::reserve(len, PAGE, Before::Nothing)
        && memory::commit(at..at + len)
    {
        TABLE.store(at, Ordering::Release);
    }
}

/// Runs `f` with the entries for these registers; `None` where there is no memory or somebody is at them.
#[inline(always)]
fn with<R>(from: &Registers, f: impl FnOnce(&mut Ways) -> R) -> Option<R> {
    let table = TABLE.load(Ordering::Acquire);
    if table == 0 {
        return None;
    }
    let mixed = (from.ip ^ from.sp.rotate_left(20)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    // SAFETY: the table has so many sets, from `set_up` on and for good, and a set may be zero.
    let set = unsafe { &*(table as *const Set).add(mixed % SETS) };
    if set.taken.swap(true, Ordering::Acquire) {
        return None;
    }
    // SAFETY: `taken` was false, so nobody is here but this.
    let result = f(unsafe { &mut *set.ways.get() });
    set.taken.store(false, Ordering::Release);
    Some(result)
}

/// The trace of a walk from here, if one that is remembered would go the same way.
#[inline(always)]
pub(super) fn find(from: &Registers) -> Option<TraceId> {
    with(from, |ways| ways.entries.iter().find(|entry| entry.leads_from(from)).map(|entry| entry.id)).flatten()
}

/// Remembers a walk.
pub(super) fn keep(from: &Registers, trail: &Trail<'_>, id: TraceId) {
    let Some(reads) = trail.reads.get(..trail.read) else { return };
    let mut places = [0; READS];
    for (place, read) in places.iter_mut().zip(reads) {
        let Some(above) = read.address.checked_sub(from.sp) else { return };
        let Ok(above) = u16::try_from(above / 8) else { return };
        *place = above;
    }
    with(from, |ways| {
        let next = ways.next % WAYS;
        ways.next = next + 1;
        let Some(entry) = ways.entries.get_mut(next) else { return };
        (entry.from, entry.id, entry.by_bp) = (*from, id, trail.by_first_bp);
        (entry.places, entry.len) = (places, reads.len() as u8);
        for (word, read) in entry.words.iter_mut().zip(reads) {
            *word = read.word;
        }
    });
}

impl Entry {
    #[inline(always)]
    fn leads_from(&self, now: &Registers) -> bool {
        self.from.ip == now.ip
            && self.from.sp == now.sp
            && (self.from.bp == now.bp || !self.by_bp)
            // In this order, and no further than to the first that differs: see above.
            && self.places.iter().zip(&self.words).take(usize::from(self.len))
                .all(|(&place, &word)| read(now.sp + usize::from(place) * 8) == word)
    }
}
