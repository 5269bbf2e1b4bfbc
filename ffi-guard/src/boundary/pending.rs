//! The watched calls of a thread that have not returned yet.

use std::ptr::{NonNull, null_mut};

use super::argument::Argument;
use super::breach::{Site, Stop};
use super::thread;
use super::watch::Watch;
use crate::heap::Block;
use crate::retention::{Note, Sample};

/// What the exit of a watched call needs.
pub(crate) struct Pending {
    watch: Watch,
    /// An address in a frame of the call's entry.
    frame: usize,
    /// The call that this one was made inside of.
    outer: *mut Pending,
    /// Guarded calls of this thread up to and with this one: more of them at the exit means that Rust ran meanwhile.
    crossings: usize,
    /// Where this call is timed.
    sample: Option<Sample>,
    /// The call.
    site: Site,
}

impl Pending {
    pub(super) fn new(site: &Site, watch: Watch, frame: usize, crossings: usize, sample: Option<Sample>) -> Pending {
        Pending { watch, frame, outer: null_mut(), crossings, sample, site: *site }
    }

    /// C has returned.
    pub(super) fn finish(self, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
        if let Some(sample) = self.sample {
            sample.end();
        }
        self.watch.end(site, arguments, thread::crossings() != self.crossings)
    }
}

/// The innermost watched call of the calling thread that was lent this block and has not returned.
pub(crate) fn lending(block: &Block) -> Option<Note> {
    let mut at = thread::innermost().get();
    // SAFETY: as in `Exit::end`.
    while let Some(pending) = unsafe { at.as_ref() } {
        if let Some(note) = pending.watch.note_of(block, &pending.site) {
            return Some(note);
        }
        at = pending.outer;
    }
    None
}

/// The exit of a call under way, among those of its thread.
#[derive(Debug)]
pub(super) struct Exit(NonNull<Pending>);

impl Exit {
    /// Adds a call to those under way.
    pub(super) fn begin(mut pending: Pending) -> Exit {
        forget_gone(pending.frame);
        pending.outer = thread::innermost().get();
        let pending = NonNull::from(Box::leak(Box::new(pending)));
        thread::innermost().set(pending.as_ptr());
        Exit(pending)
    }

    /// As a number.
    pub(super) fn into_address(self) -> usize {
        self.0.as_ptr().expose_provenance()
    }

    /// Back from [`into_address`](Exit::into_address).
    pub(super) fn from_address(address: usize) -> Option<Exit> {
        NonNull::new(std::ptr::with_exposed_provenance_mut(address)).map(Exit)
    }

    /// Takes it out again, and those that were made inside it: their frames are gone. `None` where it was taken for gone
    /// itself.
    pub(super) fn end(self) -> Option<Box<Pending>> {
        let innermost = thread::innermost();
        let mut at = innermost.get();
        while at != self.0.as_ptr() {
            if at.is_null() {
                return None;
            }
            // SAFETY: what is in the list was leaked by `begin` and is freed when it is taken out.
            at = unsafe { (*at).outer };
        }
        loop {
            let top = innermost.get();
            // SAFETY: as above; the list holds `self`, so it does not end before.
            let pending = unsafe { Box::from_raw(top) };
            innermost.set(pending.outer);
            if top == self.0.as_ptr() {
                return Some(pending);
            }
        }
    }
}

/// A call that C left by `longjmp` never ends; its frames lie deeper in the stack than that of a call made later.
fn forget_gone(frame: usize) {
    let (innermost, stack) = (thread::innermost(), thread::stack());
    while let Some(top) = NonNull::new(innermost.get()) {
        // SAFETY: as in `Exit::end`.
        let (at, outer) = unsafe { (top.as_ref().frame, top.as_ref().outer) };
        // On a stack of its own, as a signal handler's may be, nothing is told by addresses.
        if at > frame || !stack.contains(&at) || !stack.contains(&frame) {
            return;
        }
        innermost.set(outer);
        // SAFETY: taken out of the list, where it was the only way to it that is still used.
        drop(unsafe { Box::from_raw(top.as_ptr()) });
    }
}
