//! A lock that never allocates, never unwinds and can be let go of in a forked child.
//!
//! std's `Mutex` promises none of the three to a global allocator.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::platform::thread;

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody sleeps.
const WAITED_FOR: u32 = 2;

/// How often a thread looks before it sleeps. The sections behind these locks copy a few hundred bytes at most.
const SPINS: u32 = 100;

/// The lock alone. `Locked` couples it with what it guards.
#[derive(Debug)]
struct Lock(AtomicU32);

impl Lock {
    #[inline]
    fn acquire(&self) {
        if self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.acquire_slowly();
        }
    }

    #[cold]
    fn acquire_slowly(&self) {
        for _ in 0..SPINS {
            if self.0.load(Ordering::Relaxed) == FREE
                && self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return;
            }
            std::hint::spin_loop();
        }
        while self.0.swap(WAITED_FOR, Ordering::Acquire) != FREE {
            thread::wait(&self.0, WAITED_FOR);
        }
    }

    #[inline]
    fn release(&self) {
        if self.0.swap(FREE, Ordering::Release) == WAITED_FOR {
            thread::wake(&self.0);
        }
    }
}

/// A value behind a lock.
#[derive(Debug)]
pub(crate) struct Locked<T> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one thread at a time: through `with`, or alone in a forked child.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) const fn new(value: T) -> Locked<T> {
        Locked { lock: Lock(AtomicU32::new(FREE)), value: UnsafeCell::new(value) }
    }

    /// Runs `f` with the value. `f` must not come back to this lock, and must not panic.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.lock.acquire();
        // SAFETY: the lock is held, so that this is the only reference.
        let result = f(unsafe { &mut *self.value.get() });
        self.lock.release();
        result
    }

    /// Takes the lock and keeps it: the first half of a fork.
    pub(crate) fn hold(&self) {
        self.lock.acquire();
    }

    /// Lets go of what [`hold`](Locked::hold) took, in the parent or in the child.
    pub(crate) fn let_go(&self) {
        self.lock.release();
    }
}

#[cfg(test)]
mod tests {
    use super::Locked;

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
}
