//! Whether this thread is in the guard's own code. STAND-IN of the heap branch: the lead's file replaces it.

use std::cell::Cell;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

#[inline(always)]
pub(crate) fn inside() -> bool {
    DEPTH.try_with(|d| d.get() != 0).unwrap_or(false)
}

pub(crate) struct Reentry(());

impl Reentry {
    pub(crate) fn enter() -> Reentry {
        let _ = DEPTH.try_with(|d| d.set(d.get() + 1));
        Reentry(())
    }
}

impl Drop for Reentry {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|d| d.set(d.get() - 1));
    }
}
