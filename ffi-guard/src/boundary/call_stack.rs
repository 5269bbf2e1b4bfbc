//! Lists of what a thread keeps of its calls that have not returned yet: the innermost first, each
//! in memory of its own.
//!
//! A call ends where C returns, or unwinds. One that C left by `longjmp` does neither: it is taken
//! out when another is found to lie above it, and what it kept is dropped.

use std::cell::Cell;
use std::fmt;
use std::ptr::{NonNull, null_mut};

use crate::call::thread;

/// What is kept of a call.
pub(crate) trait UnderWay: Sized {
    /// Runs `f` with the place of the calling thread's innermost one, a `*mut Self`; `None` if the
    /// thread has no such place any more.
    fn with_innermost<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R>;
    /// Its own place in the list.
    fn link(&mut self) -> &mut Link<Self>;
}

/// A place in the list.
pub(crate) struct Link<T> {
    /// An address in a frame of the call's entry.
    frame: usize,
    /// That of the call that this one was made inside of.
    outer: *mut T,
}

impl<T> Link<T> {
    /// Of a call, in no list yet.
    pub(super) fn new(frame: usize) -> Link<T> {
        Link { frame, outer: null_mut() }
    }
}

fn innermost<T: UnderWay>() -> *mut T {
    T::with_innermost(Cell::get).unwrap_or(null_mut()).cast()
}

fn set_innermost<T: UnderWay>(to: *mut T) {
    let _ = T::with_innermost(|place| place.set(to.cast()));
}

/// Calls `f` with what is kept of each call of this thread, the innermost first, until it returns
/// something.
pub(super) fn find<T: UnderWay, R>(mut f: impl FnMut(&T) -> Option<R>) -> Option<R> {
    let mut at = innermost::<T>();
    // SAFETY: what is in the list was leaked by `begin` and is freed when it is taken out.
    while let Some(kept) = unsafe { at.as_mut() } {
        if let Some(found) = f(kept) {
            return Some(found);
        }
        at = kept.link().outer;
    }
    None
}

/// What is kept of one call, by which its end finds it.
pub(super) struct CallHandle<T>(NonNull<T>);

impl<T> fmt::Debug for CallHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallHandle").field(&self.0).finish()
    }
}

impl<T: UnderWay> CallHandle<T> {
    /// Adds a call to those under way.
    pub(super) fn begin(mut kept: T) -> CallHandle<T> {
        forget_gone::<T>(kept.link().frame);
        kept.link().outer = innermost();
        let kept = NonNull::from(Box::leak(Box::new(kept)));
        set_innermost(kept.as_ptr());
        CallHandle(kept)
    }

    /// What is kept.
    pub(super) fn get(&self) -> &T {
        // SAFETY: leaked by `begin`, and freed where `end` takes it out of the list, which takes
        // this handle; or where its frame was found gone, and the handle with it.
        unsafe { self.0.as_ref() }
    }

    /// Takes it out again, and those that were made inside it: their frames are gone. `None` where
    /// it was taken for gone itself.
    pub(super) fn end(self) -> Option<Box<T>> {
        let mut at = innermost::<T>();
        while at != self.0.as_ptr() {
            // SAFETY: as in `find`.
            at = unsafe { at.as_mut() }?.link().outer;
        }
        loop {
            let top = innermost::<T>();
            // SAFETY: as in `find`; the list holds `self`, so it does not end before.
            let mut kept = unsafe { Box::from_raw(top) };
            set_innermost(kept.link().outer);
            if top == self.0.as_ptr() {
                return Some(kept);
            }
        }
    }
}

/// A call that C left by `longjmp` never ends; its frames lie deeper in the stack than that of a
/// call made later.
fn forget_gone<T: UnderWay>(frame: usize) {
    let stack = thread::stack();
    // SAFETY: as in `find`.
    while let Some(top) = unsafe { innermost::<T>().as_mut() } {
        let &mut Link { frame: at, outer } = top.link();
        // On a stack of its own, as a signal handler's may be, nothing is told by addresses.
        if at > frame || !stack.contains(&at) || !stack.contains(&frame) {
            return;
        }
        set_innermost(outer);
        // SAFETY: taken out of the list, where it was the only way to it that is still used.
        drop(unsafe { Box::from_raw(top) });
    }
}
