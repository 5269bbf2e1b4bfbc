//! The functions of C's allocator, recognised by an address in their code.

/// The function of C's allocator that has code at this address. Recognised by where the function
/// begins, which the unwinder also knows of a library without symbols; but not of musl, which has
/// no such tables.
pub(crate) fn function_at(ip: usize) -> Option<&'static str> {
    use std::ffi::c_void;

    unsafe extern "C" {
        /// From libgcc and from LLVM's libunwind.
        fn _Unwind_FindEnclosingFunction(address: *mut c_void) -> *mut c_void;
    }
    // SAFETY: looks an address up, which need not lead to code.
    let begins = unsafe { _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(ip)) }.addr();
    let functions = [
        ("free", libc::free as *const () as usize),
        ("realloc", libc::realloc as *const () as usize),
        ("malloc_usable_size", libc::malloc_usable_size as *const () as usize),
    ];
    functions.into_iter().find_map(|(name, function)| (begins != 0 && begins == function).then_some(name))
}
