//! A gate around all code of the guard that takes locks it did not make: the loader's around its
//! list of modules, that of the crate `backtrace`, std's around the symbol tables.
//!
//! If a process forks while another thread holds one, the child waits for it for ever. So all of
//! that happens inside the gate: any number of threads may be inside, and a thread that forks
//! closes it and waits until they have left.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::lock::{HeldInFork, Locked};
use super::thread;

/// The number of threads inside, plus `CLOSED` while the gate is closed.
static INSIDE: AtomicU32 = AtomicU32::new(0);
const CLOSED: u32 = 1 << 31;
/// Held by the thread that forks.
static FORKING: Locked<()> = Locked::new(());

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f` inside the gate. May nest; `f` runs none of the program's code.
pub(crate) fn run<R>(f: impl FnOnce() -> R) -> R {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // Registered after the heap's hook, so that it runs first: the gate closes before the
        // heap's locks are held, which threads inside may take.
        thread::at_fork(before, after, after);
    }
    // First the own count: a signal handler that comes in between is inside already, and does not
    // wait.
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    let _left = Left;
    if depth == 0 {
        while INSIDE.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n & CLOSED == 0).then_some(n + 1)).is_err()
        {
            std::thread::yield_now();
        }
    }
    f()
}

struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        let depth = DEPTH.get();
        if depth == 1 {
            INSIDE.fetch_sub(1, Ordering::Release);
        }
        DEPTH.set(depth - 1);
    }
}

unsafe extern "C" fn before() {
    FORKING.hold();
    // A signal handler may fork while its thread is inside.
    let own = u32::from(DEPTH.get() != 0);
    INSIDE.fetch_or(CLOSED, Ordering::AcqRel);
    while INSIDE.load(Ordering::Acquire) & !CLOSED > own {
        std::thread::yield_now();
    }
    // The gate is closed to others: other libraries' fork handlers, which run on this thread until
    // `after`, may call code that enters it.
    DEPTH.set(DEPTH.get() + 1);
}

/// Opens the gate, in the parent and in the child, which has this thread alone.
unsafe extern "C" fn after() {
    DEPTH.set(DEPTH.get().saturating_sub(1));
    INSIDE.fetch_and(!CLOSED, Ordering::Release);
    FORKING.let_go();
}

/// The gate, closed by [`close_soon`]. Dropping it opens the gate, in the process and in a copy.
#[cfg(faults)]
pub(super) struct Closed(());

/// Closes the gate for a copy of the process that no `fork` makes. Looks `looks` times whether the
/// threads inside have left, with `pause` in between; `None` if they have not by then, or if the
/// calling thread is inside itself. May run in a signal handler.
#[cfg(faults)]
pub(super) fn close_soon(mut looks: u32, pause: fn()) -> Option<Closed> {
    let mut look = |is_done: &dyn Fn() -> bool| {
        while !is_done() {
            looks = looks.checked_sub(1)?;
            pause();
        }
        Some(())
    };
    if DEPTH.get() != 0 {
        return None;
    }
    look(&|| FORKING.try_hold())?;
    INSIDE.fetch_or(CLOSED, Ordering::AcqRel);
    DEPTH.set(1);
    let closed = Closed(());
    look(&|| INSIDE.load(Ordering::Acquire) & !CLOSED == 0)?;
    Some(closed)
}

#[cfg(faults)]
impl Drop for Closed {
    fn drop(&mut self) {
        // SAFETY: the second half of what `close_soon` began, on the same thread.
        unsafe { after() };
    }
}
