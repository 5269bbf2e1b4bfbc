//! Address space by `VirtualAlloc`.

use std::ffi::c_void;
use std::ops::Range;
use std::ptr;

use crate::platform::memory::PAGE;
pub(crate) use crate::platform::other::memory::{
    CAN_MOVE_PAGES, LARGE_PAGE, address_space_limit, address_space_taken, close_pages, for_each_touched, most_mappings,
    move_pages, open_pages, use_large_pages,
};

#[link(name = "kernel32")]
unsafe extern "system" {
    fn VirtualAlloc(address: *mut c_void, size: usize, kind: u32, access: u32) -> *mut c_void;
    fn VirtualFree(address: *mut c_void, size: usize, kind: u32) -> i32;
}

const MEM_COMMIT: u32 = 0x1000;
const MEM_RESERVE: u32 = 0x2000;
const MEM_DECOMMIT: u32 = 0x4000;
const MEM_RELEASE: u32 = 0x8000;
const PAGE_NOACCESS: u32 = 1;
const PAGE_READWRITE: u32 = 4;

/// What every reservation begins at a multiple of.
const GRANULE: usize = 64 << 10;
const _: () = assert!(GRANULE.is_multiple_of(PAGE));
/// Most bytes that are reserved at once: some systems, Wine among them, note each reserved page.
const MOST: usize = 256 << 30;
/// How often an aligned place is looked for: another thread may take it meanwhile.
const TRIES: usize = 8;

/// Takes `len` bytes of address space at a multiple of `align`, a power of two, without access.
pub(crate) fn reserve(len: usize, align: usize) -> Option<usize> {
    if len > MOST {
        return None;
    }
    if align <= GRANULE {
        return reserve_at(0, len);
    }
    // A reservation is given back whole or not at all: a larger one finds the place, and makes room
    // for the one that stays.
    (0..TRIES).find_map(|_| {
        let at = reserve_at(0, len.checked_add(align)?)?;
        release(at..at + len + align);
        reserve_at(at.checked_next_multiple_of(align)?, len)
    })
}

/// Reserves memory at this address, or anywhere if it is 0.
fn reserve_at(address: usize, len: usize) -> Option<usize> {
    // SAFETY: a new reservation touches nothing that exists: if the place is taken, it fails.
    let at = unsafe { VirtualAlloc(ptr::without_provenance_mut(address), len, MEM_RESERVE, PAGE_NOACCESS) };
    (!at.is_null()).then(|| at.expose_provenance())
}

/// Gives address space back to the system: all that one call of [`reserve`] took.
pub(crate) fn release(range: Range<usize>) {
    if range.start < range.end {
        // SAFETY: the caller owns the range, and nothing reaches into it any more.
        unsafe { VirtualFree(ptr::with_exposed_provenance_mut(range.start), 0, MEM_RELEASE) };
    }
}

/// Makes reserved memory readable and writable; untouched bytes are zero. False if the system
/// refuses.
pub(crate) fn commit(range: Range<usize>) -> bool {
    if range.start >= range.end {
        return true;
    }
    let at = ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the range is within a reservation; pages that are committed already stay as they are.
    !unsafe { VirtualAlloc(at, range.end - range.start, MEM_COMMIT, PAGE_READWRITE) }.is_null()
}

/// Takes access and pages away again.
pub(crate) fn decommit(range: Range<usize>) {
    if range.start < range.end {
        let at = ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the range is within a reservation, and no Rust reference points into it.
        unsafe { VirtualFree(at, range.end - range.start, MEM_DECOMMIT) };
    }
}

/// Makes committed memory zero. The pages stay: once given back, they might not be had again.
pub(crate) fn discard(range: Range<usize>) {
    if range.start < range.end {
        let at: *mut u8 = ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the range is committed, and the caller gives its content up.
        unsafe { at.write_bytes(0, range.end - range.start) };
    }
}
