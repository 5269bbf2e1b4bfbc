//! A thread's mark that it is in the guard's own code.
//!
//! Memory that the guard allocates for itself is not the program's: while the mark is set, memory
//! comes from the inner allocator and no call is checked.

use std::cell::Cell;

thread_local! {
    // `const` and without a destructor: it may be read inside the allocator at any time of a
    // thread's life, and reading it never allocates.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// True if the calling thread is in the guard's own code.
#[inline]
pub(crate) fn inside() -> bool {
    DEPTH.try_with(|depth| depth.get() != 0).unwrap_or(false)
}

/// While it lives, the calling thread is in the guard's own code.
pub(crate) struct Reentry(());

impl Reentry {
    /// Enters; may nest.
    #[inline]
    pub(crate) fn enter() -> Reentry {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Reentry(())
    }
}

/// Takes the mark off the calling thread while it lives: the guard calls the user's own code.
pub(crate) struct Outside(u32);

impl Outside {
    /// Steps out.
    pub(crate) fn step() -> Outside {
        Outside(DEPTH.try_with(|depth| depth.replace(0)).unwrap_or(0))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(self.0));
    }
}

impl Drop for Reentry {
    #[inline]
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}
