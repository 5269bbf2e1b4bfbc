//! Where the calling thread's stack lies.

use std::ops::Range;

/// The calling thread's stack as the system mapped it; empty where it cannot be told.
///
/// On Linux the range of a thread holds its thread-local storage too, and that of the main thread the arguments and the
/// environment: a rule that finds an address in here still asks which frame it is in.
pub(crate) fn bounds() -> Range<usize> {
    #[cfg(target_os = "linux")]
    {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        // SAFETY: the calling thread is alive, and `attributes` has room for what is written.
        if unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) } != 0 {
            return 0..0;
        }
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: `pthread_getattr_np` succeeded, so `attributes` is initialised; it is destroyed once, here.
        let told = unsafe {
            let told = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            told
        };
        if told == 0 { low.addr()..low.addr() + size } else { 0..0 }
    }
    #[cfg(not(target_os = "linux"))]
    {
        0..0
    }
}
