//! One thread's counters, on pages of their own: no other thread writes there, so counting shares
//! no cache line.
//!
//! Shards are never freed. A thread that ends leaves its own, counts and all, to one that begins
//! later: the sum over all shards is the work of the whole process.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::platform::loaded;
use crate::platform::memory::{self, PAGE};
use crate::platform::process::Errno;
use crate::platform::thread::{self, AtExit};

/// The number of functions that a shard has room for; of any more, calls are counted and nothing
/// else. Pages that are never written cost address space alone.
pub(super) const FUNCTIONS: usize = 16 << 10;
/// The depth of calls within calls that are timed; of deeper ones, calls are counted and nothing
/// else.
pub(super) const DEPTH: usize = 1 << 10;

/// One thread's counters for one function: a cache line. Times are in ticks. Their sums may be a
/// little below 0, since the clock's own time is taken off.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Counters {
    /// Calls that reached the other side.
    pub(super) calls: AtomicU64,
    /// Calls that reached the other side and came back.
    pub(super) ended: AtomicU64,
    /// Ticks in C, or for a callback in Rust, without guarded calls made from there.
    pub(super) callee: AtomicU64,
    /// Ticks in checks.
    pub(super) checks: AtomicU64,
    /// Bytes of Rust memory lent.
    pub(super) bytes: AtomicU64,
    /// Guarded callbacks that C made during these calls.
    pub(super) callbacks: AtomicU64,
    /// Loans under `retained`.
    pub(super) retained: AtomicU64,
    /// Loans of pinned memory.
    pub(super) pinned: AtomicU64,
}

const _: () = assert!(size_of::<Counters>() == 64);

impl Counters {
    /// All counters.
    pub(super) fn each(&self) -> [&AtomicU64; 8] {
        let Counters { calls, ended, callee, checks, bytes, callbacks, retained, pinned } = self;
        [calls, ended, callee, checks, bytes, callbacks, retained, pinned]
    }
}

/// Adds to a counter of the calling thread's own. No other thread writes to it, so no atomic
/// read-modify-write is needed, which takes 20 times as long.
#[inline(always)]
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// A call that has not returned.
#[derive(Debug)]
pub(super) struct TimedFrame {
    /// The function's number.
    pub(super) function: AtomicUsize,
    /// An address on the stack. The call is gone if another one is made at or above it.
    pub(super) address: AtomicUsize,
    /// The number of the call among those that were at this depth.
    pub(super) serial: AtomicU32,
    /// A [`super::call::Doing`].
    pub(super) doing: AtomicU32,
}

/// The memory of one thread. Zeroed memory is a valid shard.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shard {
    /// They come first, and so lie on pages of their own.
    pub(super) counters: [Counters; FUNCTIONS],
    /// The shard that was made before this one.
    next: AtomicPtr<Shard>,
    /// True while a thread counts here.
    taken: AtomicBool,
    /// True while the thread changes it: a signal handler that comes in between must not.
    pub(super) busy: AtomicBool,
    /// The number of calls that have not returned.
    pub(super) depth: AtomicUsize,
    /// The time when the innermost of them began its present activity.
    pub(super) mark: AtomicU64,
    pub(super) frames: [TimedFrame; DEPTH],
}

const _: () = assert!(size_of::<[Counters; FUNCTIONS]>().is_multiple_of(PAGE));

/// The shard that was made last.
static LAST: AtomicPtr<Shard> = AtomicPtr::new(null_mut());

thread_local! {
    /// Const and without a destructor: it can be read at any time of a thread's life.
    static MINE: Cell<*const Shard> = const { Cell::new(null()) };
    /// Set when the thread ends, after which it gets no shard any more.
    static ENDED: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread's shard; `None` if the system gives no memory, and at the thread's end.
#[inline]
pub(super) fn mine() -> Option<&'static Shard> {
    // SAFETY: null, or a shard, none of which is ever given back.
    match unsafe { MINE.get().as_ref() } {
        None => take_one(),
        mine => mine,
    }
}

#[cold]
fn take_one() -> Option<&'static Shard> {
    if ENDED.get() {
        return None;
    }
    let _errno = Errno::keep();
    let free = |shard: &&Shard| {
        !shard.taken.load(Ordering::Relaxed)
            && shard.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    };
    let shard = all().find(free).or_else(make)?;
    MINE.set(shard);
    // If the system cannot report the thread's end, its shard is not used again.
    static AT_EXIT: AtExit = AtExit::new();
    // At level 0 there may be no heap that has done it.
    static STAYS: AtomicBool = AtomicBool::new(false);
    if !STAYS.swap(true, Ordering::Relaxed) {
        loaded::stay();
    }
    thread::on_exit(&AT_EXIT, leave, std::ptr::from_ref(shard).cast_mut().cast());
    Some(shard)
}

/// Leaves the shard to another thread, at the end of this one.
unsafe extern "C" fn leave(shard: *mut c_void) {
    ENDED.set(true);
    MINE.set(null());
    // SAFETY: `take_one` gave the shard's own address.
    let shard = unsafe { &*shard.cast::<Shard>() };
    // Calls in the middle of which the thread ends do not return.
    shard.depth.store(0, Ordering::Relaxed);
    shard.busy.store(false, Ordering::Relaxed);
    shard.taken.store(false, Ordering::Release);
}

fn make() -> Option<&'static Shard> {
    let len = size_of::<Shard>().next_multiple_of(PAGE);
    let start = memory::reserve(len, PAGE)?;
    if !memory::commit(start..start + len) {
        memory::release(start..start + len);
        return None;
    }
    // SAFETY: enough bytes for a shard, aligned to a page, readable, writable and zero, which every
    // field accepts; they are never given back.
    let shard = unsafe { &*std::ptr::with_exposed_provenance::<Shard>(start) };
    shard.taken.store(true, Ordering::Relaxed);
    let _ = LAST.fetch_update(Ordering::Release, Ordering::Relaxed, |last| {
        shard.next.store(last, Ordering::Relaxed);
        Some(std::ptr::from_ref(shard).cast_mut())
    });
    Some(shard)
}

/// All shards, those of threads that have ended included.
pub(super) fn all() -> impl Iterator<Item = &'static Shard> {
    let mut at = LAST.load(Ordering::Acquire);
    std::iter::from_fn(move || {
        // SAFETY: null, or a shard.
        let shard: &'static Shard = unsafe { at.as_ref() }?;
        at = shard.next.load(Ordering::Acquire);
        Some(shard)
    })
}

/// Clears all counters in the child of a fork, which has the calling thread alone: its calls count
/// from here on.
pub(super) fn forget() {
    let mine = MINE.get();
    for shard in all() {
        let counters = shard.counters.as_ptr().addr();
        memory::discard(counters..counters + size_of_val(&shard.counters));
        if std::ptr::eq(shard, mine) {
            for frame in shard.frames.iter().take(shard.depth.load(Ordering::Relaxed)) {
                if let Some(counters) = shard.counters.get(frame.function.load(Ordering::Relaxed)) {
                    add(&counters.calls, 1);
                }
            }
        } else {
            shard.depth.store(0, Ordering::Relaxed);
            shard.busy.store(false, Ordering::Relaxed);
            shard.taken.store(false, Ordering::Relaxed);
        }
    }
}
