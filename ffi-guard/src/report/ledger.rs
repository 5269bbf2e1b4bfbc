//! What was reported, once for each place, and how often it was seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::call::caller;
use crate::facts::{Facts, Memory};
use crate::rule::Rule;

/// A rule that is broken at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReportKey {
    pub(super) rule: Rule,
    pub(super) function: &'static str,
    pub(super) parameter: Option<usize>,
    pub(super) file: &'static str,
    pub(super) line: u32,
    pub(super) column: u32,
    /// The trace of the free, if it is about one, else that of the allocation, if no guarded call
    /// is known; else 0.
    trace: u32,
    /// Whether the program got it as a value.
    pub(super) caught: bool,
}

impl ReportKey {
    /// The place of a violation. `caught`: the program gets it as a value.
    pub(super) fn of(facts: &Facts, caught: bool) -> ReportKey {
        let freed = facts.finding.parts().wrong_free;
        let (function, parameter, file, line, column) = match &facts.call {
            Some(call) => {
                let (file, line, column) = caller::place_of(call.site);
                (call.function.declaration.name, call.parameter, file, line, column)
            }
            None => (freed.map_or("no guarded call", |wrong| wrong.asked.name()), None, "?", 0, 0),
        };
        let made = || facts.memory.as_ref().and_then(Memory::block).map_or(0, |block| block.allocated.0);
        let trace = match (freed, &facts.call) {
            (Some(wrong), _) => wrong.at.0,
            (None, Some(_)) => 0,
            (None, None) => made(),
        };
        ReportKey { rule: facts.rule(), function, parameter, file, line, column, trace, caught }
    }
}

/// What was reported, and how often it was seen.
pub(super) struct Ledger {
    seen: Mutex<ReportCount>,
    /// Violations that could not be counted, because the lock was taken.
    lost: AtomicU64,
}

struct ReportCount {
    /// The process that counted: a forked child starts over, and does not repeat its parent's
    /// counts at exit.
    process: u32,
    counts: BTreeMap<ReportKey, u64>,
}

impl Ledger {
    pub(super) const fn new() -> Ledger {
        Ledger { seen: Mutex::new(ReportCount { process: 0, counts: BTreeMap::new() }), lost: AtomicU64::new(0) }
    }

    /// Counts a place, and tells how often it was seen by now.
    pub(super) fn count(&self, place: ReportKey) -> u64 {
        let Some(mut seen) = self.seen() else {
            // Better twice than never.
            self.lost.fetch_add(1, Ordering::Relaxed);
            return 1;
        };
        let count = seen.counts.entry(place).or_insert(0);
        *count += 1;
        *count
    }

    /// The places that were seen more than once, with their counts; `None` if they are in use for
    /// good. Asking does not reset them.
    pub(super) fn repeated(&self) -> Option<Vec<(ReportKey, u64)>> {
        let seen = self.seen()?;
        let repeated = seen.counts.iter().filter(|(_, count)| **count > 1);
        Some(repeated.map(|(place, count)| (place.clone(), *count)).collect())
    }

    /// Reports that were not counted.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The counts; `None` if another thread holds them for too long. That happens in a child that
    /// was forked meanwhile: no thread of the child will ever release them.
    fn seen(&self) -> Option<MutexGuard<'_, ReportCount>> {
        for _ in 0..10_000 {
            let mut seen = match self.seen.try_lock() {
                Ok(seen) => seen,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
            };
            let process = std::process::id();
            if seen.process != process {
                seen.process = process;
                seen.counts.clear();
            }
            return Some(seen);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::tests::facts;
    use super::*;

    fn key(facts: &Facts) -> ReportKey {
        ReportKey::of(facts, false)
    }

    #[test]
    fn a_hundred_times_the_same_is_one_place() {
        let ledger = Ledger::new();
        let first = (0..100).filter(|_| ledger.count(key(&facts::null())) == 1).count();
        assert_eq!(first, 1);
        assert_eq!(ledger.count(key(&facts::misaligned())), 1, "another rule is another story");
        assert_eq!(ledger.count(key(&facts::null_on_many_lines())), 1, "another site is another story");
        assert_eq!(ledger.count(ReportKey::of(&facts::null(), true)), 1, "a value is another story");
        let repeated = ledger.repeated().unwrap();
        assert_eq!(repeated, [(key(&facts::null()), 100)]);
        assert_eq!(ledger.repeated().unwrap(), repeated, "asking must not lose it");
    }

    #[test]
    fn a_lock_that_is_never_given_back_costs_the_count_and_not_the_report() {
        let ledger = Ledger::new();
        let held = ledger.seen.lock().unwrap();
        assert_eq!(ledger.count(key(&facts::null())), 1);
        drop(held);
        assert_eq!((ledger.repeated().unwrap(), ledger.lost()), (Vec::new(), 1));
    }

    #[test]
    fn threads_share_one_count() {
        let ledger = Ledger::new();
        let firsts = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        let first = ledger.count(key(&facts::null())) == 1;
                        firsts.fetch_add(usize::from(first), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(firsts.load(Ordering::Relaxed) as u64, 1 + ledger.lost());
        assert_eq!(ledger.repeated().unwrap(), [(key(&facts::null()), 1000 - ledger.lost())]);
    }
}
