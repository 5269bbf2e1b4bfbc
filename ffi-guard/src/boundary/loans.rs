//! What a call on the fast path lends: small blocks of the heap, found once by its inspection and
//! asked of again at its end without being looked up. At level 2 they are counted while it runs, if
//! another thread could lend them too, and noted when it has returned.

use std::mem::MaybeUninit;

use super::breach::Stop;
use super::canary;
use super::deferred;
use super::snapshot::{Counted, Snapshot};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::LAST_MARK;
use crate::call::extent;
use crate::call::site::Site;
use crate::heap::{self, Block, BlockRef, Found};
use crate::retention::{self, lent_by, pins};
use crate::rule::{Rule, Severity};

pub(super) use crate::call::loan::Loan;

/// As many are kept; a call that lends more looks them up again.
const FEW: usize = 2;

/// One of them: the block, and the loan.
pub(super) type KnownLoan = (BlockRef, Loan);

/// What a call lends of small blocks of the heap. In its wrapper's frame, and filled only where the
/// call is noted.
pub struct Loans {
    /// How many are known.
    count: usize,
    /// Whether others are lent as well.
    others: bool,
    few: MaybeUninit<[KnownLoan; FEW]>,
}

impl Loans {
    /// Nothing is known of what is lent.
    pub(super) const UNKNOWN: Loans = Loans { count: 0, others: true, few: MaybeUninit::uninit() };

    /// Nothing yet.
    #[inline(always)]
    #[must_use]
    pub const fn none() -> Loans {
        Loans { count: 0, others: false, few: MaybeUninit::uninit() }
    }

    /// Nothing yet, in a place in a wrapper's frame.
    #[inline(always)]
    pub(super) fn none_at(place: &mut MaybeUninit<Loans>) -> &mut Loans {
        let loans = place.as_mut_ptr();
        // SAFETY: in the place's bounds; with these written it is initialised, for `few` may be
        // uninitialised.
        unsafe {
            (&raw mut (*loans).count).write(0);
            (&raw mut (*loans).others).write(false);
            &mut *loans
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && !self.others
    }

    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.count < FEW
    }

    /// Adds one; there must be room.
    #[inline(always)]
    pub(super) fn add(&mut self, held: BlockRef, loan: Loan) {
        debug_assert!(self.has_room());
        // SAFETY: one of the places, since there is room; it is not read before it is written.
        unsafe { self.few.as_mut_ptr().cast::<KnownLoan>().add(self.count).write((held, loan)) };
        self.count += 1;
    }

    /// There is one that is not known.
    #[inline(always)]
    pub(super) fn add_unknown(&mut self) {
        self.others = true;
    }

    /// Those that are known.
    #[inline(always)]
    pub(super) fn known(&self) -> &[KnownLoan] {
        // SAFETY: as many were written, by `add`.
        unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast::<KnownLoan>(), self.count) }
    }

    /// All that are lent; `None` if not all are known.
    #[inline(always)]
    pub(super) fn all(&self) -> Option<&[KnownLoan]> {
        (!self.others).then(|| self.known())
    }
}

impl std::fmt::Debug for Loans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Loans").field(&self.all()).finish()
    }
}

/// Counts the loans with the heap, where another thread could look for them.
#[inline(never)]
pub(super) fn count_known(loans: &Loans) {
    loans.known().iter().for_each(|(held, _)| _ = held.lend());
}

/// Counts each block that an argument leads into, where not all are known.
#[inline(never)]
pub(super) fn count_each(arguments: &[Argument]) {
    each_block(arguments, |block| _ = heap::lend(block));
}

/// What [`settle`] leaves to [`Unsettled::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// All is noted, and counted no more; something is not whole.
    Damage,
    /// Everything: what was lent is not there any more, or something is pinned.
    All,
}

/// The end of a call whose loans are all known, where nothing was done to them that is out of the
/// ordinary.
#[inline(never)]
pub(super) fn settle(site: &Site, loans: &Loans, counted: bool) -> Left {
    let Some(known) = loans.all() else { return Left::All };
    if pins::are_any() || !known.iter().all(|(held, _)| held.is_still()) {
        return Left::All;
    }
    for (held, loan) in known {
        if site.function.allows() && allows(site, loan.parameter) {
            held.exempt();
        }
        retention::lend_held(held, site, loan);
    }
    if counted {
        known.iter().for_each(|(held, _)| _ = held.unlend());
    }
    deferred::settle_at_exit();
    if canary::are_known_whole(loans) { Left::Nothing } else { Left::Damage }
}

#[inline(never)]
fn each_block(arguments: &[Argument], then: fn(&Block)) {
    for argument in arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut)) {
        if let Some(block) = heap::lookup(argument.address) {
            then(&block);
        }
    }
}

/// What the end of a fast call has still to settle, out of the ordinary.
pub(super) struct Unsettled {
    /// Its loans are counted with the heap.
    pub(super) counted: bool,
    /// What it may read and not write, as it was.
    pub(super) snapshot: Snapshot,
}

impl Unsettled {
    /// Notes what was lent, and looks at what C did to it. `loans`: what is known of it.
    pub(super) fn settle(self, site: &Site, arguments: &[Argument], mut loans: &Loans) -> Result<(), Stop> {
        // Noted first, and then no more lent: to a sweep in between, C holds it by right.
        if let Some(known) = loans.all() {
            // What Rust freed meanwhile, or moved, is another block now, or none.
            let still = known.iter().all(|(held, _)| held.is_still());
            if still {
                for (held, loan) in known {
                    if !retention::is_among_the_last((held.start(), held.generation()), site, loan.parameter)
                        && let (Some(argument), Some(block)) = (arguments.get(loan.parameter), Found::of(*held))
                    {
                        note_block(&block, argument, loan.parameter, site);
                    }
                }
            } else {
                note_all(arguments, site);
            }
            if self.counted {
                known.iter().for_each(|(held, _)| _ = held.unlend());
            }
            if !still {
                loans = &Loans::UNKNOWN;
            }
        } else {
            note_all(arguments, site);
            if self.counted {
                each_block(arguments, |block| _ = heap::unlend(block));
            }
        }
        deferred::settle_at_exit();
        let outcome = canary::after(site, arguments, loans);
        self.snapshot.compare(site, arguments, Counted::No)?;
        outcome
    }
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
    let Some(block) = Found::at(argument.address) else { return };
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
fn note_block(block: &Found, argument: &Argument, parameter: usize, site: &Site) {
    if allows(site, parameter) {
        heap::exempt(block);
    }
    let extent = extent::in_block(argument, block);
    retention::lend(block, site, &Loan::of(argument, parameter, extent));
}
