//! Whether the unwinder can be asked already.
//!
//! With `c-heap` the first allocations come before the C library has begun. In a static executable the tables of the
//! unwinder are not known then, and it ends the process where it does not find the function that asked.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

static READY: AtomicBool = AtomicBool::new(false);

/// Whether a backtrace may be taken. True for good once it is.
#[inline]
pub(crate) fn is_ready() -> bool {
    READY.load(Ordering::Relaxed) || ask()
}

#[cold]
fn ask() -> bool {
    unsafe extern "C" {
        /// libgcc's: the description of the function at an address, and where its tables begin.
        fn _Unwind_Find_FDE(at: *mut c_void, bases: *mut [*mut c_void; 3]) -> *const c_void;
    }
    let mut bases = [std::ptr::null_mut(); 3];
    let own = ask as fn() -> bool as usize;
    // One byte into the function, as a return address would be.
    let at = std::ptr::with_exposed_provenance_mut(own + 1);
    // SAFETY: looks the address up, and writes three words.
    let found = !unsafe { _Unwind_Find_FDE(at, &raw mut bases) }.is_null();
    if found {
        READY.store(true, Ordering::Relaxed);
    }
    found
}
