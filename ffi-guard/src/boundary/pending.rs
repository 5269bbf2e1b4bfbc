//! The watched calls of a thread that have not returned yet.

use std::cell::Cell;

use super::breach::Stop;
use super::under_way::{self, Kept, Link, UnderWay};
use super::watch::Watch;
use crate::call::argument::Argument;
use crate::call::site::Site;
use crate::call::thread;
use crate::heap::Block;
use crate::retention::{Note, Sample};

/// What the exit of a watched call needs.
pub(crate) struct Pending {
    watch: Watch,
    link: Link<Pending>,
    /// Guarded calls of this thread up to and with this one: more of them at the exit means that Rust ran meanwhile.
    crossings: usize,
    /// Where this call is timed.
    sample: Option<Sample>,
    /// The call.
    site: Site,
}

/// By which the exit of a watched call finds it.
pub(super) type Exit = Kept<Pending>;

impl Pending {
    /// `frame`: an address in a frame of the call's entry.
    pub(super) fn new(site: &Site, watch: Watch, frame: usize, crossings: usize, sample: Option<Sample>) -> Pending {
        Pending { watch, link: Link::new(frame), crossings, sample, site: *site }
    }

    /// C has returned.
    pub(super) fn finish(self, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
        if let Some(sample) = self.sample {
            sample.end();
        }
        self.watch.end(site, arguments, thread::crossings() != self.crossings)
    }
}

impl UnderWay for Pending {
    fn with_innermost<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
        thread::with_watched(f)
    }

    fn link(&mut self) -> &mut Link<Pending> {
        &mut self.link
    }
}

/// The innermost watched call of the calling thread that was lent this block and has not returned.
pub(crate) fn lending(block: &Block) -> Option<Note> {
    under_way::find(|pending: &Pending| pending.watch.note_of(block, &pending.site))
}
