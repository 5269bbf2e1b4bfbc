//! One search of all that C may write, which settles every noted loan.

use super::notes::{self, Note};
use super::{frees, seen, untold};
use crate::heap::{self, Block, lock::Locked};
use crate::reentry::Reentry;
use crate::report::violation::Finding;
use crate::rules::retained_pointer;
use crate::scan::{self, Wanted};

/// A word that was found after its call, with the calls that lent what it leads into.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    /// The block as it is now: it may be freed by this time.
    pub(crate) block: Block,
    /// The latest first. Empty only of a block that was pinned and never lent.
    pub(crate) lent: Vec<Note>,
    /// The thread that is to be told; 0 for any.
    pub(crate) whose: u32,
}

/// One sweep at a time.
static SWEEPING: Locked<()> = Locked::new(());

/// Whether so much is noted, or was found inside the allocator, that the next exit of a call should see to it.
#[inline]
pub(crate) fn is_due() -> bool {
    are_many() || untold::is_any() || frees::are_held_back()
}

/// Whether so much is noted that a sweep is due.
#[inline]
pub(crate) fn are_many() -> bool {
    notes::are_many()
}

/// Settles every loan noted so far.
pub(crate) fn sweep() -> Vec<Found> {
    let _inside = Reentry::enter();
    SWEEPING.with(|()| {
        let number = notes::begin_sweep();
        let mut hits = Vec::new();
        let wanted = Wanted::new(std::iter::once(heap::region()));
        scan::c_memory(&wanted, &mut hits);
        scan::other_threads(&wanted, &mut hits);
        let mut found = frees::settle(&hits);
        for hit in seen::news(hits) {
            let Some(block) = heap::lookup(hit.word).filter(|block| hit.word - block.start < block.size) else {
                continue;
            };
            if heap::loans(&block) != 0 {
                // Some call has it just now, and may be about to let go: this is for the sweep after that one.
                seen::forget(hit);
                continue;
            }
            if heap::noted(&block) != number || heap::may_be_kept(&block) {
                continue;
            }
            // A block that C holds in three places is one story.
            let told = |found: &Found| found.block.start == block.start && found.block.generation == block.generation;
            if found.iter().any(told) {
                continue;
            }
            // Whether Rust ran meanwhile is not known of a sweep: where symbols do not tell whose it is, it is silent.
            let Some(finding) = retained_pointer::check(hit, true, false) else { continue };
            let lent = notes::of(&block, number);
            if !lent.is_empty() {
                found.push(Found { finding, block, lent, whose: 0 });
            }
        }
        notes::end_sweep(number);
        found
    })
}

/// A freed block that was noted is about to be given out again: after that, nobody could tell whose pointer it was.
/// Called inside the allocator: what is found waits for the next guarded call.
#[cold]
pub(super) fn sweep_before_reuse() {
    let _inside = Reentry::enter();
    untold::put_back(sweep());
}

pub(super) fn hold() {
    SWEEPING.hold();
}

pub(super) fn let_go() {
    SWEEPING.let_go();
}
