//! Backtraces, each kept once, for the life of the process.
//!
//! Records are appended to reserved memory and found again by hash, without a lock: a chain for
//! each bucket, grown at its head; the heads are the memory's first words. A record is complete
//! before its chain leads to it and never changes afterwards, so that a reader needs nothing but
//! the id. Only growing the memory takes a lock. None of it is a static, so that the search of all
//! modules' data does not read it.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::config::Backtrace;
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};
use crate::reentry::Reentry;

mod callers;
#[cfg(fast_trace)]
mod function;
#[cfg(fast_trace)]
mod memo;
#[cfg(fast_trace)]
mod rules;
#[cfg(all(test, fast_trace))]
mod tests;
#[cfg(fast_trace)]
mod walk;

pub(crate) use callers::{Personality, caller_begins, each_frame, function_of, personality, stays};

/// A backtrace in the depot; 0 for "not recorded".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct TraceId(pub(crate) u32);

/// Frames kept. The first ones are the allocator's and those of `Vec` and `Box`, half a dozen in a
/// debug build.
const FRAMES: usize = 20;
/// Frames kept with `GUARD_BACKTRACE=full`.
const FRAMES_FULL: usize = 64;
/// Address space of the depot: a hundred million frames.
const DEPOT: usize = 1 << 30;
/// Its share of an address space that is limited (a sixteenth is 16).
const SHARE: usize = 16;
/// Committed at a time.
const CHUNK: usize = 1 << 20;
const BUCKETS: usize = 1 << 16;

/// Words (of 8 bytes) of the heads of all chains. No record begins there, nor at 0, which is no
/// record's id.
const HEADS: usize = BUCKETS * size_of::<AtomicU32>() / 8;

/// Words (of 8 bytes) of a record before its frames: the next of the chain and the hash, then the
/// length.
const HEADER: usize = 2;

/// What holds the records: reserved by `set_up`.
#[derive(Debug)]
struct Depot {
    /// First byte; 0 if traces are off.
    base: AtomicUsize,
    /// Words ever taken, the heads among them.
    taken: AtomicUsize,
    /// Words of the reservation.
    words: AtomicUsize,
    /// Bytes that are committed.
    committed: AtomicUsize,
    /// Frames to keep.
    frames: AtomicUsize,
}

static DEPOT_STATE: Depot = Depot {
    base: AtomicUsize::new(0),
    taken: AtomicUsize::new(HEADS),
    words: AtomicUsize::new(0),
    committed: AtomicUsize::new(0),
    frames: AtomicUsize::new(0),
};
pub(super) static GROWTH: Locked<()> = Locked::new(());

/// A record as it lies in the depot; its frames follow it.
#[derive(Debug)]
#[repr(C)]
struct TraceRecord {
    /// The next of the chain, written before the record is reachable.
    next: AtomicU32,
    hash: u32,
    len: usize,
}

const _: () = assert!(size_of::<TraceRecord>() == HEADER * 8 && HEADS * 8 < CHUNK);

/// Reserves the depot. Without it every trace is "not recorded".
pub(crate) fn set_up(full: bool) {
    let Some((base, len)) = memory::reserve_up_to(DEPOT, CHUNK, PAGE, SHARE) else { return };
    // For the heads, and the first records.
    if !memory::commit(base..base + CHUNK) {
        return memory::release(base..base + len);
    }
    DEPOT_STATE.committed.store(CHUNK, Ordering::Relaxed);
    DEPOT_STATE.words.store(len / 8, Ordering::Relaxed);
    DEPOT_STATE.frames.store(if full { FRAMES_FULL } else { FRAMES }, Ordering::Relaxed);
    #[cfg(fast_trace)]
    {
        rules::set_up();
        memo::set_up();
    }
    DEPOT_STATE.base.store(base, Ordering::Release);
}

/// Whether a backtrace may be taken in C's `malloc`. A static executable allocates before its C
/// library knows where the unwinder's tables are, and the unwinder ends the process if it does not
/// find the function that asked.
#[cfg(feature = "c-heap")]
static UNWINDABLE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The unwinder's tables are known from here on: Rust code runs, or the loader has been through.
#[cfg(feature = "c-heap")]
pub(crate) fn let_unwind() {
    if !may_unwind() {
        UNWINDABLE.store(true, Ordering::Relaxed);
    }
}

/// Whether the unwinder's tables are known.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(super) fn may_unwind() -> bool {
    UNWINDABLE.load(Ordering::Relaxed)
}

/// Notes the modules that stay: once, after [`set_up`], without a lock of the heap held (it takes
/// the loader's). Until then every trace is unwound.
pub(crate) fn note_modules() {
    #[cfg(fast_trace)]
    rules::note_modules();
}

/// [`capture`] at any level, below level 2 too, where no other trace is kept: for what ends the
/// process, or is said once.
///
/// Not with a lock of the heap held: it takes the loader's.
#[inline(never)]
pub(crate) fn capture_at_any_level() -> TraceId {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let backtrace = crate::config::settings().backtrace;
    if backtrace != Backtrace::Off
        && DEPOT_STATE.base.load(Ordering::Acquire) == 0
        && ASKED.swap(1, Ordering::Relaxed) == 0
    {
        set_up(backtrace == Backtrace::Full);
        note_modules();
    }
    capture()
}

/// A backtrace without its `n` innermost frames.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn without(id: TraceId, n: usize) -> TraceId {
    intern(frames(id).get(n..).unwrap_or(&[]))
}

/// The backtrace of these return addresses, innermost first.
pub(crate) fn of_frames(frames: &[usize]) -> TraceId {
    intern(frames)
}

/// The backtrace of the caller, innermost first: return addresses, from `capture`'s caller on. 0 if
/// traces are off or the depot is full.
///
/// Unwinds with the tables of the modules loaded, as a panic does, or by what was read from them
/// before. glibc from 2.35 on finds them without a lock; before that an allocation under
/// `dl_iterate_phdr`'s callback, or in a child forked meanwhile, waits for a lock held elsewhere.
#[cfg(fast_trace)]
pub(crate) fn capture() -> TraceId {
    TraceId(quick::caller())
}

/// The backtrace of the caller, by the unwinder alone.
#[cfg(not(fast_trace))]
#[inline(never)]
pub(crate) fn capture() -> TraceId {
    if DEPOT_STATE.base.load(Ordering::Acquire) == 0 {
        return TraceId(0);
    }
    let mut frames = [0usize; FRAMES_FULL];
    // Frames that lie deeper in the stack than this array are the unwinder's.
    let here = (&raw const frames).addr() + size_of::<[usize; FRAMES_FULL]>();
    let len = unwind(here + 1, frames.get_mut(..limit()).unwrap_or(&mut []));
    intern(frames.get(..len).unwrap_or(&[]))
}

/// Frames to keep.
fn limit() -> usize {
    DEPOT_STATE.frames.load(Ordering::Relaxed).min(FRAMES_FULL)
}

/// Fills in the return addresses of frames whose stack pointer is not below `lowest`, innermost
/// first, and returns how many.
fn unwind(lowest: usize, frames: &mut [usize]) -> usize {
    let _inside = Reentry::enter();
    let mut len = 0;
    // SAFETY: the unwinder of Linux and macOS needs no synchronisation; the callback does not
    // unwind.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let sp = frame.sp().addr();
            let ip = frame.ip().addr();
            // The outermost frame has a caller at 0 by some unwinders.
            if (sp == 0 || sp >= lowest)
                && ip != 0
                && let Some(place) = frames.get_mut(len)
            {
                *place = ip;
                len += 1;
            }
            len < frames.len()
        });
    }
    len
}

/// The backtrace of an instruction that faulted, as the kernel left its registers: the instruction,
/// then return addresses. How many there are. Called by the handler, on whatever stack that runs.
pub(crate) fn of_fault(ip: usize, sp: usize, bp: usize, frames: &mut [usize]) -> usize {
    #[cfg(fast_trace)]
    let known = {
        let mut trail = walk::Trail::new(frames);
        // The rules look one byte before an address, for the call that returns there.
        let ended = trail.walk(walk::Registers { ip: ip + 1, sp, bp });
        let known = trail.len;
        if let Some(first) = frames.first_mut() {
            *first = ip;
        }
        if ended {
            return known;
        }
        known
    };
    #[cfg(not(fast_trace))]
    let known = {
        let _ = (sp, bp);
        0
    };
    // The unwinder begins here, and goes through the handler's frame to what the signal
    // interrupted.
    let mut all = [0; FRAMES_FULL];
    let len = unwind(0, &mut all);
    let all = all.get(..len).unwrap_or(&[]);
    let Some(from) = all.iter().position(|&frame| frame == ip) else { return known };
    let mut found = 0;
    for (to, &frame) in frames.iter_mut().zip(all.get(from..).unwrap_or(&[])) {
        *to = frame;
        found += 1;
    }
    found.max(known)
}

/// Return addresses found on the stack by what was read from the modules' tables before, and traces
/// found again by the words that led to them.
#[cfg(fast_trace)]
mod quick {
    use super::walk::{Registers, Trail};
    use super::{DEPOT_STATE, FRAMES_FULL, Ordering, Reentry, TraceId, intern, limit, memo, unwind};

    /// The backtrace from the caller on.
    ///
    /// The function's own machine code is written out here, because the registers with which the
    /// caller goes on are known before a compiler's first instruction only.
    #[unsafe(naked)]
    pub(super) extern "sysv64" fn caller() -> u32 {
        std::arch::naked_asm!(
            "mov rdi, qword ptr [rsp]",
            "lea rsi, [rsp + 8]",
            "mov rdx, rbp",
            "jmp {from}",
            from = sym from,
        )
    }

    extern "sysv64" fn from(ip: usize, sp: usize, bp: usize) -> u32 {
        let from = Registers { ip, sp, bp };
        memo::find(&from).unwrap_or_else(|| walked(&from)).0
    }

    #[inline(never)]
    fn walked(from: &Registers) -> TraceId {
        if DEPOT_STATE.base.load(Ordering::Acquire) == 0 {
            return TraceId(0);
        }
        let _inside = Reentry::enter();
        let mut frames = [0; FRAMES_FULL];
        let mut trail = Trail::new(frames.get_mut(..limit()).unwrap_or(&mut []));
        if trail.walk(*from) {
            let id = intern(trail.frames.get(..trail.len).unwrap_or(&[]));
            memo::keep(from, &trail, id);
            return id;
        }
        let len = unwind(from.sp, trail.frames);
        intern(trail.frames.get(..len).unwrap_or(&[]))
    }
}

/// The frames of a backtrace, innermost first; empty if none was recorded.
pub(crate) fn frames(id: TraceId) -> &'static [usize] {
    record(id.0).map_or(&[], |record| {
        // SAFETY: the frames follow their record, were written before its id was given out, and
        // stay.
        unsafe { std::slice::from_raw_parts((&raw const *record).add(1).cast(), record.len) }
    })
}

fn record(id: u32) -> Option<&'static TraceRecord> {
    let base = DEPOT_STATE.base.load(Ordering::Acquire);
    if id == 0 || base == 0 || id as usize >= DEPOT_STATE.taken.load(Ordering::Acquire) {
        return None;
    }
    // SAFETY: ids are given out by `intern` alone, for records that are committed and complete.
    Some(unsafe { &*(base as *const u64).add(id as usize).cast() })
}

fn hash(frames: &[usize]) -> u32 {
    let mixed = frames.iter().fold(0x9E37_79B9_7F4A_7C15u64, |hash, &frame| {
        (hash ^ frame as u64).wrapping_mul(0xFF51_AFD7_ED55_8CCD).rotate_left(29)
    });
    (mixed ^ mixed >> 32) as u32
}

/// The first record with these frames on the chain from `head` to `stop`.
fn find(mut head: u32, stop: u32, hash: u32, wanted: &[usize]) -> Option<u32> {
    while head != stop {
        let record = record(head)?;
        if record.hash == hash && frames(TraceId(head)) == wanted {
            return Some(head);
        }
        head = record.next.load(Ordering::Relaxed);
    }
    None
}

fn intern(wanted: &[usize]) -> TraceId {
    if wanted.is_empty() {
        return TraceId(0);
    }
    let hash = hash(wanted);
    let base = DEPOT_STATE.base.load(Ordering::Acquire);
    if base == 0 {
        return TraceId(0);
    }
    // SAFETY: the heads are the first words of the depot, committed by `set_up` for good; zero is
    // the head of an empty chain.
    let bucket = unsafe { &*(base as *const AtomicU32).add(hash as usize % BUCKETS) };
    let mut head = bucket.load(Ordering::Acquire);
    if let Some(id) = find(head, 0, hash, wanted) {
        return TraceId(id);
    }
    let Some(id) = append(hash, wanted) else { return TraceId(0) };
    let Some(record) = record(id) else { return TraceId(0) };
    loop {
        record.next.store(head, Ordering::Relaxed);
        match bucket.compare_exchange(head, id, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return TraceId(id),
            Err(newer) => {
                // Another thread was first, maybe with the same frames. Ours is then never reached:
                // a few words lost.
                if let Some(theirs) = find(newer, head, hash, wanted) {
                    return TraceId(theirs);
                }
                head = newer;
            }
        }
    }
}

/// Writes a record that no chain leads to yet.
fn append(hash: u32, wanted: &[usize]) -> Option<u32> {
    let needed = HEADER + wanted.len();
    let words = DEPOT_STATE.words.load(Ordering::Relaxed);
    // Not a plain addition: a depot that is full must stay full.
    let id = DEPOT_STATE
        .taken
        .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| Some(taken + needed).filter(|&end| end <= words))
        .ok()?;
    let base = DEPOT_STATE.base.load(Ordering::Acquire);
    let end = (id + needed) * 8;
    if end > DEPOT_STATE.committed.load(Ordering::Acquire) && !grow(base, end) {
        return None;
    }
    // SAFETY: the words from `id` on were taken by this thread alone, and are committed.
    unsafe {
        let record = (base as *mut u64).add(id).cast::<TraceRecord>();
        record.write(TraceRecord { next: AtomicU32::new(0), hash, len: wanted.len() });
        std::ptr::copy_nonoverlapping(wanted.as_ptr(), record.add(1).cast(), wanted.len());
    }
    u32::try_from(id).ok()
}

#[cold]
fn grow(base: usize, end: usize) -> bool {
    GROWTH.with(|()| {
        let committed = DEPOT_STATE.committed.load(Ordering::Relaxed);
        let wanted = end.next_multiple_of(CHUNK).min(DEPOT_STATE.words.load(Ordering::Relaxed) * 8);
        if wanted > committed {
            if !memory::commit(base + committed..base + wanted) {
                return false;
            }
            DEPOT_STATE.committed.store(wanted, Ordering::Release);
        }
        true
    })
}

#[cfg(test)]
mod depot_tests {
    use super::*;

    #[test]
    fn a_trace_is_kept_once_and_read_back() {
        crate::heap::ready();
        let ids: Vec<TraceId> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let ids: Vec<_> = (1..2000usize).map(|n| intern(&[n, n * 2, 7])).collect();
                        for (n, &id) in (1..).zip(&ids) {
                            assert_eq!(frames(id), [n, n * 2, 7]);
                        }
                        ids
                    })
                })
                .collect();
            let mut all = threads.into_iter().map(|thread| thread.join().unwrap());
            let first = all.next().unwrap();
            all.for_each(|ids| assert_eq!(ids, first, "two ids for one trace"));
            first
        });
        assert_eq!(ids.iter().map(|id| id.0).collect::<std::collections::HashSet<_>>().len(), ids.len());
        assert_eq!(frames(TraceId(0)), [0usize; 0]);
    }

    #[test]
    fn a_captured_trace_holds_its_caller() {
        crate::heap::ready();
        #[inline(never)]
        fn caller() -> TraceId {
            std::hint::black_box(capture())
        }
        let (one, two) = (caller(), std::hint::black_box(caller()));
        assert!(!frames(one).is_empty() && frames(one).len() <= FRAMES);
        assert_ne!(one, two, "two places, one trace");
        let mut names = String::new();
        for &frame in frames(one) {
            backtrace::resolve(frame as *mut _, |symbol| names.extend(symbol.name().map(|name| format!("{name}\n"))));
        }
        assert!(names.contains("a_captured_trace_holds_its_caller"), "{names}");
        assert!(!names.contains("trace_unsynchronized"), "{names}");
    }
}
