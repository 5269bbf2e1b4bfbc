//! Freed blocks waiting, the first freed the first to be used again.
//!
//! Each thread gathers what it frees in a ring of its own (see `cache`). If the process has a
//! quarantine, a full ring goes to the end of this queue in one go, and as many blocks leave at its
//! front as are over the limit. 64 threads that free thus meet once in a few hundred frees.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::class;
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};

/// A freed slot or run, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freed(u64);

/// Bit of a [`Freed`]: the block has pages of its own.
const ON_PAGES: u64 = 1 << 63;
/// What a block with pages of its own costs while it waits: its entry and its share of the page
/// tables, no memory. Little, so that at level 3 blocks wait about as long as at level 2; more if
/// addresses are few.
static ON_PAGES_COST: AtomicUsize = AtomicUsize::new(256);

/// Limits the blocks that wait at once and had pages of their own to `most`.
pub(crate) fn limit_on_pages(limit: usize, most: usize) {
    ON_PAGES_COST.fetch_max(limit / most.max(1), Ordering::Relaxed);
}

impl Freed {
    pub(crate) const NONE: Freed = Freed(0);

    /// A slot, or with the number of a half's runs the first unit of one.
    #[inline(always)]
    pub(crate) fn new(class: usize, index: u32) -> Freed {
        Freed((class as u64) << 32 | u64::from(index))
    }

    /// A run of Rust's with a block on pages of its own.
    pub(crate) fn on_pages(first: u32) -> Freed {
        Freed(ON_PAGES | u64::from(first))
    }

    #[inline(always)]
    pub(crate) fn is_on_pages(self) -> bool {
        self.0 & ON_PAGES != 0
    }

    #[inline(always)]
    pub(crate) fn class(self) -> usize {
        ((self.0 & !ON_PAGES) >> 32) as usize
    }

    #[inline(always)]
    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    /// What it costs to keep: the slot; for a run, whose pages are gone, two pages, as it has up to
    /// three mappings.
    #[inline(always)]
    pub(crate) fn cost(self) -> usize {
        if self.is_on_pages() {
            return ON_PAGES_COST.load(Ordering::Relaxed);
        }
        if class::is_run(self.class()) { 2 * PAGE } else { class::size(self.class()) }
    }
}

/// The queue: a ring in memory of its own, of a power of two of places. It grows with what waits: a
/// ring that is as long as it can ever need to be is written from end to end, 32 MiB for 64 MiB of
/// the smallest blocks, however few wait.
#[derive(Debug)]
pub(super) struct Queue {
    ring: usize,
    places: usize,
    /// Places that there is memory for.
    most: usize,
    /// Blocks ever taken out, and ever put in.
    head: usize,
    tail: usize,
    /// Cost of all that is in.
    bytes: usize,
    limit: usize,
}

pub(super) static QUEUE: Locked<Queue> =
    Locked::new(Queue { ring: 0, places: 0, most: 0, head: 0, tail: 0, bytes: 0, limit: 0 });

impl Queue {
    fn place(&self, at: usize) -> *mut Freed {
        // SAFETY: the ring has `places` places, a power of two; there is none before `set_up`, and
        // the queue is not used before that.
        unsafe { (self.ring as *mut Freed).add(at & (self.places - 1)) }
    }

    fn is_full(&self) -> bool {
        self.tail.wrapping_sub(self.head) >= self.places
    }

    /// Twice as many places, if there are more.
    #[cold]
    fn grow(&mut self) {
        let old = self.places;
        if old == 0 || old >= self.most {
            return;
        }
        let mut at = self.head;
        while at != self.tail {
            if at & old != 0 {
                // SAFETY: there is memory for `2 * old` places; this one was written, and the one
                // that becomes its own lies in the half that is not in use yet.
                unsafe { self.place(at).add(old).write(self.place(at).read()) };
            }
            at = at.wrapping_add(1);
        }
        self.places = 2 * old;
    }

    fn pop(&mut self) -> Option<Freed> {
        if self.head == self.tail {
            return None;
        }
        // SAFETY: a place between head and tail was written.
        let freed = unsafe { self.place(self.head).read() };
        self.head = self.head.wrapping_add(1);
        self.bytes = self.bytes.saturating_sub(freed.cost());
        Some(freed)
    }
}

/// Places that the queue begins with.
const FIRST: usize = 1 << 16;

/// Makes the queue. False if there is no memory for it.
pub(crate) fn set_up(limit: usize) -> bool {
    QUEUE.with(|queue| {
        // As many places as the smallest slots need to reach the limit; a limit beyond any memory
        // gets what there is.
        let mut places = (limit / class::size(1)).saturating_add(1024).checked_next_power_of_two().unwrap_or(1 << 40);
        places = places.min(1 << 40);
        while places >= 1024 {
            let bytes = places * size_of::<Freed>();
            if let Some(ring) = memory::reserve(bytes, PAGE) {
                if memory::commit(ring..ring + bytes) {
                    *queue = Queue { ring, places: places.min(FIRST), most: places, head: 0, tail: 0, bytes: 0, limit };
                    return true;
                }
                memory::release(ring..ring + bytes);
            }
            places /= 2;
        }
        false
    })
}

/// Puts `freed` at the end and takes what is over the limit from the front into `out`. Says how
/// many came out and how many of `freed` went in; a caller with some left empties `out` and comes
/// again.
pub(crate) fn exchange(freed: &[Freed], out: &mut [Freed]) -> (usize, usize) {
    QUEUE.with(|queue| {
        let (mut came, mut went) = (0, 0);
        loop {
            if queue.is_full() && queue.bytes <= queue.limit {
                queue.grow();
            }
            if queue.bytes > queue.limit || queue.is_full() {
                let Some(place) = out.get_mut(came) else { break };
                let Some(oldest) = queue.pop() else { break };
                *place = oldest;
                came += 1;
            } else if let Some(&next) = freed.get(went) {
                // SAFETY: not full, so this place is free.
                unsafe { queue.place(queue.tail).write(next) };
                queue.tail = queue.tail.wrapping_add(1);
                queue.bytes += next.cost();
                went += 1;
            } else {
                break;
            }
        }
        (came, went)
    })
}

/// Takes the oldest blocks out, over the limit or not: memory is short.
pub(crate) fn drain(out: &mut [Freed]) -> usize {
    QUEUE.with(|queue| {
        let mut came = 0;
        while let Some(place) = out.get_mut(came) {
            let Some(oldest) = queue.pop() else { break };
            *place = oldest;
            came += 1;
        }
        came
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_keeps_its_order_as_it_grows() {
        let mut memory = vec![0_u64; 64];
        let ring = memory.as_mut_ptr().expose_provenance();
        // Every way that the oldest may lie in the ring.
        for begin in 0..16 {
            let mut queue = Queue { ring, places: 8, most: 64, head: begin, tail: begin, bytes: 0, limit: usize::MAX };
            let (mut put, mut taken) = (0, 0);
            for _ in 0..3 {
                while !queue.is_full() {
                    // SAFETY: not full.
                    unsafe { queue.place(queue.tail).write(Freed::new(1, put)) };
                    (queue.tail, put) = (queue.tail + 1, put + 1);
                }
                queue.grow();
                assert_eq!(queue.pop(), Some(Freed::new(1, taken)), "{begin}");
                taken += 1;
            }
            assert_eq!(queue.places, 64);
            queue.grow();
            assert_eq!(queue.places, 64, "it grew out of its memory");
            while let Some(freed) = queue.pop() {
                assert_eq!(freed, Freed::new(1, taken), "{begin}");
                taken += 1;
            }
            assert_eq!(taken, put);
        }
    }
}
