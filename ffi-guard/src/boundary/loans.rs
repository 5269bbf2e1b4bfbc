//! Small heap blocks that a call on the fast path lends: its inspection finds each once, and its
//! end asks about it again without a look-up. At level 2 they are counted while the call runs, if
//! another thread could lend them too, and noted when it has returned.

use std::mem::MaybeUninit;

use super::canary;
use super::holder;
use super::snapshot::{OwnLoans, Snapshot};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::LAST_MARK;
use crate::call::extent;
use crate::call::site::Site;
use crate::delivery::breach::Stop;
use crate::delivery::deferred;
use crate::heap::{self, Block, BlockRef, FoundBlock};
use crate::retention::{self, lent_by, pins};
use crate::rule::{Rule, Severity};

pub(super) use crate::call::loan::Loan;

/// Number of loans that are kept; a call that lends more looks them up again.
const FEW: usize = 2;

/// A kept loan, with its block.
pub(super) type KnownLoan = (BlockRef, Loan);

/// Small heap blocks that a call lends. Lies in the wrapper's frame, and is filled only if the call
/// is noted.
pub struct Loans {
    /// Number of known loans.
    count: usize,
    /// True if there are other loans, which are not known.
    others: bool,
    /// Addresses in C's own blocks that the call works on, of which the canaries are asked for
    /// again; 0 for none.
    #[cfg(feature = "c-heap")]
    of_c: [usize; FEW],
    few: MaybeUninit<[KnownLoan; FEW]>,
}

impl Loans {
    /// These loans, of which nothing is known any more.
    fn forgotten(&self) -> Loans {
        Loans {
            others: true,
            #[cfg(feature = "c-heap")]
            of_c: self.of_c,
            ..Loans::none()
        }
    }

    /// No loans yet.
    #[inline(always)]
    #[must_use]
    pub const fn none() -> Loans {
        Loans {
            count: 0,
            others: false,
            #[cfg(feature = "c-heap")]
            of_c: [0; FEW],
            few: MaybeUninit::uninit(),
        }
    }

    /// Writes no loans into a field of a wrapper's frame.
    #[inline(always)]
    pub(super) fn none_at(place: &mut MaybeUninit<Loans>) -> &mut Loans {
        let loans = place.as_mut_ptr();
        // SAFETY: inside `place`; with these fields written the rest is initialised, since
        // `few` may be uninitialised.
        unsafe {
            (&raw mut (*loans).count).write(0);
            (&raw mut (*loans).others).write(false);
            #[cfg(feature = "c-heap")]
            (&raw mut (*loans).of_c).write([0; FEW]);
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

    /// True if C could store one of them in another.
    #[inline(always)]
    pub(super) fn are_several(&self) -> bool {
        self.count > 1
    }

    /// Adds a loan; there must be room.
    #[inline(always)]
    pub(super) fn add(&mut self, held: BlockRef, loan: Loan) {
        debug_assert!(self.has_room());
        // SAFETY: there is room, so the element is in bounds; it is not read before it is written.
        unsafe { self.few.as_mut_ptr().cast::<KnownLoan>().add(self.count).write((held, loan)) };
        self.count += 1;
    }

    /// Notes that there is a loan that is not known.
    #[inline(always)]
    pub(super) fn add_unknown(&mut self) {
        self.others = true;
    }

    /// Adds an address in a block of C's own. False if there is no room, or something is wrong
    /// around the block already.
    #[cfg(feature = "c-heap")]
    #[inline(never)]
    pub(super) fn add_c(&mut self, address: usize) -> bool {
        let room = self.of_c.iter_mut().find(|at| **at == 0 || **at == address);
        room.map(|at| *at = address).is_some() && heap::is_whole_c(address)
    }

    /// True if nothing is wrong around C's own blocks that the call works on.
    #[inline(always)]
    pub(super) fn are_cs_whole(&self) -> bool {
        #[cfg(feature = "c-heap")]
        return self.of_c.iter().all(|&at| at == 0 || heap::is_whole_c(at));
        #[cfg(not(feature = "c-heap"))]
        true
    }

    /// Known loans.
    #[inline(always)]
    pub(super) fn known(&self) -> &[KnownLoan] {
        // SAFETY: `add` has written `count` elements.
        unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast::<KnownLoan>(), self.count) }
    }

    /// All loans; `None` if some are not known.
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

/// Counts the known loans with the heap, if another thread could look for them.
#[inline(never)]
pub(super) fn count_known(loans: &Loans) {
    loans.known().iter().for_each(|(held, _)| _ = held.lend());
}

/// Counts each block that an argument leads into with the heap, if some loans are not known.
#[inline(never)]
pub(super) fn count_each(arguments: &[Argument]) {
    each_block(arguments, |block| _ = heap::lend(block));
}

/// Part of the work that [`settle`] leaves to [`Unsettled::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// Damage around a block, or C may have stored one block in another: all is noted, and no
    /// longer counted.
    Damage,
    /// Everything: some loan is not known or its block is gone, or something is pinned.
    All,
}

/// Notes the loans of a call, if all are known and the ordinary case holds for each.
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
    let is_left = |(_, loan): &KnownLoan| holder::has_been_filled(site, loan);
    match canary::are_known_whole(loans) && !(loans.are_several() && known.iter().any(is_left)) {
        true => Left::Nothing,
        false => Left::Damage,
    }
}

#[inline(never)]
fn each_block(arguments: &[Argument], then: fn(&Block)) {
    for argument in arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut)) {
        if let Some(block) = heap::lookup(argument.address) {
            then(&block);
        }
    }
}

/// Work that the end of a fast call still has to settle, off the ordinary case.
pub(super) struct Unsettled {
    /// True if its loans are counted with the heap.
    pub(super) counted: bool,
    /// Copies of what C may read but not write.
    pub(super) snapshot: Snapshot,
}

impl Unsettled {
    /// Notes what was lent, and checks what C did to it. `loans`: those that are known.
    pub(super) fn settle(self, site: &Site, arguments: &[Argument], loans: &Loans) -> Result<(), Stop> {
        let mut gone = false;
        // Noted before it is no longer counted: a sweep in between finds that C may hold it.
        if let Some(known) = loans.all() {
            // If Rust freed or moved one meanwhile, its address leads to another block, or to none.
            let still = known.iter().all(|(held, _)| held.is_still());
            if still {
                for (held, loan) in known {
                    if !retention::is_among_the_last((held.start(), held.generation()), site, loan.parameter)
                        && let (Some(argument), Some(block)) = (arguments.get(loan.parameter), FoundBlock::of(*held))
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
                gone = true;
            }
        } else {
            note_all(arguments, site);
            if self.counted {
                each_block(arguments, |block| _ = heap::unlend(block));
            }
        }
        deferred::settle_at_exit();
        let outcome = match gone {
            true => canary::after(site, arguments, &loans.forgotten()),
            false => canary::after(site, arguments, loans)
                .and_then(|()| holder::look_at_noted(site, arguments, loans.known())),
        };
        self.snapshot.compare(site, arguments, OwnLoans::No)?;
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

/// Notes one block. A function of its own, because most blocks are noted already.
#[inline(never)]
fn note(argument: &Argument, parameter: usize, site: &Site) {
    let Some(block) = FoundBlock::at(argument.address) else { return };
    lent_by::note(&block, site);
    note_block(&block, argument, parameter, site);
}

/// True if the rule lets C keep what this parameter lends.
#[inline]
fn allows(site: &Site, parameter: usize) -> bool {
    site.function.allows_parameter(parameter)
        && (parameter < LAST_MARK || site.severity(Rule::RetainedPointer, Some(parameter)) == Severity::Allow)
}

#[inline]
fn note_block(block: &FoundBlock, argument: &Argument, parameter: usize, site: &Site) {
    if allows(site, parameter) {
        heap::exempt(block);
    }
    let extent = extent::in_block(argument, block);
    retention::lend(block, site, &Loan::of(argument, parameter, extent));
}
