//! Reading memory without the system's help.

use std::ptr;

/// Reads nothing: a bad address would be a fault.
pub(crate) fn read(_address: usize, _into: &mut [u8]) -> Option<()> {
    None
}

/// Bytes before the first NUL among `len`.
///
/// # Safety
/// - `len` bytes from `address` on are mapped and stay so for the call.
pub(crate) unsafe fn nul(address: usize, len: usize) -> Option<usize> {
    // SAFETY: the caller says that the bytes are mapped, up to the NUL that ends the search.
    // Volatile: C may be writing.
    (0..len).find(|at| unsafe { ptr::with_exposed_provenance::<u8>(address + at).read_volatile() } == 0)
}

/// Bytes of a string with its NUL; `None` if there is none among the first `most`.
///
/// # Safety
/// - `most` bytes from `address` on are mapped and stay so for the call; without it, those up to
///   the NUL.
pub(crate) unsafe fn len_with_nul(address: usize, most: Option<usize>) -> Option<usize> {
    // SAFETY: the caller says that `most` bytes are mapped, or those up to the NUL, where the
    // search ends.
    unsafe { nul(address, most.unwrap_or(usize::MAX)) }.map(|len| len + 1)
}
