//! Pins: how often memory is pinned, and by which line.
//!
//! A block of the heap has a flag in its entry, which is all that most callers read; the count and
//! the line are here. Pinned memory elsewhere, such as on a stack, is a range.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::heap::{self, Block};
use crate::platform::lock::Locked;
use crate::reentry::Reentry;

/// A line of the program that pins.
pub(crate) type PinSite = &'static Location<'static>;

pub(super) struct Pins {
    /// By start and generation: the number of pins, and the line of the last one.
    blocks: BTreeMap<(usize, u32), (usize, PinSite)>,
    /// By start and number: the end.
    ranges: BTreeMap<(usize, usize), usize>,
    /// Number of the next range.
    next: usize,
}

pub(super) static PINS: Locked<Pins> = Locked::new(Pins { blocks: BTreeMap::new(), ranges: BTreeMap::new(), next: 0 });

/// Number of blocks and ranges that are pinned: at 0, none has to be looked up.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static RANGES: AtomicUsize = AtomicUsize::new(0);

/// A pin, to be ended by [`unpin`].
#[derive(Debug)]
pub(crate) enum Pin {
    Block { start: usize, generation: u32 },
    Range { start: usize, number: usize },
}

/// Pins `size` bytes at an address: the whole block that they are in. `None` if there are no bytes.
pub(crate) fn pin(address: usize, size: usize, at: PinSite) -> Option<Pin> {
    if size == 0 || address == 0 {
        return None;
    }
    super::ready::ready();
    let _inside = Reentry::enter();
    if heap::contains(address) {
        let block = heap::lookup(address).filter(|block| block.live)?;
        let (start, generation) = (block.start, block.generation);
        PINS.with(|pins| {
            let (count, last) = pins.blocks.entry((start, generation)).or_insert((0, at));
            (*count, *last) = (count.saturating_add(1), at);
            // The flag is set under the lock, so that it and the count agree.
            heap::set_pinned(&block, true);
        });
        COUNT.fetch_add(1, Ordering::Relaxed);
        return Some(Pin::Block { start, generation });
    }
    let number = PINS.with(|pins| {
        pins.next += 1;
        pins.ranges.insert((address, pins.next), address.saturating_add(size));
        pins.next
    });
    RANGES.fetch_add(1, Ordering::Relaxed);
    Some(Pin::Range { start: address, number })
}

/// Ends a pin.
pub(crate) fn unpin(pin: &Pin) {
    let _inside = Reentry::enter();
    match *pin {
        Pin::Block { start, generation } => {
            PINS.with(|pins| {
                // Missing: the block was freed all the same, which was reported.
                let Some((count, _)) = pins.blocks.get_mut(&(start, generation)) else { return };
                *count -= 1;
                if *count == 0 {
                    pins.blocks.remove(&(start, generation));
                    if let Some(block) = heap::lookup(start).filter(|block| block.generation == generation) {
                        heap::set_pinned(&block, false);
                    }
                }
            });
            COUNT.fetch_sub(1, Ordering::Relaxed);
        }
        Pin::Range { start, number } => {
            PINS.with(|pins| pins.ranges.remove(&(start, number)));
            RANGES.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// True if any block is pinned.
#[inline]
pub(crate) fn are_any() -> bool {
    COUNT.load(Ordering::Relaxed) != 0
}

/// True if a block is pinned.
#[inline]
pub(crate) fn is_block_pinned(block: &impl heap::Refers) -> bool {
    COUNT.load(Ordering::Relaxed) != 0 && heap::is_pinned(block)
}

/// True if an address outside the heap is pinned.
pub(crate) fn is_range_pinned(address: usize) -> bool {
    if RANGES.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let _inside = Reentry::enter();
    PINS.with(|pins| pins.ranges.range(..=(address, usize::MAX)).any(|(_, &end)| address < end))
}

/// Forgets the pins of a freed block. Returns the line that pinned it, if it was still pinned.
pub(super) fn freed(block: &Block) -> Option<PinSite> {
    if !heap::is_pinned(block) {
        return None;
    }
    heap::set_pinned(block, false);
    PINS.with(|pins| pins.blocks.remove(&(block.start, block.generation))).map(|(_, at)| at)
}
