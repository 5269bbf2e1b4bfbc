//! The blocks of the heap that a call lends directly, as the first look found them: what the end of a call that is only noted asks again.

use std::mem::MaybeUninit;

use crate::heap::BlockRef;
use crate::retention::Lent;

/// So many are kept; a call that lends more looks them up again.
const FEW: usize = 2;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loan {
    pub(super) held: BlockRef,
    pub(super) lent: Lent,
}

/// What a call lends of small blocks of the heap. In its wrapper's frame, and filled only where the call is noted.
pub struct Loans {
    /// How many; more than [`FEW`] where not all are known.
    count: usize,
    few: MaybeUninit<[Loan; FEW]>,
}

impl Loans {
    /// What is lent is not known.
    pub(super) const UNKNOWN: Loans = Loans { count: FEW + 1, few: MaybeUninit::uninit() };

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

    #[inline(always)]
    pub(super) fn add(&mut self, held: BlockRef, lent: Lent) {
        if self.count >= FEW {
            return self.add_unknown();
        }
        // SAFETY: one of the places, which nobody reads before it is written.
        unsafe { self.few.as_mut_ptr().cast::<Loan>().add(self.count).write(Loan { held, lent }) };
        self.count += 1;
    }

    /// There is one that is none of these.
    #[inline(always)]
    pub(super) fn add_unknown(&mut self) {
        self.count = FEW + 1;
    }

    /// All that are lent; `None` where not all are known.
    #[inline(always)]
    pub(super) fn all(&self) -> Option<&[Loan]> {
        // SAFETY: so many were written, by `add`.
        (self.count <= FEW).then(|| unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast::<Loan>(), self.count) })
    }
}

impl std::fmt::Debug for Loans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Loans").field(&self.all()).finish()
    }
}
