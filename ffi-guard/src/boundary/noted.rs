//! Calls at level 2 that are in order and not looked after at once: what they lend is counted while they run, where
//! another thread could lend it too, and noted when they have returned.

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::extent;
use super::snapshot::{Loans, Snapshot};
use super::{canary, late, lent_by, thread};
use crate::heap;
use crate::platform;
use crate::retention::{self, Sample};
use crate::rules::Located;

/// Such a call under way: where its timing began (0 for nowhere), and in the two lowest bits what its end must undo.
#[derive(Debug)]
pub(super) struct Underway(u64, Snapshot);

/// Its loans are counted with the heap.
const COUNTED: u64 = 1;
/// It is the outermost of its thread.
const OUTERMOST: u64 = 2;

impl Underway {
    /// As numbers.
    pub(super) fn into_words(self) -> [u64; 2] {
        [self.0, self.1.into_number() as u64]
    }

    /// Back from [`into_words`](Underway::into_words).
    pub(super) fn from_words([underway, snapshot]: [u64; 2]) -> Underway {
        Underway(underway, Snapshot::from_number(snapshot as usize))
    }
}

/// C is about to run.
#[inline]
pub(super) fn begin(site: &Site, arguments: &[Argument]) -> Underway {
    let call = thread::count_crossing();
    let snapshot = Snapshot::take(site, arguments, call, Loans::None);
    let mut underway = retention::sample().map_or(0, Sample::into_ticks) & !(COUNTED | OUTERMOST);
    if thread::begin_noting() {
        underway |= OUTERMOST;
    }
    // On one thread it is enough to know that some call is under way: no sweep is made then.
    if platform::thread::are_several() {
        underway |= COUNTED;
        for argument in arguments {
            if matches!(argument.passing, Passing::Const | Passing::Mut)
                && let Some(block) = heap::lookup(argument.address)
            {
                heap::lend(&block);
            }
        }
    }
    Underway(underway, snapshot)
}

/// C has returned.
#[inline]
pub(super) fn end(Underway(underway, snapshot): Underway, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    if let Some(sample) = Sample::from_ticks(underway & !(COUNTED | OUTERMOST)) {
        sample.end();
    }
    if underway & OUTERMOST != 0 {
        thread::end_noting();
    }
    let counted = underway & COUNTED != 0;
    for (parameter, argument) in arguments.iter().enumerate() {
        if matches!(argument.passing, Passing::Const | Passing::Mut)
            && heap::contains(argument.address)
            && (counted || !retention::is_among_the_last(argument.address, site, parameter))
        {
            note(argument, parameter, site, counted);
        }
    }
    late::settle_at_exit();
    let outcome = canary::after(site, arguments);
    snapshot.compare(site, arguments, Loans::None)?;
    outcome
}

/// Notes one block, out of the way of those that are noted already.
#[inline(never)]
fn note(argument: &Argument, parameter: usize, site: &Site, counted: bool) {
    let Some(block) = heap::lookup(argument.address) else { return };
    lent_by::note(&block, site);
    let extent = extent::of(argument, &Located::Heap(block));
    retention::lend(&block, site, argument, parameter, extent);
    if counted {
        heap::unlend(&block);
    }
}

/// C has unwound. What was counted stays so: its block is not reported while it may be another call's doing.
pub(super) fn abandon(Underway(underway, snapshot): Underway) {
    snapshot.forget();
    if underway & OUTERMOST != 0 {
        thread::end_noting();
    }
}
