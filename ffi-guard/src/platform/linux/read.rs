//! Reading memory through the kernel.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::platform::process;
pub(crate) use crate::platform::unix::read::{len_with_nul, nul};

static REFUSED: AtomicBool = AtomicBool::new(false);

/// Copies bytes from an address that may not be mapped; `None` if they cannot all be read.
///
/// A typed pointer into C memory is usually good, but C libraries also hand out small integers and
/// all-ones in a pointer's clothes. The kernel does the copy (`process_vm_readv` on ourselves), so
/// a bad address is an error instead of a fault.
pub(crate) fn read(address: usize, into: &mut [u8]) -> Option<()> {
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: into.len() };
    // SAFETY: `local` is a live, exclusive slice; `remote` is only read, by the kernel, which
    // checks it.
    let n = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if n < 0 {
        let error = std::io::Error::last_os_error().raw_os_error();
        let denied = matches!(error, Some(libc::EPERM | libc::ENOSYS));
        if denied && !REFUSED.swap(true, Ordering::Relaxed) {
            process::say(format_args!(
                "the system refuses process_vm_readv: pointers inside C memory are not looked at"
            ));
        }
        return None;
    }
    (usize::try_from(n) == Ok(into.len())).then_some(())
}
