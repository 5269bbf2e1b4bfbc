//! Guarded calls under way, recorded so that a report can say under which of them C freed a block
//! of its own (feature `c-heap`; without it nothing is recorded).

use super::site::Site;
use crate::heap::Block;
#[cfg(feature = "c-heap")]
use crate::heap::under;

/// A call that was recorded. [`end`](UnderWay::end) must follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    /// Calls that were under way before.
    #[cfg(feature = "c-heap")]
    before: usize,
}

impl UnderWay {
    /// No call.
    pub(crate) const NONE: UnderWay = UnderWay {
        #[cfg(feature = "c-heap")]
        before: under::UNRECORDED,
    };

    /// Records that a call begins. `frame`: an address in its wrapper's frame.
    #[cfg(feature = "c-heap")]
    #[inline(always)]
    pub(crate) fn begin(frame: usize, site: &Site) -> UnderWay {
        let function = std::ptr::from_ref(site.function).expose_provenance();
        let location = std::ptr::from_ref(site.location).expose_provenance();
        UnderWay { before: under::begin(frame, under::Site { function, location }) }
    }

    /// Records nothing.
    #[cfg(not(feature = "c-heap"))]
    #[inline(always)]
    pub(crate) fn begin(_frame: usize, _site: &Site) -> UnderWay {
        UnderWay::NONE
    }

    /// Records that the call has ended.
    #[inline(always)]
    pub(crate) fn end(self) {
        #[cfg(feature = "c-heap")]
        under::end(self.before);
    }

    /// The record as a number of 8 bits.
    #[inline(always)]
    pub(crate) fn into_number(self) -> u64 {
        #[cfg(feature = "c-heap")]
        return self.before as u64 & 0xFF;
        #[cfg(not(feature = "c-heap"))]
        0
    }

    /// The record of a number that [`into_number`](UnderWay::into_number) made.
    #[inline(always)]
    pub(crate) fn from_number(number: u64) -> UnderWay {
        #[cfg(feature = "c-heap")]
        return UnderWay { before: if number == 0xFF { under::UNRECORDED } else { number as usize } };
        #[cfg(not(feature = "c-heap"))]
        {
            _ = number;
            UnderWay::NONE
        }
    }
}

/// The guarded call under which C freed this block of its own, if it is known.
#[cfg(feature = "c-heap")]
pub(crate) fn freed_under(block: &Block) -> Option<Site> {
    let under::Site { function, location } = crate::heap::freed_under(block)?;
    // SAFETY: `UnderWay::begin` alone records them, from references that live as long as the
    // program.
    Some(unsafe { Site { function: &*(function as *const _), location: &*(location as *const _) } })
}

/// Not known: C's blocks are glibc's.
#[cfg(not(feature = "c-heap"))]
pub(crate) fn freed_under(_block: &Block) -> Option<Site> {
    None
}
