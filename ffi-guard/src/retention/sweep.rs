//! One search of all that C may write, which settles every noted loan: often enough to report soon, and seldom enough to take a
//! small share of the time.

use super::notes::{self, Note};
use super::{frees, seen, untold};
use crate::facts::Finding;
use crate::heap::lock::Locked;
use crate::heap::{self, Block};
use crate::platform::clock::ticks;
use crate::reentry::Reentry;
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

/// Notes that call for a sweep: at 64 bytes each, a quarter of a megabyte of them.
pub(super) const MANY: u64 = 4096;
/// The same where sweeps are dear and notes come fast: two megabytes.
const MOST: u64 = 8 * MANY;
/// Part of the time that sweeps may take while there is room for more notes. What they read has left the caches since the last
/// one, so they are dearer than a look.
const SHARE: u64 = 64;

/// One sweep at a time.
static SWEEPING: Locked<Pace> = Locked::new(Pace { ended: 0, counted: 0, many: MANY });

/// How many notes call for the next sweep.
struct Pace {
    /// When the last sweep ended, in ticks; 0 before the first.
    ended: u64,
    /// What was noted until it began.
    counted: u64,
    many: u64,
}

impl Pace {
    /// A sweep began and ended, with so much noted until then.
    fn swept(&mut self, began: u64, ended: u64, counted: u64) {
        let (took, between) = (ended.saturating_sub(began), began.saturating_sub(self.ended));
        let notes = counted.saturating_sub(self.counted);
        // One before enough was noted tells little of how fast notes come.
        if self.ended != 0 && notes >= MANY / 4 {
            let wanted = u128::from(took) * u128::from(SHARE) * u128::from(notes) / u128::from(between.max(1));
            // In steps: another process may have run in the middle of the sweep.
            let next = u64::try_from(wanted).unwrap_or(MOST).min(2 * self.many);
            self.many = next.clamp(MANY, MOST);
        }
        (self.ended, self.counted) = (ended, counted);
    }
}

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
    SWEEPING.with(|pace| {
        let (began, counted) = (ticks(), notes::count());
        let number = notes::begin_sweep(pace.many);
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
        pace.swept(began, ticks(), counted);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_take_their_share_and_no_more_while_there_is_room() {
        let mut pace = Pace { ended: 0, counted: 0, many: MANY };
        let (mut now, mut counted) = (1_000_000, 0);
        // Sweeps of so many ticks, and notes so many ticks apart.
        let mut settle = |took: u64, apart: u64| {
            for _ in 0..20 {
                counted += pace.many;
                now += pace.many * apart;
                pace.swept(now, now + took, counted);
                now += took;
            }
            pace.many
        };
        assert_eq!(settle(10_000, 1000), MANY, "cheap beside what lies between");
        let many = settle(100_000, 1000);
        assert!((6300..6500).contains(&many), "{many}: a sixty-fourth of the time");
        assert_eq!(settle(10_000_000, 1000), MOST, "no more memory than that");
        assert_eq!(settle(10_000, 1000), MANY, "as soon as may be again");
    }

    #[test]
    fn one_slow_sweep_and_those_of_few_notes_change_little() {
        let mut pace = Pace { ended: 1, counted: 0, many: MANY };
        pace.swept(10_000, 10_000_000_000, MANY);
        assert_eq!(pace.many, 2 * MANY);
        for checkpoint in 1..100 {
            let now = 10_000_000_000 + checkpoint * 1000;
            pace.swept(now, now + 999, MANY + checkpoint);
        }
        assert_eq!(pace.many, 2 * MANY);
    }
}
