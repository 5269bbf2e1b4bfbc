//! Traces that were walked before: from the same place, on the same words.
//!
//! A walk is a function of the registers that it begins with and of the words that it reads, one
//! after the other: each rule and so each address read follows from what was read before. An entry
//! remembers the registers and those words. If the registers are the same now, and word after word
//! is the same in the same place, then this walk would read the same and arrive at the same frames;
//! there is nothing that a stale slot or a frame of variable size could make differ, because the
//! saved frame pointers that such a frame is found by are among the words. And up to the first word
//! that differs the walk would have read at the same addresses: so looking is as safe as walking,
//! on a stack that was mapped again as well.
//!
//! Entries are the process's, each with a version that is odd while it is written. A reader takes
//! nothing, and never waits: places and words are copied by fours, and used only where the version
//! says that they are of one writing. Else it walks. So a signal handler that comes in the middle
//! of an entry, read or written, or a child forked then, never believes half of one; and no place
//! is read on the stack that another walk's words led to.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use super::TraceId;
use super::walk::{READS, Read, Registers, Trail, read};
use crate::platform::memory::{self, PAGE};

const SETS: usize = 512;
/// Traces from one place with the stack pointer in one place: one function that allocates in
/// several lines.
const WAYS: usize = 4;
/// Words that are compared between two looks at the version.
const GROUP: usize = 4;
const GROUPS: usize = READS / GROUP;

const _: () = assert!(READS.is_multiple_of(GROUP));

/// A trace that was walked.
#[derive(Debug)]
#[repr(C, align(64))]
struct MemoEntry {
    /// 0 while it is empty; odd while it is written.
    version: AtomicUsize,
    /// Where the walk began.
    ip: AtomicUsize,
    sp: AtomicUsize,
    bp: AtomicUsize,
    /// The bits of the first frame pointer that matter: all or none.
    by_bp: AtomicUsize,
    id: AtomicU32,
    /// Groups that are compared.
    len: AtomicU32,
    groups: [Group; GROUPS],
}

/// Words to compare, in the order in which they were read. What is left over repeats the last one.
#[derive(Debug)]
#[repr(C)]
struct Group {
    /// Where they are, in words above the first stack pointer: 16 bits each, the first lowest.
    places: AtomicU64,
    words: [AtomicUsize; GROUP],
}

#[derive(Debug)]
#[repr(C, align(64))]
struct Set {
    /// The way to be written next.
    next: AtomicUsize,
    ways: [MemoEntry; WAYS],
}

const BYTES: usize = SETS * size_of::<Set>();

/// The sets: reserved memory, not a static, so that the search of all modules' data does not read
/// them. 0 if no traces are kept.
static TABLE: AtomicUsize = AtomicUsize::new(0);

/// Reserves the table. Without it nothing is remembered.
pub(super) fn set_up() {
    let len = BYTES.next_multiple_of(PAGE);
    if let Some(at) = memory::reserve(len, PAGE)
        && memory::commit(at..at + len)
    {
        TABLE.store(at, Ordering::Release);
    }
}

/// The set for these registers; `None` where there is no memory.
#[inline(always)]
fn set(from: &Registers) -> Option<&'static Set> {
    let table = TABLE.load(Ordering::Acquire);
    if table == 0 {
        return None;
    }
    let mixed = (from.ip ^ from.sp.rotate_left(20)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    // SAFETY: the table has this set, from `set_up` on and for good; a set may be zero, and all in
    // it is atomic.
    Some(unsafe { &*(table as *const Set).add(mixed % SETS) })
}

/// The trace of a walk from here, if one that is remembered would go the same way.
#[inline(always)]
pub(super) fn find(from: &Registers) -> Option<TraceId> {
    set(from)?.ways.iter().find_map(|entry| entry.leads_from(from))
}

/// Remembers a walk.
pub(super) fn keep(from: &Registers, trail: &Trail<'_>, id: TraceId) {
    let Some(reads) = trail.reads.get(..trail.read) else { return };
    let most = usize::from(u16::MAX);
    if reads.iter().any(|read| read.address.checked_sub(from.sp).is_none_or(|above| above / 8 > most)) {
        return;
    }
    let Some(set) = set(from) else { return };
    let next = set.next.load(Ordering::Relaxed);
    set.next.store(next.wrapping_add(1), Ordering::Relaxed);
    let Some(entry) = set.ways.get(next % WAYS) else { return };
    entry.write(from, trail.by_first_bp, id, reads);
}

impl MemoEntry {
    #[inline(always)]
    fn leads_from(&self, now: &Registers) -> Option<TraceId> {
        let version = self.version.load(Ordering::Acquire);
        if version & 1 != 0
            || self.ip.load(Ordering::Relaxed) != now.ip
            || self.sp.load(Ordering::Relaxed) != now.sp
            || (self.bp.load(Ordering::Relaxed) ^ now.bp) & self.by_bp.load(Ordering::Relaxed) != 0
        {
            return None;
        }
        let id = self.id.load(Ordering::Relaxed);
        for group in self.groups.iter().take(self.len.load(Ordering::Relaxed) as usize) {
            let mut places = group.places.load(Ordering::Relaxed);
            let words = group.words.each_ref().map(|word| word.load(Ordering::Relaxed));
            if !self.is_still(version) {
                return None;
            }
            // In this order, and no further than to the first that differs: see above.
            for word in words {
                if read(now.sp + usize::from(places as u16) * 8) != word {
                    return None;
                }
                places >>= 16;
            }
        }
        // For a walk that read nothing, and so has no group.
        self.is_still(version).then_some(TraceId(id))
    }

    /// Whether what was loaded is of this version.
    #[inline(always)]
    fn is_still(&self, version: usize) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }

    /// Writes nothing if the entry is being written: by another thread, or by what this signal
    /// handler interrupted.
    fn write(&self, from: &Registers, by_bp: bool, id: TraceId, reads: &[Read]) {
        let version = self.version.load(Ordering::Relaxed);
        if version & 1 != 0
            || self.version.compare_exchange(version, version + 1, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return;
        }
        // Pairs with the fence in `is_still`: a reader that sees a word from below sees the odd
        // version or a later one.
        fence(Ordering::Release);
        self.ip.store(from.ip, Ordering::Relaxed);
        self.sp.store(from.sp, Ordering::Relaxed);
        self.bp.store(from.bp, Ordering::Relaxed);
        self.by_bp.store(if by_bp { usize::MAX } else { 0 }, Ordering::Relaxed);
        self.id.store(id.0, Ordering::Relaxed);
        self.len.store(reads.len().div_ceil(GROUP) as u32, Ordering::Relaxed);
        for (group, reads) in self.groups.iter().zip(reads.chunks(GROUP)) {
            let mut places = 0;
            for (nth, word) in group.words.iter().enumerate() {
                let Some(read) = reads.get(nth).or(reads.last()) else { continue };
                places |= ((read.address - from.sp) as u64 / 8) << (16 * nth);
                word.store(read.word, Ordering::Relaxed);
            }
            group.places.store(places, Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A walk that began at the first word of this stack and read some of the others.
    fn walked(stack: &[usize], places: &[usize]) -> (Registers, Vec<Read>) {
        let sp = stack.as_ptr().expose_provenance();
        let reads = places.iter().map(|&place| Read { address: sp + place * 8, word: stack[place] });
        (Registers { ip: 0x1000, sp, bp: 7 }, reads.collect())
    }

    fn entry() -> MemoEntry {
        // SAFETY: atomics of zero: an entry that was never written.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn every_word_of_a_walk_counts_and_no_other() {
        for len in 0..=10 {
            let mut stack: [usize; 12] = std::array::from_fn(|place| 0x4000 + place);
            let (from, reads) = walked(&stack, &[1, 3, 2, 4, 5, 11, 7, 8, 9, 10][..len]);
            let entry = entry();
            assert_eq!(entry.leads_from(&from), None);
            entry.write(&from, true, TraceId(5), &reads);
            assert_eq!(entry.leads_from(&from), Some(TraceId(5)), "{len} words");
            assert_eq!(entry.leads_from(&Registers { ip: 0x1001, ..from }), None);
            assert_eq!(entry.leads_from(&Registers { bp: 8, ..from }), None);
            for (place, word) in stack.iter_mut().enumerate() {
                let was = std::mem::replace(word, 0);
                let matters = reads.iter().any(|read| read.address == from.sp + place * 8);
                assert_eq!(entry.leads_from(&from).is_none(), matters, "{len} words, place {place}");
                *word = was;
            }
            entry.write(&from, false, TraceId(6), &reads);
            assert_eq!(entry.leads_from(&Registers { bp: 8, ..from }), Some(TraceId(6)));
        }
    }

    #[test]
    fn what_is_being_written_is_neither_believed_nor_written_by_another() {
        let stack: [usize; 12] = std::array::from_fn(|place| 0x4000 + place);
        let (from, reads) = walked(&stack, &[1, 2, 3, 4, 5]);
        let entry = entry();
        entry.write(&from, false, TraceId(5), &reads);
        // As a signal handler finds what it interrupted, or a child what another thread had begun.
        entry.version.fetch_add(1, Ordering::Relaxed);
        assert_eq!(entry.leads_from(&from), None);
        entry.write(&from, false, TraceId(6), &reads);
        assert_eq!(entry.id.load(Ordering::Relaxed), 5);
        entry.version.fetch_add(1, Ordering::Relaxed);
        assert_eq!(entry.leads_from(&from), Some(TraceId(5)));
    }

    #[test]
    fn a_reader_among_writers_sees_one_walk() {
        let stack: [usize; READS] = std::array::from_fn(|place| 0x4000 + place);
        let (from, reads) = walked(&stack, &std::array::from_fn::<_, READS, _>(|place| place));
        // From the same place and on other words: the last one differs.
        let mut other = reads.clone();
        other[READS - 1].word = 1;
        let entry = &entry();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for _ in 0..500_000 {
                    entry.write(&from, false, TraceId(6), &other);
                    entry.write(&from, false, TraceId(5), &reads);
                }
            });
            while !writer.is_finished() {
                // On this stack only one of them would go the same way.
                assert_ne!(entry.leads_from(&from), Some(TraceId(6)));
            }
        });
        assert_eq!(entry.leads_from(&from), Some(TraceId(5)));
    }
}
