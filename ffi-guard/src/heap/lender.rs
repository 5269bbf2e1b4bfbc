//! The last guarded call that was lent a block with a run of its own: what the report of a fault
//! can read without a lock.
//!
//! A few words for each run beside its entry, written by the thread that lends and read in a signal
//! handler. They belong to one generation of the entry: the word with it is cleared first and
//! written last.

use std::sync::atomic::{AtomicUsize, Ordering, fence};

use super::{Block, class, region};

/// A call, as addresses of what describes it: the heap does not know what that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lender {
    pub(crate) function: usize,
    pub(crate) location: usize,
    /// The thread that called.
    pub(crate) thread: u32,
}

/// What the table holds for each unit.
#[derive(Debug)]
#[repr(C, align(32))]
struct Words {
    /// The block's generation, plus one; 0 while the others are written, and before.
    generation: AtomicUsize,
    function: AtomicUsize,
    location: AtomicUsize,
    thread: AtomicUsize,
}

const _: () = assert!(size_of::<Words>() == region::LENDER, "the region has room for them");

#[inline]
fn words(block: &Block) -> Option<&'static Words> {
    if may_have(block.start) { words_of_run(block) } else { None }
}

/// Out of the way of the blocks in slots, which are nearly all.
#[inline(never)]
fn words_of_run(block: &Block) -> Option<&'static Words> {
    let spot = region::spot(block.start).filter(|spot| class::is_run(spot.class) && spot.class == 0)?;
    // SAFETY: the table has `LENDER` bytes for every unit, at a multiple of as many; it is
    // committed there as the unit's entry is, which `spot` has found; all access is atomic.
    Some(unsafe { &*region::lender(spot.index as usize).cast::<Words>() })
}

/// Whether an address can lead to a block that lenders are noted of: not one in a slot.
#[inline(always)]
pub(crate) fn may_have(address: usize) -> bool {
    region::contains(address) && region::slot(address).is_none()
}

/// Notes that a call was lent this block, if it has a run of its own.
#[inline]
pub(crate) fn note(block: &Block, lender: Lender) {
    let Some(words) = words(block) else { return };
    words.generation.store(0, Ordering::Relaxed);
    fence(Ordering::Release);
    words.function.store(lender.function, Ordering::Relaxed);
    words.location.store(lender.location, Ordering::Relaxed);
    words.thread.store(lender.thread as usize, Ordering::Relaxed);
    words.generation.store(block.generation as usize + 1, Ordering::Release);
}

/// The last call that was lent this block; `None` where none is known.
pub(crate) fn last(block: &Block) -> Option<Lender> {
    let words = words(block)?;
    let known = || words.generation.load(Ordering::Acquire) == block.generation as usize + 1;
    let before = known();
    let lender = Lender {
        function: words.function.load(Ordering::Relaxed),
        location: words.location.load(Ordering::Relaxed),
        thread: words.thread.load(Ordering::Relaxed) as u32,
    };
    fence(Ordering::Acquire);
    (before && known()).then_some(lender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lender_belongs_to_one_block() {
        let (size, align) = (1 << 20, 8);
        let start = super::super::allocate(size, align).addr();
        let block = super::super::lookup(start).unwrap();
        let lender = Lender { function: 8, location: 16, thread: 3 };
        assert_eq!(last(&block), None);
        note(&block, lender);
        assert_eq!(last(&block), Some(lender));
        // SAFETY: it is not used any more.
        assert_eq!(unsafe { super::super::free(start, size, align) }, Ok(()));
        assert_eq!(last(&super::super::lookup(start).unwrap()), Some(lender), "a freed block was lent, too");
        assert_eq!(last(&Block { generation: block.generation + 1, ..block }), None);
    }
}
