//! The range of addresses that all copies lie in, given out in a ring.
//!
//! Pages that are given back keep their addresses, without access, until the ring has come round: a
//! pointer into them faults when it is used. With 64 GiB that is some four million copies later.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::memory::{self, PAGE};
use crate::platform::{process, thread};
use crate::reentry::Reentry;

/// Bytes of address space requested, halved until the request succeeds.
const MOST: usize = 1 << 36;
const LEAST: usize = 1 << 20;
/// Number of copies at a time, of all threads: each takes two of the mappings that a process may
/// have (65,530 on Linux).
const LIVE: usize = 512;

/// First address; 0 while nothing is reserved. Written once, under the lock.
static START: AtomicUsize = AtomicUsize::new(0);
/// Bytes reserved; written before the start.
static LEN: AtomicUsize = AtomicUsize::new(0);

struct Ring {
    /// Offset of the next pages from the range's start.
    next: usize,
    /// Pages in use, as offsets from the range's start; the first `used` are valid.
    live: [(usize, usize); LIVE],
    used: usize,
    /// True if no address space could be reserved.
    refused: bool,
}

static RING: Locked<Ring> = Locked::new(Ring { next: 0, live: [(0, 0); LIVE], used: 0, refused: false });

/// True if some page was opened, after a fault that was only warned of: any page given out later
/// may be that one.
static OPENED: AtomicBool = AtomicBool::new(false);

/// Pages of one copy, readable and writable, with a page without access before and after. They lose
/// their access when this is dropped.
#[derive(Debug)]
pub(super) struct Pages(Range<usize>);

/// True if an address lies in the range of the copies.
#[inline]
pub(crate) fn contains(address: usize) -> bool {
    let start = START.load(Ordering::Acquire);
    start != 0 && address.wrapping_sub(start) < LEN.load(Ordering::Relaxed)
}

/// Bytes that a copy has at most: a ring filled by one copy would be reused at once.
pub(crate) fn most() -> usize {
    if ready() { LEN.load(Ordering::Relaxed) / 16 } else { 0 }
}

/// Gives a page access, so that an instruction that faulted there can go on. May run in a signal
/// handler.
pub(crate) fn open(address: usize) -> bool {
    let page = address & !(PAGE - 1);
    OPENED.store(true, Ordering::Relaxed);
    contains(address) && memory::commit(page..page + PAGE)
}

impl Pages {
    /// Takes pages for this many bytes; `None` if there are none.
    pub(super) fn take(bytes: usize) -> Option<Pages> {
        if !ready() {
            return None;
        }
        let len = bytes.max(1).checked_next_multiple_of(PAGE)?;
        // Inside the guard while the lock is held: a signal handler's calls are not checked then,
        // and so do not come here.
        let inside = Reentry::enter();
        let place = RING.with(|ring| ring.place(len))?;
        drop(inside);
        let start = START.load(Ordering::Relaxed) + place;
        if OPENED.load(Ordering::Relaxed) {
            memory::decommit(start - PAGE..start + len + PAGE);
        }
        let pages = Pages(start..start + len);
        memory::commit(pages.range()).then_some(pages)
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.0.clone()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let Range { start, end } = self.range();
        // With the pages on either side: one may have been opened.
        let beside = if OPENED.load(Ordering::Relaxed) { PAGE } else { 0 };
        memory::decommit(start - beside..end + beside);
        let at = self.0.start.wrapping_sub(START.load(Ordering::Relaxed));
        let _inside = Reentry::enter();
        RING.with(|ring| ring.give_back(at));
    }
}

impl Ring {
    /// Finds a free place for this many bytes, with an unused page on either side.
    fn place(&mut self, len: usize) -> Option<usize> {
        let all = LEN.load(Ordering::Relaxed);
        let room = len.checked_add(2 * PAGE).filter(|&room| room <= all)?;
        if self.used == LIVE {
            return None;
        }
        let mut turned = false;
        let mut at = self.next;
        loop {
            if at + room > all {
                if turned {
                    return None;
                }
                turned = true;
                at = 0;
            }
            let in_the_way = |&&(start, end): &&(usize, usize)| start < at + room && at < end;
            match self.live.iter().take(self.used).find(in_the_way) {
                Some(&(_, end)) => at = end,
                None => break,
            }
        }
        let slot = self.live.get_mut(self.used)?;
        *slot = (at, at + room);
        self.used += 1;
        self.next = at + room;
        Some(at + PAGE)
    }

    fn give_back(&mut self, place: usize) {
        let live = self.live.iter().take(self.used).position(|&(start, _)| start + PAGE == place);
        if let Some(at) = live {
            self.used -= 1;
            self.live.swap(at, self.used);
        }
    }
}

/// Reserves the range on first use. True if it is reserved.
fn ready() -> bool {
    if START.load(Ordering::Acquire) != 0 {
        return true;
    }
    let inside = Reentry::enter();
    let reserved = RING.with(|ring| {
        if START.load(Ordering::Relaxed) != 0 || ring.refused {
            return None;
        }
        ring.refused = !reserve();
        Some(!ring.refused)
    });
    drop(inside);
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    match reserved {
        Some(true) if !REGISTERED.swap(true, Ordering::Relaxed) => {
            thread::at_fork(before, after, after);
        }
        Some(false) => process::say(format_args!(
            "no address space for copies (ulimit -v?): `copied` and GUARD_COPY do nothing in this process"
        )),
        _ => {}
    }
    START.load(Ordering::Acquire) != 0
}

fn reserve() -> bool {
    let Some((start, len)) = memory::reserve_up_to(MOST, LEAST, PAGE, 8) else { return false };
    LEN.store(len, Ordering::Relaxed);
    START.store(start, Ordering::Release);
    true
}

unsafe extern "C" fn before() {
    RING.hold();
}

unsafe extern "C" fn after() {
    RING.let_go();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_apart_and_those_in_use_are_passed_over_when_the_ring_comes_round() {
        let mut ring = Ring { next: 0, live: [(0, 0); LIVE], used: 0, refused: false };
        assert!(ready());
        let all = LEN.load(Ordering::Relaxed);
        let first = ring.place(PAGE).expect("room");
        let second = ring.place(2 * PAGE).expect("room");
        assert_eq!((first, second), (PAGE, 4 * PAGE), "two pages without access between them");
        ring.next = all - PAGE;
        assert_eq!(ring.place(PAGE), Some(8 * PAGE), "round, and behind the two in use");
        ring.give_back(first);
        ring.next = all;
        assert_eq!(ring.place(PAGE), Some(first), "free again");
        assert_eq!(ring.place(all), None, "larger than the ring");
    }

    #[test]
    fn what_is_given_back_has_no_access() {
        let pages = Pages::take(100).expect("address space");
        let range = pages.range();
        assert!(contains(range.start) && range.len() == PAGE);
        // SAFETY: committed for this test alone.
        unsafe { (range.start as *mut u8).write(7) };
        drop(pages);
        let mut byte = [0];
        assert_eq!(crate::platform::read::read(range.start, &mut byte), None);
        assert!(contains(range.start), "the addresses stay ours");
    }
}
