//! The small blocks of the heap that a call on the fast path lends, found once, by its inspection, and
//! asked of again at its end without being looked up.

use std::mem::MaybeUninit;

use crate::heap::BlockRef;

pub(super) use crate::call::loan::Loan;

/// As many are kept; a call that lends more looks them up again.
const FEW: usize = 2;
/// Set in the count: others are lent that are not known.
const OTHERS: usize = 1 << (usize::BITS - 1);

/// One of them: the block, and the loan.
pub(super) type KnownLoan = (BlockRef, Loan);

/// What a call lends of small blocks of the heap. In its wrapper's frame, and filled only where the call is noted.
pub struct Loans {
    /// How many are known, and [`OTHERS`] if there are more.
    count: usize,
    few: MaybeUninit<[KnownLoan; FEW]>,
}

impl Loans {
    /// Nothing is known of what is lent.
    pub(super) const UNKNOWN: Loans = Loans { count: OTHERS, few: MaybeUninit::uninit() };

    /// Nothing yet.
    #[inline(always)]
    #[must_use]
    pub const fn none() -> Loans {
        Loans { count: 0, few: MaybeUninit::uninit() }
    }

    /// Nothing yet, in a place in a wrapper's frame.
    #[inline(always)]
    pub(super) fn none_at(place: &mut MaybeUninit<Loans>) -> &mut Loans {
        let loans = place.as_mut_ptr();
        // SAFETY: in the place's bounds; with the count written it is initialised, for `few` may be uninitialised.
        unsafe {
            (&raw mut (*loans).count).write(0);
            &mut *loans
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
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
        self.count |= OTHERS;
    }

    /// Those that are known.
    #[inline(always)]
    pub(super) fn known(&self) -> &[KnownLoan] {
        // SAFETY: as many were written, by `add`.
        unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast::<KnownLoan>(), self.count & !OTHERS) }
    }

    /// All that are lent; `None` if not all are known.
    #[inline(always)]
    pub(super) fn all(&self) -> Option<&[KnownLoan]> {
        (self.count & OTHERS == 0).then(|| self.known())
    }
}

impl std::fmt::Debug for Loans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Loans").field(&self.all()).finish()
    }
}
