//! A lock that never allocates, never unwinds and can be released in a forked child.
//!
//! std's `Mutex` promises none of the three to a global allocator.
//!
//! Between the two halves of a fork the forking thread holds every such lock, and still runs code
//! that is not ours: the handlers of other libraries, which allocate, free, and call C. It may pass
//! the locks that it holds.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::thread;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and some thread sleeps until it is free.
const WAITED_FOR: u32 = 2;

/// The number of times that a thread looks before it sleeps. The sections under these locks copy a
/// few hundred bytes at most.
const SPINS: u32 = 100;

/// This process is a copy with one thread, made without the handlers of `fork`.
static IS_A_COPY: AtomicBool = AtomicBool::new(false);

/// Has the locks that are held now passed through from here on. For a copy of the process that has
/// the calling thread alone: who held them is not in it.
#[cfg(faults)]
pub(super) fn pass_through() {
    IS_A_COPY.store(true, Ordering::Relaxed);
}

/// The lock alone. `Locked` couples it with the value that it guards.
#[derive(Debug)]
struct Lock {
    state: AtomicU32,
    /// The thread that holds it for a fork; 0 at all other times.
    forking: AtomicU32,
}

impl Lock {
    /// Takes the lock. False if the calling thread has it already, for a fork, or no thread is left
    /// that could release it: then the calling one must not.
    #[inline]
    fn acquire(&self) -> bool {
        // A signal handler that comes in between has released it when it returns.
        if thread::is_alone() && self.state.load(Ordering::Relaxed) == FREE {
            self.state.store(HELD, Ordering::Relaxed);
            return true;
        }
        self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() || self.acquire_slowly()
    }

    #[cold]
    fn acquire_slowly(&self) -> bool {
        // Only this thread stores its own number there, and removes it.
        let forking = self.forking.load(Ordering::Relaxed);
        if forking != 0 && forking == thread::id() {
            return false;
        }
        if IS_A_COPY.load(Ordering::Relaxed) {
            return false;
        }
        for _ in 0..SPINS {
            if self.state.load(Ordering::Relaxed) == FREE
                && self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return true;
            }
            std::hint::spin_loop();
        }
        while self.state.swap(WAITED_FOR, Ordering::Acquire) != FREE {
            thread::wait(&self.state, WAITED_FOR);
        }
        true
    }

    #[inline]
    fn release(&self) {
        if thread::is_alone() {
            // No other thread could sleep.
            self.state.store(FREE, Ordering::Relaxed);
        } else if self.state.swap(FREE, Ordering::Release) == WAITED_FOR {
            thread::wake(&self.state);
        }
    }
}

/// A value that a lock guards.
#[derive(Debug)]
pub(crate) struct Locked<T> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time reaches the value: the one that holds the lock, in `with` or for a
// fork.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Locked<T> {
        Locked { lock: Lock { state: AtomicU32::new(FREE), forking: AtomicU32::new(0) }, value: UnsafeCell::new(value) }
    }

    /// Runs `f` with the value. `f` must not come back to this lock, and must not panic.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let taken = self.lock.acquire();
        // SAFETY: this thread holds the lock, so that no other thread has a reference; nor has this
        // one, whose `f` do not nest.
        let result = f(unsafe { &mut *self.value.get() });
        if taken {
            self.lock.release();
        }
        result
    }
}

/// A lock that the forking thread holds from before the fork until after it, so that the child
/// finds it free.
pub(crate) trait HeldInFork: Sync {
    /// Takes the lock and keeps it: the first half of a fork. Until the second half, `with` on this
    /// thread does not wait for it.
    fn hold(&self);
    /// Releases what `hold` took, in the parent or in the child.
    fn let_go(&self);
}

impl<T: Send> Locked<T> {
    /// [`hold`](HeldInFork::hold) if the lock is free; else false.
    #[cfg(faults)]
    pub(super) fn try_hold(&self) -> bool {
        let taken = self.lock.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if taken {
            self.lock.forking.store(thread::id(), Ordering::Relaxed);
        }
        taken
    }
}

impl<T: Send> HeldInFork for Locked<T> {
    fn hold(&self) {
        if self.lock.acquire() {
            self.lock.forking.store(thread::id(), Ordering::Relaxed);
        }
    }

    fn let_go(&self) {
        self.lock.forking.store(0, Ordering::Relaxed);
        self.lock.release();
    }
}

impl<L: HeldInFork, const N: usize> HeldInFork for [L; N] {
    fn hold(&self) {
        self.iter().for_each(L::hold);
    }

    fn let_go(&self) {
        self.iter().rev().for_each(L::let_go);
    }
}

/// Several locks, in the order in which they nest: the outermost first.
impl HeldInFork for [&dyn HeldInFork] {
    fn hold(&self) {
        self.iter().for_each(|lock| lock.hold());
    }

    fn let_go(&self) {
        self.iter().rev().for_each(|lock| lock.let_go());
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldInFork, Locked};

    #[test]
    fn no_increment_is_lost() {
        static COUNT: Locked<u64> = Locked::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20_000).for_each(|_| COUNT.with(|n| *n += 1)));
            }
        });
        assert_eq!(COUNT.with(|n| *n), 160_000);
    }

    #[test]
    fn a_held_lock_keeps_others_out_until_let_go() {
        static GATE: Locked<bool> = Locked::new(false);
        GATE.hold();
        let other = std::thread::spawn(|| GATE.with(|passed| *passed = true));
        std::thread::yield_now();
        // SAFETY: this thread holds the lock.
        assert!(!unsafe { *GATE.value.get() });
        GATE.let_go();
        other.join().unwrap();
        assert!(GATE.with(|passed| *passed));
    }

    #[test]
    fn the_thread_that_forks_goes_through_what_it_holds() {
        static COUNT: Locked<u32> = Locked::new(0);
        COUNT.hold();
        COUNT.with(|n| *n += 1);
        COUNT.with(|n| *n += 1);
        let other = std::thread::spawn(|| COUNT.with(|n| *n));
        COUNT.with(|n| *n += 1);
        COUNT.let_go();
        assert_eq!(other.join().unwrap(), 3, "another thread waited until it was let go");
        COUNT.with(|n| *n += 1);
        assert_eq!(COUNT.with(|n| *n), 4);
    }
}
