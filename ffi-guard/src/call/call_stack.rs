//! Lists of a thread's calls that have not returned, the innermost first, each entry in its own
//! memory.
//!
//! A call ends when C returns or unwinds. One that C left by `longjmp` does neither: it is removed
//! when another is found to lie above it, and its state is dropped.

use std::cell::Cell;
use std::fmt;
use std::ptr::{NonNull, null_mut};

use crate::call::thread;

/// State of a call that has not returned.
pub(crate) trait UnderWay: Sized {
    /// Runs `f` with the head of the calling thread's list, a `*mut Self`; `None` if the
    /// thread-local is gone.
    fn with_innermost<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R>;
    /// This call's link in the list.
    fn link(&mut self) -> &mut Link<Self>;
}

/// A link in the list.
pub(crate) struct Link<T> {
    /// An address in a frame of the call's entry.
    frame: usize,
    /// The call inside which this one was made.
    outer: *mut T,
}

impl<T> Link<T> {
    /// Creates the link of a call that is in no list yet.
    pub(crate) fn new(frame: usize) -> Link<T> {
        Link { frame, outer: null_mut() }
    }
}

fn innermost<T: UnderWay>() -> *mut T {
    T::with_innermost(Cell::get).unwrap_or(null_mut()).cast()
}

fn set_innermost<T: UnderWay>(to: *mut T) {
    let _ = T::with_innermost(|place| place.set(to.cast()));
}

/// Calls `f` with the state of each call of this thread, the innermost first, until it returns
/// something.
pub(crate) fn find<T: UnderWay, R>(mut f: impl FnMut(&T) -> Option<R>) -> Option<R> {
    let mut at = innermost::<T>();
    // SAFETY: entries of the list were leaked by `begin`, and are freed when they are removed.
    while let Some(kept) = unsafe { at.as_mut() } {
        if let Some(found) = f(kept) {
            return Some(found);
        }
        at = kept.link().outer;
    }
    None
}

/// Handle to the state of one call, by which its end finds it.
pub(crate) struct CallHandle<T>(NonNull<T>);

impl<T> fmt::Debug for CallHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallHandle").field(&self.0).finish()
    }
}

impl<T: UnderWay> CallHandle<T> {
    /// Adds a call to the list.
    pub(crate) fn begin(mut kept: T) -> CallHandle<T> {
        forget_gone::<T>(kept.link().frame);
        kept.link().outer = innermost();
        let kept = NonNull::from(Box::leak(Box::new(kept)));
        set_innermost(kept.as_ptr());
        CallHandle(kept)
    }

    /// State of the call.
    pub(crate) fn get(&self) -> &T {
        // SAFETY: leaked by `begin`, and freed when `end` removes it, which consumes this handle;
        // or when its frame was found to be gone, and the handle with it.
        unsafe { self.0.as_ref() }
    }

    /// Removes the call, and those made inside it: their frames are gone. `None` if it was removed
    /// before, as its frame was taken for gone.
    pub(crate) fn end(self) -> Option<Box<T>> {
        let mut at = innermost::<T>();
        while at != self.0.as_ptr() {
            // SAFETY: entries of the list were leaked by `begin`, and are freed after removal.
            at = unsafe { at.as_mut() }?.link().outer;
        }
        loop {
            let top = innermost::<T>();
            // SAFETY: leaked by `begin`, and in the list, which does not end before `self`.
            let mut kept = unsafe { Box::from_raw(top) };
            set_innermost(kept.link().outer);
            if top == self.0.as_ptr() {
                return Some(kept);
            }
        }
    }
}

/// Removes calls that C left by `longjmp`, which never end: their frames lie deeper in the stack
/// than that of a later call.
fn forget_gone<T: UnderWay>(frame: usize) {
    let stack = thread::stack();
    // SAFETY: entries of the list were leaked by `begin`, and are freed when they are removed.
    while let Some(top) = unsafe { innermost::<T>().as_mut() } {
        let &mut Link { frame: at, outer } = top.link();
        // On another stack, such as a signal handler's, addresses say nothing about depth.
        if at > frame || !stack.contains(&at) || !stack.contains(&frame) {
            return;
        }
        set_innermost(outer);
        // SAFETY: just removed from the list, the only way to it that is still used.
        drop(unsafe { Box::from_raw(top) });
    }
}
