//! Slots that no thread has: one stack of free slots for each class, and the part of the slab never
//! used so far.
//!
//! The stacks lie in the side tables, not in the freed memory: that is poisoned, and C's.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use super::class;
use super::redzone;
use super::region;
use super::unit::UNIT;
use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::memory::{self, LARGE_PAGE, PAGE};

/// The slots of a class that are on no thread's list.
#[derive(Debug)]
struct Stock {
    /// Free slots on the stack.
    free: usize,
    /// Slots from 1 on that have memory, entries and a place on the stack.
    ready: usize,
}

/// Stock of one class, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Class {
    /// The first slot that was never given to a thread.
    fresh: AtomicU32,
    stock: Locked<Stock>,
}

pub(super) static CLASSES: [Class; class::ALL] =
    [const { Class { fresh: AtomicU32::new(1), stock: Locked::new(Stock { free: 0, ready: 0 }) } }; class::ALL];

impl HeldInFork for Class {
    fn hold(&self) {
        self.stock.hold();
    }

    fn let_go(&self) {
        self.stock.let_go();
    }
}

fn of(class: usize) -> &'static Class {
    &CLASSES[class & (class::ALL - 1)]
}

/// Fills `out` with free slots, and returns how many there were: 0 if the class is full or the
/// system out of memory.
#[cold]
#[inline(never)]
pub(crate) fn take(class: usize, out: &mut [u32]) -> usize {
    of(class).stock.with(|stock| {
        let freed = stock.free.min(out.len());
        let stack = region::stack(class);
        if freed > 0 {
            stock.free -= freed;
            // SAFETY: the stack holds `free` slots, of which these were the topmost.
            unsafe { std::ptr::copy_nonoverlapping(stack.add(stock.free), out.as_mut_ptr(), freed) };
            return freed;
        }
        let fresh = of(class).fresh.load(Ordering::Relaxed) as usize;
        if fresh > stock.ready && !extend(class, stock) {
            return 0;
        }
        let new = (stock.ready + 1 - fresh).min(out.len());
        // Backwards: the thread takes from the end, and so goes through memory upwards.
        for (to, slot) in out.iter_mut().take(new).rev().zip(fresh as u32..) {
            *to = slot;
            let end = region::slab(class).start(slot + 1);
            // Already now, and for good: it guards the slot that follows, which may be given out
            // before this one.
            // SAFETY: the last bytes of a slot that has memory and that the program was never
            // given.
            unsafe { redzone::write_last(region::slab(class).start(slot), end) };
            region::slab(class).entry(slot).touch();
        }
        of(class).fresh.store((fresh + new) as u32, Ordering::Release);
        new
    })
}

/// Puts slots back.
#[cold]
#[inline(never)]
pub(crate) fn put(class: usize, slots: &[u32]) {
    of(class).stock.with(|stock| {
        // A slot that is on the stack twice (see `Entry::give`) must not make the stack longer than
        // its memory.
        let new = slots.len().min(stock.ready.saturating_sub(stock.free));
        // SAFETY: the stack has memory for `ready` slots.
        unsafe { std::ptr::copy_nonoverlapping(slots.as_ptr(), region::stack(class).add(stock.free), new) };
        stock.free += new;
    });
}

/// From this many bytes on a class of Rust's, and its part of the table, grow by large pages. Freed
/// blocks wait, so a program that keeps allocating keeps reaching new memory; brought in 4 KiB at a
/// time, that took a sixth of level 2's time. A program that needs little stays small, and no class
/// takes twice what it needs.
const LARGE_FROM: usize = 2 << 20;

/// Gives access to a stretch that begins at `base` and has `grown`. False if the system refuses.
fn grow(class: usize, base: usize, grown: Range<usize>) -> bool {
    let pages = grown.start & !(PAGE - 1)..grown.end.next_multiple_of(PAGE);
    // C's classes keep small pages: what large ones would bring there was not measured.
    if LARGE_PAGE != 0 && class < class::COUNT && grown.end - base > LARGE_FROM {
        // A large page needs access to the whole of it. What lies after a slab's end is more of it
        // (its share of the region is a multiple of a large page, if it is as large as that), and
        // after a table another one, which is made writable early.
        let pages = pages.start..pages.end.next_multiple_of(LARGE_PAGE);
        if memory::commit(pages.clone()) {
            memory::use_large_pages(pages);
            return true;
        }
    }
    memory::commit(pages)
}

/// Gives the class more memory: a quarter of what it has, at least 64 KiB, at most 16 MiB.
fn extend(class: usize, stock: &mut Stock) -> bool {
    let (slab, size) = (region::slab(class), class::size(class));
    let more = (stock.ready * size / 4).clamp(64 * 1024, 16 << 20).div_ceil(size);
    let ready = (stock.ready + more).min(region::slots(class).saturating_sub(1));
    if ready <= stock.ready {
        return false;
    }
    let stack = region::stack(class) as usize;
    // Of slot 0 its end alone, which is on the page of slot 1 or on the one before: for the canary.
    let slots = slab.start(stock.ready as u32 + 1) - CANARY..slab.start(ready as u32 + 1);
    // One more than the slots: what looks at a slot looks at the next one, too.
    let entries = slab.entries(stock.ready).end..slab.entries(ready + 2).end;
    let places = stack + stock.ready * size_of::<u32>()..stack + ready * size_of::<u32>();
    for (base, range) in [(slab.start(0), slots), (slab.entries(0).start, entries), (stack, places)] {
        if !grow(class, base, range) {
            return false;
        }
    }
    if stock.ready == 0 {
        // SAFETY: the end of slot 0, committed above and never given out.
        unsafe { redzone::write_last(slab.start(1) - CANARY, slab.start(1)) };
    }
    stock.ready = ready;
    slab.set_ready(ready + 1);
    true
}

/// The memory of all slots of a class that were ever given to a thread. It keeps its access for
/// good.
pub(crate) fn used(class: usize) -> std::ops::Range<usize> {
    let slab = region::slab(class);
    slab.start(1)..slab.start(of(class).fresh.load(Ordering::Acquire))
}

/// Bytes of the canary before slot 1.
pub(super) const CANARY: usize = UNIT;

/// Start of the slot whose canary lies in the 16 bytes before a slot that was given out and begins
/// at `start`; `None` if nothing lies before it.
#[inline(always)]
pub(crate) fn canary_before(class: usize, slot: u32, start: usize) -> Option<usize> {
    if slot > 1 {
        return Some(start - region::slab(class).size());
    }
    (slot == 1).then(|| start - CANARY)
}

/// Whether damage before the block in a slot is the overrun of the live block in the slot before
/// it: that one's canary is damaged from the end of the block on.
pub(super) fn is_overrun_from_before(class: usize, slot: u32) -> bool {
    if class::is_run(class) || slot < 2 {
        return false;
    }
    let slab = region::slab(class);
    let (start, entry) = (slab.start(slot - 1), slab.entry(slot - 1));
    let Some(block) = entry.read(start).filter(|block| block.live) else { return false };
    // SAFETY: a slot's memory keeps its access.
    let damage = unsafe { redzone::damage(start, block.size, start + slab.size(), None) };
    damage.is_some_and(|damage| damage.offset == 0)
}
