//! Threads: the calling one's number, hooks for a thread's end, hooks for a fork.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};

use super::os::thread::single_threaded;
pub(crate) use super::os::thread::{at_fork, is_first, on_exit, pointer, wait, wake};

thread_local! {
    /// Const and without a destructor: reading it never allocates and never fails.
    static ID: Cell<u32> = const { Cell::new(0) };
}

/// The number of the next thread to be seen.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// True if more than one thread was ever seen.
#[inline]
pub(crate) fn are_several() -> bool {
    NEXT.load(Ordering::Relaxed) > 2
}

/// A number for the calling thread, from 1 in the order in which threads were first seen, never
/// used again.
///
/// It is not the kernel's number: the kernel gives that to the next thread as soon as this one has
/// ended, and a report about a block freed long ago would name the wrong thread.
pub(crate) fn id() -> u32 {
    ID.try_with(|id| {
        if id.get() == 0 {
            id.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        id.get()
    })
    .unwrap_or(0)
}

/// The byte that says whether the process has a single thread: C's library's, or one of ours that
/// says no.
static ALONE: AtomicPtr<AtomicU8> = AtomicPtr::new((&raw const NOBODY_KNOWS).cast_mut());
static NOBODY_KNOWS: AtomicU8 = AtomicU8::new(0);

/// True if the calling thread is certainly the only one of the process, C's threads counted. Then
/// no other thread can see a change half done, and no instruction needs to lock the bus, at some
/// five nanoseconds each. False if it is not known.
///
/// The only thread is the one that would make another, so the answer holds until it does: not
/// across a call of code that is not ours.
#[inline(always)]
pub(crate) fn is_alone() -> bool {
    // SAFETY: the byte is ours, or belongs to C's library, which is never unloaded.
    unsafe { (*ALONE.load(Ordering::Relaxed)).load(Ordering::Relaxed) != 0 }
}

/// Asks C's library for the byte that says so: once, with no lock held.
pub(crate) fn ask_who_is_alone() {
    if let Some(byte) = single_threaded() {
        ALONE.store(byte, Ordering::Relaxed);
    }
}

/// The registration of one hook that runs at the end of threads.
#[derive(Debug)]
pub(crate) struct AtExit {
    /// One more than the system's key; 0 while there is none.
    #[cfg_attr(platform = "other", allow(dead_code))]
    pub(super) key: AtomicU32,
}

impl AtExit {
    pub(crate) const fn new() -> AtExit {
        AtExit { key: AtomicU32::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn nobody_is_alone_among_threads() {
        super::ask_who_is_alone();
        // The tests' own threads are there already.
        let told = std::thread::spawn(super::is_alone).join().unwrap();
        assert!(!told);
    }

    #[test]
    fn a_thread_keeps_its_number_and_no_other_has_it() {
        let mine = id();
        let theirs = std::thread::spawn(id).join().unwrap();
        assert_ne!(mine, 0);
        assert_ne!(theirs, 0);
        assert_ne!(mine, theirs);
        assert_eq!(mine, id());
    }
}
