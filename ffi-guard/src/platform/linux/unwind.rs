//! The unwinder's description of a frame, as compilers wrote it (`.eh_frame`).

use std::ffi::c_void;

use super::read::read;

/// The record that describes the frame of the code at an address, and the common record that it
/// refers to, as they lie in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description {
    /// Both records, from the first byte of the common one to the last of the function's own.
    pub(crate) bytes: &'static [u8],
    /// The offset where the function's own begins.
    pub(crate) own: usize,
    /// The first byte of the function.
    pub(crate) function: usize,
}

/// The description of the frame of the code at `address`, which is in a module that stays loaded.
/// `None` if there is none, or one in a form that no compiler writes for x86-64.
///
/// Takes the locks that unwinding takes: none with glibc from 2.35 on.
pub(crate) fn description(address: usize) -> Option<Description> {
    // `struct dwarf_eh_bases` of GCC's unwinder and LLVM's.
    let mut bases = [std::ptr::null_mut::<c_void>(); 3];
    // SAFETY: looks the address up and writes three pointers; it need not lead to code.
    let own: *const u8 = unsafe { _Unwind_Find_FDE(std::ptr::without_provenance(address), &raw mut bases) }.cast();
    if own.is_null() {
        return None;
    }
    // A record begins with its length; then comes the distance back to the common record.
    // SAFETY: the unwinder's own record, in read-only data of a module that stays.
    let (len, back) = unsafe { (own.cast::<u32>().read_unaligned(), own.cast::<u32>().add(1).read_unaligned()) };
    if len == 0 || len == u32::MAX || i32::try_from(back).is_err() {
        return None;
    }
    let before = (back as usize).checked_sub(4)?;
    // SAFETY: both records are in one section, the common one first, and every byte between them
    // belongs to it.
    let bytes = unsafe { std::slice::from_raw_parts(own.sub(before), before + 4 + len as usize) };
    let [_, _, function] = bases.map(|base| base.addr());
    Some(Description { bytes, own: before, function })
}

/// True if nothing describes the code at `address`, so that every unwinder stops there: as C's
/// library in a static program of musl, or what was written in assembly. Takes the locks that
/// [`description`] takes.
pub(crate) fn is_bare(address: usize) -> bool {
    let mut bases = [std::ptr::null_mut::<c_void>(); 3];
    // SAFETY: as in `description`.
    let own = unsafe { _Unwind_Find_FDE(std::ptr::without_provenance(address), &raw mut bases) };
    // A signal handler returns there: unwinders know the code.
    let signal_return = [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05];
    let mut code = [0; 9];
    // One byte was taken off, as for the call before a return address.
    own.is_null() && read(address + 1, &mut code).is_some() && code != signal_return
}

unsafe extern "C" {
    /// From libgcc and from LLVM's libunwind: every unwinder that std links on Linux.
    fn _Unwind_Find_FDE(address: *const c_void, bases: *mut [*mut c_void; 3]) -> *const c_void;
}
