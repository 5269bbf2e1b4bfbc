//! One search of all that C may write, which settles every noted loan: often enough to report soon,
//! and seldom enough to take a small share of the time.

use super::found::Found;
use super::notes::{self, MANY};
use super::{frees, seen, untold};
use crate::heap::{self};
use crate::platform::clock::ticks;
use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::rules::retained_pointer;
use crate::scan::{self, Wanted};

/// Notes that call for a sweep where sweeps are dear and notes come fast: two megabytes.
const MOST: u64 = 8 * MANY;
/// Beside a large heap of C's there is room for one note (64 bytes) for each so many bytes of it:
/// an eighth of its size.
const BYTES_A_NOTE: u64 = 512;
/// Part of the time that sweeps may take while there is room for more notes. What they read has
/// left the caches since the last one, so they are dearer than a look.
const SHARE: u64 = 64;

/// One sweep at a time.
pub(super) static SWEEPING: Locked<Pace> = Locked::new(Pace { ended: 0, counted: 0, many: MANY });

/// How many notes call for the next sweep.
pub(super) struct Pace {
    /// When the last sweep ended, in ticks; 0 before the first.
    ended: u64,
    /// What was noted until it began.
    counted: u64,
    many: u64,
}

impl Pace {
    /// A sweep began and ended, with so much noted until then. It has read so many bytes of C's
    /// heap.
    fn swept(&mut self, (began, ended): (u64, u64), counted: u64, bytes: usize) {
        let (took, between) = (ended.saturating_sub(began), began.saturating_sub(self.ended));
        let notes = counted.saturating_sub(self.counted);
        // One before enough was noted tells little of how fast notes come.
        if self.ended != 0 && notes >= MANY / 4 {
            let wanted = u128::from(took) * u128::from(SHARE) * u128::from(notes) / u128::from(between.max(1));
            // In steps: another process may have run in the middle of the sweep.
            let next = u64::try_from(wanted).unwrap_or(u64::MAX).min(2 * self.many);
            self.many = next.clamp(MANY, MOST.max(bytes as u64 / BYTES_A_NOTE));
        }
        (self.ended, self.counted) = (ended, counted);
    }
}

/// Whether so much is noted, or was found inside the allocator, that the next exit of a call should
/// see to it.
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
        let bytes = scan::c_memory(&wanted, &mut hits);
        scan::other_threads(&wanted, &mut hits);
        let mut found = frees::settle(&hits);
        for hit in seen::news(hits) {
            let Some(block) = heap::lookup(hit.word).filter(|block| hit.word - block.start < block.size) else {
                continue;
            };
            if heap::loans(&block) != 0 {
                // Some call has it just now, and may be about to let go: this is for the sweep
                // after that one.
                seen::forget(hit);
                continue;
            }
            if heap::noted(&block) != number || heap::may_be_retained(&block) {
                continue;
            }
            // A block that C holds in three places is one story.
            let told = |found: &Found| found.block.start == block.start && found.block.generation == block.generation;
            if found.iter().any(told) {
                continue;
            }
            // Whether Rust ran meanwhile is not known of a sweep: where symbols do not tell whose
            // it is, it is silent.
            let Some(finding) = retained_pointer::check(hit, true, false) else { continue };
            let lent = notes::of(&block, number);
            if !lent.is_empty() {
                found.push(Found { finding, block, lent, whose: 0 });
            }
        }
        notes::end_sweep(number);
        pace.swept((began, ticks()), counted, bytes);
        found
    })
}

/// A freed block that was noted is about to be given out again: after that, nobody could tell whose
/// pointer it was. Called inside the allocator: what is found waits for the next guarded call.
#[cold]
pub(super) fn sweep_before_reuse() {
    let _inside = Reentry::enter();
    untold::put_back(sweep());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_take_their_share_and_no_more_while_there_is_room() {
        let mut pace = Pace { ended: 0, counted: 0, many: MANY };
        let (mut now, mut counted) = (1_000_000, 0);
        // Sweeps of so many ticks, and notes so many ticks apart.
        let mut settle = |took: u64, apart: u64, bytes: usize| {
            for _ in 0..20 {
                counted += pace.many;
                now += pace.many * apart;
                pace.swept((now, now + took), counted, bytes);
                now += took;
            }
            pace.many
        };
        assert_eq!(settle(10_000, 1000, 0), MANY, "cheap beside what lies between");
        let many = settle(100_000, 1000, 0);
        assert!((6300..6500).contains(&many), "{many}: a sixty-fourth of the time");
        assert_eq!(settle(10_000_000, 1000, 0), MOST, "no more memory than that");
        assert_eq!(settle(10_000_000, 1000, 64 << 20), 131_072, "an eighth of what C has");
        assert_eq!(settle(10_000, 1000, 0), MANY, "as soon as may be again");
    }

    #[test]
    fn one_slow_sweep_and_those_of_few_notes_change_little() {
        let mut pace = Pace { ended: 1, counted: 0, many: MANY };
        pace.swept((10_000, 10_000_000_000), MANY, 0);
        assert_eq!(pace.many, 2 * MANY);
        for checkpoint in 1..100 {
            let now = 10_000_000_000 + checkpoint * 1000;
            pace.swept((now, now + 999), MANY + checkpoint, 0);
        }
        assert_eq!(pace.many, 2 * MANY);
    }
}
