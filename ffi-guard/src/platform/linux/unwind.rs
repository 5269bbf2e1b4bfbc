//! The unwinder's description of a frame, as compilers wrote it (`.eh_frame`).

use std::ffi::c_void;

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

unsafe extern "C" {
    /// From libgcc and from LLVM's libunwind: every unwinder that std links on Linux.
    fn _Unwind_Find_FDE(address: *const c_void, bases: *mut [*mut c_void; 3]) -> *const c_void;
}
