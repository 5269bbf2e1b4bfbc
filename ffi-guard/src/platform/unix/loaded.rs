//! The module that this code is part of, and how it stays in memory.

use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Keeps the module that this code is part of in memory until the process ends: `dlclose` leaves it
/// there, and the next `dlopen` of it finds it as it was. Where the loader cannot, nothing happens.
pub(crate) fn stay() {
    static HERE: u8 = 0;
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the address only serves to find the module; the struct is valid when all is zero, and
    // the name in it is the loader's, which lives as long as the module does. The module is loaded
    // already, so no constructor runs.
    unsafe {
        if libc::dladdr((&raw const HERE).cast::<c_void>(), found.as_mut_ptr()) == 0 {
            return;
        }
        let name = found.assume_init_ref().dli_fname;
        if !name.is_null() {
            // The handle is kept, too: loaders that know no `RTLD_NODELETE` count handles.
            libc::dlopen(name, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}
