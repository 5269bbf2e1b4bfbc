//! Which words of a memory area lead where, kept from look to look, so that a look reads only what was written since.
//!
//! For memory that is large and mostly left alone, as C's heap is. What modules hold is less than a megabyte as a rule, and is read
//! as a whole (`globals`).
//!
//! ```text
//!             the system has it, and its files are whole
//!  (not asked) ─────────────┬────────────> tracking ──┐ forked, or a file closed: asked again,
//!                           │                 ^  │    │ and all is read once
//!                           │                 └──│────┘
//!                           └──> reading <───────┘ refused, or the program tracks this memory itself
//! ```
//! Every look has a number, and every word the number of the look that saw it first where it is. So news is a question
//! ("seen first after look 7") and not an event: two threads that look at the same time do not take each other's.

mod index;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::index::Index;
use super::Hit;
use super::search::words;
use super::wanted::Wanted;
use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::memory::PAGE;
use crate::platform::process::Errno;
use crate::platform::written::{Tracking, Unknown};
use crate::reentry::Reentry;

/// The number of a look, from 1 on.
pub(crate) type Look = u64;

/// Read at once, so that the hits of a large area need little room.
const CHUNK: usize = 1 << 20;

/// How a look learns what was written.
#[derive(Debug)]
enum Source {
    NotAsked,
    Tracking(Tracking),
    /// By reading everything.
    Reading,
}

/// What a set of memory ranges holds.
#[derive(Debug)]
pub(crate) struct Ledger {
    index: Index,
    /// The last look.
    look: Look,
    /// Whole pages, ascending, apart: what the last look saw, as far as it is up to date but for pages written since.
    known: Vec<Range<usize>>,
    /// Words that are kept: they lead into here. Grows only.
    interesting: Wanted,
    source: Source,
    /// Hits of the page range that is being read.
    room: Vec<Hit>,
}

/// What C's heap holds.
static LEDGER: Locked<Ledger> = Locked::new(Ledger::new());

/// Looks at all memory that is live now, and returns the number of this look.
///
/// Words that do not lead into what is `interesting` are not kept. It should be stated broadly and stay as it is: where it
/// grows, everything is read again.
///
/// # Safety
/// - The pages that `live` touches are private anonymous memory, readable until this returns. They may be written meanwhile.
pub(crate) unsafe fn refresh(live: impl IntoIterator<Item = Range<usize>>, interesting: &Wanted) -> Look {
    let _errno = Errno::keep();
    let _inside = Reentry::enter();
    // SAFETY: this function's own contract.
    LEDGER.with(|ledger| unsafe { ledger.refresh(live, interesting) })
}

/// Words into `wanted` that a look after `since` was the first to see where they are, and that are there still. All of them with 0.
///
/// # Safety
/// - The memory of the last [`refresh`] is readable still.
pub(crate) unsafe fn news(since: Look, wanted: &Wanted) -> Vec<Hit> {
    let _inside = Reentry::enter();
    // SAFETY: this function's own contract.
    LEDGER.with(|ledger| unsafe { ledger.news(since, wanted) })
}

/// Whether the system tells what was written, or was not asked yet.
pub(crate) fn may_track() -> bool {
    LEDGER.with(|ledger| !matches!(ledger.source, Source::Reading))
}

/// Holds the lock of this file for a fork.
pub(crate) fn hold() {
    LEDGER.hold();
}

/// Lets go of it.
pub(crate) fn let_go() {
    LEDGER.let_go();
}

impl Ledger {
    /// Knows nothing yet.
    pub(crate) const fn new() -> Ledger {
        Ledger::with(Source::NotAsked)
    }

    /// One that reads everything each time.
    #[cfg(test)]
    pub(crate) const fn reading() -> Ledger {
        Ledger::with(Source::Reading)
    }

    const fn with(source: Source) -> Ledger {
        Ledger {
            index: Index::new(),
            look: 0,
            known: Vec::new(),
            interesting: Wanted::NOTHING,
            source,
            room: Vec::new(),
        }
    }

    /// Whether the system tells what was written.
    pub(crate) fn is_tracking(&self) -> bool {
        matches!(self.source, Source::Tracking(_))
    }

    /// See [`refresh`].
    ///
    /// # Safety
    /// - As there.
    pub(crate) unsafe fn refresh(
        &mut self,
        live: impl IntoIterator<Item = Range<usize>>,
        interesting: &Wanted,
    ) -> Look {
        self.look += 1;
        let live = whole_pages(live);
        let mut known = std::mem::take(&mut self.known);
        if known != live {
            self.index.keep_only(&live);
        }
        let fresh = !self.ask();
        if fresh || !self.interesting.covers(interesting) {
            self.interesting = self.interesting.joined(interesting);
            known.clear();
        }
        let mut before = known.iter().peekable();
        for range in &live {
            let mut at = range.start;
            while at < range.end {
                while before.next_if(|known| known.end <= at).is_some() {}
                let end = match before.peek() {
                    Some(known) if known.start <= at => {
                        let end = known.end.min(range.end);
                        // SAFETY: part of a live range: the caller's promise.
                        unsafe { self.look_again(at..end) };
                        end
                    }
                    next => {
                        let end = next.map_or(range.end, |next| next.start.min(range.end));
                        // SAFETY: as above.
                        unsafe { self.look_first(at..end) };
                        end
                    }
                };
                at = end;
            }
        }
        self.index.settle();
        self.known = live;
        self.look
    }

    /// See [`news`].
    ///
    /// # Safety
    /// - As there.
    pub(crate) unsafe fn news(&mut self, since: Look, wanted: &Wanted) -> Vec<Hit> {
        let mut hits = self.index.since(since, wanted);
        // Pages that were given back hold zeros now, and nobody wrote them.
        hits.retain(|hit| {
            let place = std::ptr::with_exposed_provenance::<AtomicUsize>(hit.location);
            // SAFETY: an aligned word of the memory that the caller vouches for.
            let there = unsafe { (*place).load(Ordering::Relaxed) } == hit.word;
            if !there {
                self.index.forget(hit.location);
            }
            there
        });
        hits
    }

    /// Sees to it that what is known to be tracked is tracked by this process. False where that began only now, or reading is
    /// the way.
    fn ask(&mut self) -> bool {
        match &self.source {
            Source::Reading => return false,
            Source::Tracking(tracking) if tracking.is_whole() => return true,
            _ => {}
        }
        // The old one first: it would refuse what the new one is to watch.
        self.source = Source::NotAsked;
        self.source = Tracking::start().map_or(Source::Reading, Source::Tracking);
        false
    }

    /// Pages that the last look saw.
    ///
    /// # Safety
    /// - They are readable.
    unsafe fn look_again(&mut self, pages: Range<usize>) {
        let told = match &self.source {
            Source::Tracking(tracking) => {
                let Ledger { index, look, interesting, room, .. } = self;
                tracking.written(pages.clone(), &mut |written| {
                    let written = written.start / PAGE * PAGE..written.end.next_multiple_of(PAGE);
                    // SAFETY: part of `pages`.
                    unsafe { read(index, *look, interesting, room, written) };
                })
            }
            Source::NotAsked | Source::Reading => Err(Unknown),
        };
        if told == Err(Unknown) {
            if self.is_tracking() {
                // Asked again by the next look; this one reads.
                self.source = Source::NotAsked;
            }
            // SAFETY: this function's own contract.
            unsafe { read(&mut self.index, self.look, &self.interesting, &mut self.room, pages) };
        }
    }

    /// Pages that the last look did not see, or that are read again as a whole.
    ///
    /// # Safety
    /// - They are readable.
    unsafe fn look_first(&mut self, pages: Range<usize>) {
        if let Source::Tracking(tracking) = &self.source {
            // Protected before they are read: what is written from here on is told the next time.
            let watched = tracking.watch(&pages);
            if watched.and_then(|()| tracking.written(pages.clone(), &mut |_| {})).is_err() {
                self.source = Source::Reading;
            }
        }
        // SAFETY: this function's own contract.
        unsafe { read(&mut self.index, self.look, &self.interesting, &mut self.room, pages) };
    }
}

/// Reads pages, and notes what they hold.
///
/// # Safety
/// - They are readable; they may be written meanwhile.
unsafe fn read(index: &mut Index, look: Look, interesting: &Wanted, room: &mut Vec<Hit>, pages: Range<usize>) {
    for start in pages.clone().step_by(CHUNK) {
        let end = pages.end.min(start + CHUNK);
        room.clear();
        // SAFETY: part of `pages`.
        unsafe { words(start, end - start, interesting, room) };
        index.replace(start..end, room, look);
    }
}

/// The pages that the ranges touch: ascending, apart.
fn whole_pages(ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let out = |range: Range<usize>| range.start / PAGE * PAGE..range.end.next_multiple_of(PAGE);
    let ranges = ranges.into_iter().filter(|range| range.start < range.end).map(out);
    Wanted::new(ranges).into_ranges()
}
