//! The guarded calls under way on each thread, as addresses: a block of C's that is freed meanwhile
//! was freed under the innermost of them.
//!
//! ```text
//!  a call begins ──> CALLS (of the thread)      a block of C's is freed ──> its entry: the number
//!                      └── its place in SITES, a number of 12 bits ─────────────┘
//! ```
//! The heap does not know what a function is: it keeps the addresses that it was given.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::platform::memory::{self, PAGE};

/// Calls within calls that a thread keeps; those further in are not told.
const DEEP: usize = 8;
/// Places that calls are made from, at most; those beyond are not told. A power of two.
const MOST: usize = 1 << 12;
/// Places that are tried for one site.
const TRIES: usize = 32;

/// A guarded call, as addresses of what describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) function: usize,
    pub(crate) location: usize,
}

/// A call under way.
struct UnderWay {
    /// An address in the frame of its wrapper. A call that C left by `longjmp` never ends: its
    /// frame lies deeper than those of later calls.
    frame: Cell<usize>,
    function: Cell<usize>,
    location: Cell<usize>,
    /// The number of its site; 0 until it is asked for.
    number: Cell<u32>,
}

/// The calls of a thread, the outermost first.
struct Calls {
    count: Cell<usize>,
    calls: [UnderWay; DEEP],
}

thread_local! {
    static CALLS: Calls = const {
        Calls {
            count: Cell::new(0),
            calls: [const {
                UnderWay { frame: Cell::new(0), function: Cell::new(0), location: Cell::new(0), number: Cell::new(0) }
            }; DEEP],
        }
    };
}

/// The count that stands for a call that was not recorded.
pub(crate) const UNRECORDED: usize = usize::MAX;

/// Records that a call begins, whose wrapper's frame holds the address `frame`. Returns how many
/// were under way before, for [`end`].
#[inline(always)]
pub(crate) fn begin(frame: usize, site: Site) -> usize {
    let begun = CALLS.try_with(|here| {
        let mut count = here.count.get().min(DEEP);
        while count > 0 && here.calls.get(count - 1).is_some_and(|call| call.frame.get() <= frame) {
            count -= 1;
        }
        let Some(call) = here.calls.get(count) else { return UNRECORDED };
        call.frame.set(frame);
        call.function.set(site.function);
        call.location.set(site.location);
        call.number.set(0);
        here.count.set(count + 1);
        count
    });
    begun.unwrap_or(UNRECORDED)
}

/// Ends a call. `before`: what [`begin`] returned.
#[inline(always)]
pub(crate) fn end(before: usize) {
    if before != UNRECORDED {
        let _ = CALLS.try_with(|here| here.count.set(before));
    }
}

/// The number of the innermost call's site; 0 without one, or if there are too many sites.
#[inline(always)]
pub(super) fn number() -> u32 {
    CALLS.try_with(|here| if here.count.get() == 0 { 0 } else { number_of_innermost(here) }).unwrap_or(0)
}

#[inline(never)]
fn number_of_innermost(here: &Calls) -> u32 {
    let local = 0_u8;
    let innermost = here.count.get().checked_sub(1).and_then(|at| here.calls.get(at));
    let Some(call) = innermost.filter(|call| call.frame.get() > (&raw const local).addr()) else { return 0 };
    if call.number.get() == 0 {
        call.number.set(enter(Site { function: call.function.get(), location: call.location.get() }));
    }
    call.number.get()
}

/// A place of the table. Both words are 0 at first; the first is written once, and then the second.
#[repr(C)]
struct Place {
    function: AtomicUsize,
    location: AtomicUsize,
}

/// The first of `MOST` places; 0 until there is memory for them.
static SITES: AtomicUsize = AtomicUsize::new(0);

/// Makes the table. Without it no site is told.
pub(super) fn set_up() {
    let bytes = (MOST * size_of::<Place>()).next_multiple_of(PAGE);
    if let Some(at) = memory::reserve(bytes, PAGE)
        && memory::commit(at..at + bytes)
    {
        SITES.store(at, Ordering::Release);
    }
}

fn place(number: usize) -> Option<&'static Place> {
    let table = SITES.load(Ordering::Acquire) as *const Place;
    // SAFETY: the table has `MOST` places, zero at first, to the end of the process; all access is
    // atomic.
    (!table.is_null()).then(|| unsafe { &*table.add(number & (MOST - 1)) })
}

/// The number of a site, which gets one now if it has none. 0 if the table is full around its
/// place, or another thread is writing just there.
fn enter(site: Site) -> u32 {
    let hash = (site.function ^ site.location.rotate_left(21)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    for number in (0..TRIES).map(|step| (hash + step) & (MOST - 1)).filter(|&number| number != 0) {
        let Some(place) = place(number) else { return 0 };
        let claim = || place.function.compare_exchange(0, site.function, Ordering::AcqRel, Ordering::Acquire);
        if place.function.load(Ordering::Relaxed) == 0 && claim().is_ok() {
            place.location.store(site.location, Ordering::Release);
            return number as u32;
        }
        let known =
            Site { function: place.function.load(Ordering::Acquire), location: place.location.load(Ordering::Acquire) };
        if known == site {
            return number as u32;
        }
    }
    0
}

/// The site of a number; `None` for 0.
pub(super) fn site(number: u32) -> Option<Site> {
    let place = place(number as usize).filter(|_| number != 0)?;
    let site =
        Site { function: place.function.load(Ordering::Acquire), location: place.location.load(Ordering::Acquire) };
    (site.function != 0 && site.location != 0).then_some(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_keeps_its_number() {
        super::super::ready();
        let sites: Vec<Site> = (1..300).map(|n| Site { function: n * 64, location: n * 24 + 8 }).collect();
        let numbers: Vec<u32> = sites.iter().map(|&site| enter(site)).collect();
        for (&known, &number) in sites.iter().zip(&numbers) {
            assert_eq!(enter(known), number);
            assert_eq!(site(number), Some(known));
        }
        assert_eq!(site(0), None);
    }

    #[test]
    fn the_innermost_call_is_told_and_a_left_one_is_forgotten() {
        super::super::ready();
        let local = 0_u8;
        let here = (&raw const local).addr();
        let told = || site(number()).map(|site| site.function);
        let site = |function| Site { function, location: 8 };
        let outer = begin(here + 4096, site(16));
        assert_eq!(told(), Some(16));
        let inner = begin(here + 2048, site(32));
        assert_eq!(told(), Some(32));
        end(inner);
        assert_eq!(told(), Some(16));
        // Left by `longjmp`: the next one begins further up.
        begin(here + 1024, site(48));
        let next = begin(here + 2048, site(64));
        assert_eq!(told(), Some(64));
        end(next);
        assert_eq!(told(), Some(16));
        end(outer);
        assert_eq!(told(), None);
    }
}
