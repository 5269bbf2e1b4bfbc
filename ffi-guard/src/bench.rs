//! Entry points for the benches, which no program calls.

use std::hint::black_box;
use std::panic::Location;

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Declaration, Function};
use crate::call::loan::Loan;
use crate::call::shape::{Role, Shape, TypeInfo};
use crate::call::site::Site;
use crate::call::validity::Validity;
use crate::heap;
use crate::retention;
use crate::scan;
use crate::scan::Wanted;

/// Looks an address up. True if it leads into a live block.
#[inline]
#[must_use]
pub fn lookup(address: usize) -> bool {
    crate::heap::lookup(address).is_some_and(|block| black_box(block).live)
}

/// True if an address is in the Rust region.
#[inline]
#[must_use]
pub fn contains(address: usize) -> bool {
    crate::heap::contains(address)
}

/// Records the caller's backtrace.
#[inline(never)]
#[must_use]
pub fn capture() -> u32 {
    crate::heap::trace::capture().0
}

/// Words of the slice that lead into the Rust region.
#[must_use]
pub fn search(memory: &[usize]) -> usize {
    let mut hits = Vec::new();
    let wanted = Wanted::new(std::iter::once(heap::region()));
    // SAFETY: a live slice.
    unsafe { scan::words(memory.as_ptr().expose_provenance(), size_of_val(memory), &wanted, &mut hits) };
    hits.len()
}

/// Notes that a call was lent the block at this address. Makes no sweep, however many are noted.
#[track_caller]
pub fn note(address: usize) {
    static FUNCTION: Function = Function::new(&Declaration::internal("bench"));
    static INFO: TypeInfo = TypeInfo {
        size: 8,
        align: 8,
        shape: Shape::Plain,
        frozen: true,
        dense: true,
        role: Role::Other,
        value: Validity::Any,
        name: || "u64",
    };
    retention::prepare();
    let Some(block) = heap::FoundBlock::at(address) else { return };
    let site = Site { function: &FUNCTION, location: Location::caller() };
    retention::lend(&block, &site, &Loan::of(&Argument::new(address, Passing::Const, &INFO), 0, 8));
}

/// Settles the notes. Returns the number of findings.
#[must_use]
pub fn sweep() -> usize {
    retention::sweep().len()
}

/// Searches an area, and returns how many of its words lead into `wanted`.
///
/// # Safety
/// - The area is readable.
#[must_use]
pub unsafe fn search_area(area: std::ops::Range<usize>, wanted: std::ops::Range<usize>) -> usize {
    let mut hits = Vec::new();
    let wanted = crate::scan::Wanted::new(std::iter::once(wanted));
    // SAFETY: the caller promises that the area is readable.
    unsafe { crate::scan::words(area.start, area.len(), &wanted, &mut hits) };
    hits.len()
}
