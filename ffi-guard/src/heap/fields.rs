//! Units for blocks on pages of their own that cost no mapping: a field of them is writable
//! throughout, and each page not in use is closed by a guard region of the kernel's
//! (`MADV_GUARD_INSTALL`, Linux 6.13). To open a block's pages and to close them again takes a
//! third of what it takes to split and join mappings, and the number of mappings limits nothing.
//!
//! ```text
//!  | unit of 64 KiB | unit | unit | ..                     | 32 units, one mapping
//!  | : [ block ] : : : : : : : : : : : : : : : : : : : : :  |   :  closed
//! ```
//! A field is a run of its own, whose units are runs of one unit from then on and never go back.
//! The free ones of each half form a list.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::region::{self, SIDES, UNIT};
use super::run;
use crate::platform::lock::Locked;
use crate::platform::memory;

/// Units of a field: as many as one table of the kernel's describes.
const UNITS: u32 = 32;

/// The first free unit of each half, plus one; 0 for none.
pub(super) static FREE: [Locked<u32>; SIDES] = [const { Locked::new(0) }; SIDES];
/// The system has refused a field.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether there may be fields.
pub(super) fn are_possible() -> bool {
    !REFUSED.load(Ordering::Relaxed)
}

fn free(side: usize) -> &'static Locked<u32> {
    &FREE[region::place_of(side)]
}

/// Takes a unit of a half, all of whose pages are closed. `None` where the system has no guard
/// regions, or no memory for a field.
pub(super) fn take(side: usize) -> Option<u32> {
    free(side).with(|free| {
        if *free == 0 {
            *free = new_field(side)?;
        }
        let unit = *free - 1;
        *free = region::link(unit as usize).1.load(Ordering::Relaxed);
        Some(unit)
    })
}

/// Gives a unit back, all of whose pages are closed again.
pub(super) fn put(unit: u32) {
    free(region::side_of(unit)).with(|free| {
        region::link(unit as usize).1.store(*free, Ordering::Relaxed);
        *free = unit + 1;
    });
}

/// Whether a unit is one of a field.
pub(super) fn is_one(unit: u32) -> bool {
    run::is_in_field(unit)
}

/// Closes pages of a unit of a field; no others of the unit are open. If the system no longer does
/// that (the process has locked its memory since), the unit is a run like others from here on,
/// without access.
pub(super) fn close(unit: u32, pages: Range<usize>) {
    if !memory::close_pages(pages) {
        REFUSED.store(true, Ordering::Relaxed);
        let start = region::unit_start(unit as usize);
        memory::decommit(start..start + UNIT);
        run::leave_field(unit);
    }
}

/// The first unit of a new field, plus one; its units hang on each other.
#[cold]
fn new_field(side: usize) -> Option<u32> {
    if !are_possible() {
        return None;
    }
    let first = run::take(side, UNITS, UNITS as usize * UNIT)?;
    let start = region::unit_start(first as usize);
    let whole = start..start + UNITS as usize * UNIT;
    if !memory::commit(whole.clone()) || !memory::close_pages(whole.clone()) {
        memory::decommit(whole);
        run::put(side, first..first + UNITS);
        REFUSED.store(true, Ordering::Relaxed);
        return None;
    }
    run::make_field(first..first + UNITS);
    for unit in first..first + UNITS {
        let next = if unit + 1 < first + UNITS { unit + 2 } else { 0 };
        region::link(unit as usize).1.store(next, Ordering::Relaxed);
    }
    Some(first + 1)
}
