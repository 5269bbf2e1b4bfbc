//! A call whose loans are looked for at its exit: its entry in the list of its thread's calls.

use std::cell::Cell;

use super::retention_check::RetentionCheck;
use crate::call::argument::Argument;
use crate::call::call_stack::{self, CallHandle, Link, UnderWay};
use crate::call::site::Site;
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::heap::Block;
use crate::retention::{Note, Sample};

/// State of a watched call that its exit needs.
pub(crate) struct WatchedCall {
    check: RetentionCheck,
    link: Link<WatchedCall>,
    /// Guarded calls of this thread, including this one: if there are more at the exit, Rust ran
    /// meanwhile.
    crossings: usize,
    /// Timing, if this call is timed.
    sample: Option<Sample>,
    /// Function and location of the call.
    site: Site,
}

/// Handle by which the exit finds the call.
pub(super) type Watched = CallHandle<WatchedCall>;

impl WatchedCall {
    /// Creates it from the entry's findings. `frame`: an address in a frame of the call's entry.
    pub(super) fn new(
        site: &Site,
        check: RetentionCheck,
        frame: usize,
        crossings: usize,
        sample: Option<Sample>,
    ) -> WatchedCall {
        WatchedCall { check, link: Link::new(frame), crossings, sample, site: *site }
    }

    /// Follows up the loans after C has returned.
    pub(super) fn finish(self, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
        if let Some(sample) = self.sample {
            sample.end();
        }
        self.check.end(site, arguments, thread::crossings() != self.crossings)
    }
}

impl UnderWay for WatchedCall {
    fn with_innermost<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
        thread::with_watched(f)
    }

    fn link(&mut self) -> &mut Link<WatchedCall> {
        &mut self.link
    }
}

/// The innermost watched call of the calling thread that was lent this block and has not returned.
pub(crate) fn lending(block: &Block) -> Option<Note> {
    call_stack::find(|call: &WatchedCall| call.check.note_of(block, &call.site))
}
