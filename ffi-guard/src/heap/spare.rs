//! Spare pages, from level 2 on: those of large blocks that were freed last go to the next ones.
//!
//! A freed block waits in the quarantine for its address, not for its pages. Given back to the
//! kernel they would cost the next block a fault each. So they are cleared where they are, since
//! zeros are the poison of a large block, and wait; then they move to the next block by `mremap`,
//! all in one go, and the freed block has none, as if they had been given back.
//!
//! ```text
//!  freed:  | header | zeros, in spare pages ... |        | header | untouched ............... |
//!                         |                        ==>
//!  next:   | header | no page yet ............. |        | header | zeros, in the same pages  |
//! ```
//! Pages in which something was written meanwhile stay where they are: the quarantine finds them.

use std::sync::atomic::{AtomicBool, Ordering};

use super::stretch;
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};

/// Blocks with spare pages.
const PLACES: usize = 16;
/// Bytes of them all, and of the largest.
const MOST: usize = 8 << 20;
const LARGEST: usize = 4 << 20;
/// Stretches of untouched pages among those of a block, each of which takes a call of the kernel's.
const GAPS: u32 = 4;

/// From level 2 on, where the system can move pages and addresses are not limited: a move takes the
/// addresses twice for a moment.
static ON: AtomicBool = AtomicBool::new(false);

/// The pages of freed blocks, the oldest first: the block's first unit, and the pages after that of
/// its header.
#[derive(Debug)]
pub(super) struct Spare {
    blocks: [(u32, usize, usize); PLACES],
    len: usize,
    bytes: usize,
}

pub(super) static SPARE: Locked<Spare> = Locked::new(Spare { blocks: [(0, 0, 0); PLACES], len: 0, bytes: 0 });

/// Has the pages of freed blocks go to the next ones, if the system can move them.
pub(super) fn set_up() {
    ON.store(memory::CAN_MOVE_PAGES && memory::address_space_limit().is_none(), Ordering::Relaxed);
}

/// Clears the pages of a block that is freed, so that they can go to the next one. False if they
/// are to be given back: most were never touched, or they are too many.
pub(super) fn clear(pages: (usize, usize)) -> bool {
    let (start, end) = pages;
    if !ON.load(Ordering::Relaxed) || !(2 * PAGE..=LARGEST).contains(&end.saturating_sub(start)) {
        return false;
    }
    let (mut touched, mut next, mut gaps) = (0, start, 0);
    memory::for_each_touched(start..end, |page| {
        if page > next {
            // Untouched or, for all that is known, in the swap: given back, so that it is zero.
            memory::discard(next..page);
            gaps += 1;
        }
        // SAFETY: a page of the block, which is committed and no longer in use.
        unsafe { (page as *mut u8).write_bytes(0, PAGE) };
        (touched, next) = (touched + PAGE, page + PAGE);
        gaps < GAPS
    });
    if gaps == GAPS || touched <= (end - start) / 2 {
        return false;
    }
    memory::discard(next..end);
    true
}

/// Keeps the pages of a freed block for the next one.
pub(super) fn offer(first: u32, (start, end): (usize, usize)) {
    SPARE.with(|spare| {
        while spare.len == PLACES || spare.len > 0 && spare.bytes + (end - start) > MOST {
            let (_, start, end) = spare.remove(0);
            give_back(start, end);
        }
        if let Some(place) = spare.blocks.get_mut(spare.len) {
            *place = (first, start, end);
            spare.len += 1;
            spare.bytes += end - start;
        }
    });
}

/// Leaves a freed block its pages: it is about to leave the quarantine.
pub(super) fn withdraw(first: u32) {
    SPARE.with(|spare| {
        if let Some(at) = spare.blocks.iter().take(spare.len).position(|block| block.0 == first) {
            spare.remove(at);
        }
    });
}

/// Moves spare pages, which are zero, to a new block: to all of its pages that the range names, or
/// to none. `may`: asked once there are pages.
pub(super) fn move_in(to: usize, len: usize, may: impl FnOnce() -> bool) {
    if !ON.load(Ordering::Relaxed) || len == 0 {
        return;
    }
    SPARE.with(|spare| {
        let fits = |&(_, block): &(usize, &(u32, usize, usize))| (len..=2 * len).contains(&(block.2 - block.1));
        // Of those with the fewest pages the youngest, which the processor may have in its caches.
        let best = spare.blocks.iter().take(spare.len).enumerate().rev().filter(fits);
        let Some((at, _)) = best.min_by_key(|(_, block)| block.2 - block.1).filter(|_| may()) else { return };
        let (_, start, end) = spare.remove(at);
        // SAFETY: committed: the block waits in the quarantine, or `withdraw` had its pages.
        let is_zero = unsafe { stretch::is_filled(start, len, 0) };
        if is_zero && !memory::move_pages(start..start + len, to) {
            // The kernel is too old, say.
            ON.store(false, Ordering::Relaxed);
        }
        // What has moved has no pages here.
        give_back(start, end);
    });
}

/// Memory is short: all spare pages go back.
pub(super) fn empty() {
    SPARE.with(|spare| {
        while spare.len > 0 {
            let (_, start, end) = spare.remove(0);
            give_back(start, end);
        }
    });
}

/// Gives spare pages back to the system, but for those that were written to meanwhile.
fn give_back(start: usize, end: usize) {
    // SAFETY: committed, as in `move_in`.
    let is_zero = |page: usize| unsafe { stretch::is_filled(page, PAGE, 0) };
    let mut from = start;
    memory::for_each_touched(start..end, |page| {
        if !is_zero(page) {
            memory::discard(from..page);
            from = page + PAGE;
        }
        true
    });
    memory::discard(from..end);
}

impl Spare {
    fn remove(&mut self, at: usize) -> (u32, usize, usize) {
        let block = self.blocks.get(at).copied().unwrap_or_default();
        self.blocks.copy_within(at + 1..self.len, at);
        self.len -= 1;
        self.bytes -= block.2 - block.1;
        block
    }
}

#[cfg(test)]
mod tests {
    use super::super::{allocate, allocate_zeroed, free, large, ready};
    use super::*;

    const SIZE: usize = 300 << 10;

    fn bytes(block: *mut u8) -> &'static mut [u8] {
        // SAFETY: a block of that size, which the test uses only while it is live.
        unsafe { std::slice::from_raw_parts_mut(block, SIZE) }
    }

    fn give_up(block: *mut u8) {
        // SAFETY: not used any more.
        assert!(unsafe { free(block.addr(), SIZE, 8) }.is_ok());
    }

    /// Bytes of a block, as they are, without bringing in pages.
    fn touched(block: *mut u8) -> usize {
        let mut pages = 0;
        let start = block.addr().next_multiple_of(PAGE);
        memory::for_each_touched(start..(block.addr() + SIZE) & !(PAGE - 1), |_| {
            pages += 1;
            true
        });
        pages
    }

    #[test]
    fn pages_go_to_the_next_block_and_are_zero() {
        let _ready = ready();
        if !ON.load(Ordering::Relaxed) {
            return;
        }
        // Other tests take and offer pages at the same time: some of many must be handed on.
        let mut handed_on = 0;
        for round in 0..50_u8 {
            let first = allocate(SIZE, 8);
            bytes(first).fill(round | 1);
            give_up(first);
            let next = allocate_zeroed(SIZE, 8);
            handed_on += usize::from(touched(next) * PAGE > SIZE / 2);
            assert!(bytes(next).iter().all(|&byte| byte == 0), "{round}");
            assert!(next != first);
            give_up(next);
        }
        assert!(!ON.load(Ordering::Relaxed) || handed_on > 0);
    }

    #[test]
    fn untouched_pages_are_given_back() {
        let _ready = ready();
        for step in [1, 3, 7] {
            let block = allocate(SIZE, 8);
            for page in (0..SIZE / PAGE).filter(|page| page % 8 != 0 || page % step == 0) {
                // SAFETY: within the block.
                unsafe { block.add(page * PAGE).write(1) };
            }
            give_up(block);
            // SAFETY: freed, and in the quarantine, which keeps its access.
            let is_zero = |at: usize| unsafe { block.add(at).read_volatile() } == 0;
            assert!((0..SIZE).all(is_zero), "{step}");
        }
    }

    #[test]
    fn what_is_written_into_a_freed_block_stays_there() {
        let _ready = ready();
        for at in [5000, 100_001, SIZE - 5000] {
            let blocks: Vec<*mut u8> = (0..4).map(|_| allocate(SIZE, 8)).collect();
            for &block in &blocks {
                bytes(block).fill(1);
                give_up(block);
                // SAFETY: freed, and in the quarantine, which keeps its access.
                unsafe { block.add(at).write_volatile(7) };
            }
            // They ask for the pages, and push them out.
            let others: Vec<*mut u8> = (0..20).map(|_| allocate(SIZE, 8)).collect();
            for &other in &others {
                assert_eq!(bytes(other).iter().filter(|&&byte| byte == 7).count(), 0);
                bytes(other).fill(1);
            }
            others.into_iter().for_each(give_up);
            for &block in &blocks {
                // SAFETY: as above.
                let read = |page, into: &mut [u8; PAGE]| unsafe { large::read_page(page, into) };
                let damage = large::poison_damage(block.addr(), SIZE, read).expect("a write after free");
                assert_eq!((damage.offset, damage.len, damage.first_bytes[0]), (at, 1, 7));
                // SAFETY: as above.
                unsafe { block.add(at).write_volatile(0) };
            }
        }
    }
}
