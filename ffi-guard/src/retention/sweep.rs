//! The sweep: one search of all that C may write to, which settles every noted loan. Often enough
//! to report soon, and seldom enough to take a small share of the time.

use super::found::Found;
use super::notes::{self, MANY};
use super::{frees, seen, untold};
use crate::heap::{self};
use crate::platform::clock::ticks;
use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::rules::retained_pointer;
use crate::scan::{self, Wanted};

/// Notes that make a sweep due at the latest, if sweeps are slow: two megabytes.
const MOST: u64 = 8 * MANY;
/// Bytes of C heap for each of which one more note (64 bytes) may wait: with a large C heap, notes
/// take up to an eighth of its size.
const BYTES_A_NOTE: u64 = 512;
/// Divisor of the time that gives the share of sweeps, while there is room for more notes. What
/// they read has left the caches since the last one, so a sweep is slower than a look.
const SHARE: u64 = 64;

/// Lock under which one sweep runs at a time.
pub(super) static SWEEPING: Locked<Pace> = Locked::new(Pace { ended: 0, counted: 0, many: MANY });

/// Number of notes that makes the next sweep due.
pub(super) struct Pace {
    /// End of the last sweep, in ticks; 0 before the first.
    ended: u64,
    /// Number of notes when it began.
    counted: u64,
    many: u64,
}

impl Pace {
    /// Adapts to a sweep that has ended. `counted`: number of notes when it began; `bytes`: C heap
    /// that it has read.
    fn swept(&mut self, (began, ended): (u64, u64), counted: u64, bytes: usize) {
        let (took, between) = (ended.saturating_sub(began), began.saturating_sub(self.ended));
        let notes = counted.saturating_sub(self.counted);
        // A sweep after few notes tells little about how fast they come.
        if self.ended != 0 && notes >= MANY / 4 {
            let wanted = u128::from(took) * u128::from(SHARE) * u128::from(notes) / u128::from(between.max(1));
            // At most doubled: another process may have run in the middle of the sweep.
            let next = u64::try_from(wanted).unwrap_or(u64::MAX).min(2 * self.many);
            self.many = next.clamp(MANY, MOST.max(bytes as u64 / BYTES_A_NOTE));
        }
        (self.ended, self.counted) = (ended, counted);
    }
}

/// True if enough is noted, or something was found inside the allocator or held back, so that the
/// next exit of a call must settle it.
#[inline]
pub(crate) fn is_due() -> bool {
    are_many() || untold::is_any() || frees::are_held_back()
}

/// True if enough is noted that a sweep is due.
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
                // Some call is lent it now, and C may be about to let go: left to the sweep after
                // that call.
                seen::forget(hit);
                continue;
            }
            if heap::noted(&block) != number || heap::may_be_retained(&block) {
                continue;
            }
            // A block that C holds in three places is reported once.
            let told = |found: &Found| found.block.start == block.start && found.block.generation == block.generation;
            if found.iter().any(told) {
                continue;
            }
            // A sweep does not know if Rust ran meanwhile: if symbols do not tell whose variable it
            // is, the check finds nothing.
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

/// Sweeps before a freed block that was noted is reused: later, a pointer to it could no longer be
/// attributed. Runs inside the allocator: findings wait for the next guarded call.
#[cold]
pub(super) fn sweep_before_reuse() {
    let _inside = Reentry::enter();
    untold::leave(sweep);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_take_their_share_and_no_more_while_there_is_room() {
        let mut pace = Pace { ended: 0, counted: 0, many: MANY };
        let (mut now, mut counted) = (1_000_000, 0);
        // Ends sweeps of `took` ticks each, with notes `apart` ticks apart.
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
