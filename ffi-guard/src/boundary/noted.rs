//! Calls at level 2 that are in order and not looked after at once: what they lend is counted while they run, where
//! another thread could lend it too, and noted when they have returned.

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::declaration::LAST_MARK;
use super::extent;
use super::loans::{Loan, Loans};
use super::snapshot::{Counted, Snapshot};
use super::{canary, late, lent_by, thread};
use crate::heap::{self, Block};
use crate::platform;
use crate::retention::{self, Sample, pins};
use crate::rule::{Rule, Severity};
use crate::rules::Located;

/// Such a call under way: where its timing began (0 for nowhere), and in the two lowest bits what its end must undo.
#[derive(Debug)]
pub(super) struct Underway(u64, Snapshot);

/// Its loans are counted with the heap.
const COUNTED: u64 = 1;
/// It is the outermost of its thread.
const OUTERMOST: u64 = 2;

impl Underway {
    /// Of a call whose timing and nesting are looked after elsewhere.
    pub(super) fn of(counted: bool, snapshot: Snapshot) -> Underway {
        Underway(if counted { COUNTED } else { 0 }, snapshot)
    }

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
#[inline(always)]
pub(super) fn begin(site: &Site, arguments: &[Argument], loans: &Loans) -> Underway {
    let call = thread::count_crossing();
    let snapshot = Snapshot::take(site, arguments, call, Counted::No);
    let mut began = retention::sample().map_or(0, Sample::into_ticks) & !(COUNTED | OUTERMOST);
    if thread::begin_noting() {
        began |= OUTERMOST;
    }
    if count(loans, arguments) {
        began |= COUNTED;
    }
    Underway(began, snapshot)
}

/// Counts the loans with the heap, where another thread could look for them: on one thread it is enough to know that some call is under
/// way, and no sweep is made then.
#[inline(always)]
pub(super) fn count(loans: &Loans, arguments: &[Argument]) -> bool {
    let several = platform::thread::are_several();
    if several {
        count_all(loans, arguments);
    }
    several
}

#[inline(never)]
fn count_all(loans: &Loans, arguments: &[Argument]) {
    match loans.all() {
        Some(loans) => loans.iter().for_each(|loan| _ = loan.held.lend()),
        None => each_block(arguments, |block| _ = heap::lend(block)),
    }
}

/// What [`settle`] leaves to [`end`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// All is noted, and counted no more; something is not whole.
    Damage,
    /// Everything: what was lent is not there any more, or something is pinned.
    All,
}

/// The end of a call whose loans are all known, where nothing was done to them that is out of the ordinary.
#[inline(never)]
pub(super) fn settle(site: &Site, loans: &Loans, counted: bool) -> Left {
    let Some(known) = loans.all() else { return Left::All };
    if pins::are_any() || !known.iter().all(|loan| loan.held.is_still()) {
        return Left::All;
    }
    for Loan { held, lent } in known {
        if site.function.allows() && allows(site, lent.parameter) {
            held.exempt();
        }
        retention::lend_held(held, site, lent);
    }
    if counted {
        known.iter().for_each(|loan| _ = loan.held.unlend());
    }
    late::settle_at_exit();
    if known.iter().all(|loan| loan.held.is_whole()) { Left::Nothing } else { Left::Damage }
}

#[inline(never)]
fn each_block(arguments: &[Argument], then: fn(&Block)) {
    for argument in arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut)) {
        if let Some(block) = heap::lookup(argument.address) {
            then(&block);
        }
    }
}

/// C has returned. `loans`: what [`begin`] got.
#[inline(always)]
pub(super) fn end(
    Underway(began, snapshot): Underway,
    site: &Site,
    arguments: &[Argument],
    mut loans: &Loans,
) -> Result<(), Stop> {
    if let Some(sample) = Sample::from_ticks(began & !(COUNTED | OUTERMOST)) {
        sample.end();
    }
    if began & OUTERMOST != 0 {
        thread::end_noting();
    }
    let counted = began & COUNTED != 0;
    // Noted first, and then no more lent: to a sweep in between, C holds it by right.
    if let Some(known) = loans.all() {
        // What Rust freed meanwhile, or moved, is another block now, or none.
        let still = known.iter().all(|loan| loan.held.is_still());
        if still {
            for Loan { held, lent } in known {
                if !retention::is_among_the_last((held.start(), held.generation()), site, lent.parameter)
                    && let (Some(argument), Some(block)) = (arguments.get(lent.parameter), held.block())
                {
                    note_block(&block, argument, lent.parameter, site);
                }
            }
        } else {
            note_all(arguments, site);
        }
        if counted {
            known.iter().for_each(|loan| _ = loan.held.unlend());
        }
        if !still {
            loans = &Loans::UNKNOWN;
        }
    } else {
        note_all(arguments, site);
        if counted {
            each_block(arguments, |block| _ = heap::unlend(block));
        }
    }
    late::settle_at_exit();
    let outcome = canary::after(site, arguments, loans);
    snapshot.compare(site, arguments, Counted::No)?;
    outcome
}

#[inline(never)]
fn note_all(arguments: &[Argument], site: &Site) {
    for (parameter, argument) in arguments.iter().enumerate() {
        if matches!(argument.passing, Passing::Const | Passing::Mut)
            && heap::identity(argument.address).is_some_and(|it| !retention::is_among_the_last(it, site, parameter))
        {
            note(argument, parameter, site);
        }
    }
}

/// Notes one block, out of the way of those that are noted already.
#[inline(never)]
fn note(argument: &Argument, parameter: usize, site: &Site) {
    let Some(block) = heap::lookup(argument.address) else { return };
    lent_by::note(&block, site);
    note_block(&block, argument, parameter, site);
}

/// Whether C may keep what this parameter lends, whatever becomes of it.
#[inline]
fn allows(site: &Site, parameter: usize) -> bool {
    site.function.allows_parameter(parameter)
        && (parameter < LAST_MARK || site.severity(Rule::RetainedPointer, Some(parameter)) == Severity::Allow)
}

#[inline]
fn note_block(block: &Block, argument: &Argument, parameter: usize, site: &Site) {
    if allows(site, parameter) {
        heap::exempt(block);
    }
    let extent = extent::of(argument, &Located::Heap(*block));
    retention::lend(block, site, argument, parameter, extent);
}

/// C has unwound. What was counted stays so: its block is not reported while it may be another call's doing.
pub(super) fn abandon(Underway(began, snapshot): Underway) {
    snapshot.forget();
    if began & OUTERMOST != 0 {
        thread::end_noting();
    }
}
