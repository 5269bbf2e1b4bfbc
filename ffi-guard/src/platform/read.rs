//! Reading memory that is not ours to vouch for.

use std::sync::atomic::{AtomicBool, Ordering};

static REFUSED: AtomicBool = AtomicBool::new(false);

/// Copies bytes from an address that may not be mapped; `None` where they cannot all be read.
///
/// A typed pointer into C memory is usually good, but C libraries also hand out small integers and all-ones in a
/// pointer's clothes. The kernel does the copy (`process_vm_readv` on ourselves), so a bad address is an error instead of
/// a fault.
pub(crate) fn read(address: usize, into: &mut [u8]) -> Option<()> {
    #[cfg(target_os = "linux")]
    {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: into.len() };
        // SAFETY: `local` is a live, exclusive slice; `remote` is only read, by the kernel, which checks it.
        let n = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
        if n < 0 {
            let error = std::io::Error::last_os_error().raw_os_error();
            let denied = matches!(error, Some(libc::EPERM | libc::ENOSYS));
            if denied && !REFUSED.swap(true, Ordering::Relaxed) {
                super::process::say(format_args!(
                    "the system refuses process_vm_readv: pointers inside C memory are not looked at"
                ));
            }
            return None;
        }
        (usize::try_from(n) == Ok(into.len())).then_some(())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (address, into, &REFUSED, Ordering::Relaxed);
        None
    }
}

/// Whether there is a NUL among `len` bytes.
///
/// C's own `memchr`: it is fast in a debug build too, and may read bytes that Rust left uninitialised.
///
/// # Safety
/// - `len` bytes from `address` on are mapped and stay so for the call.
pub(crate) unsafe fn has_nul(address: usize, len: usize) -> bool {
    // SAFETY: as promised by the caller.
    unsafe { nul(address, len) }.is_some()
}

/// How far it is to the first NUL among `len` bytes.
///
/// # Safety
/// - As for [`has_nul`].
pub(crate) unsafe fn nul(address: usize, len: usize) -> Option<usize> {
    // SAFETY: as promised by the caller.
    let found = unsafe { libc::memchr(std::ptr::with_exposed_provenance(address), 0, len) };
    (!found.is_null()).then(|| found.addr() - address)
}

/// Bytes of a string with its NUL; `None` where there is none among the first `most`. Without a limit, as C's `strlen`.
///
/// # Safety
/// - `most` bytes from `address` on are mapped and stay so for the call; without it, those up to the NUL.
pub(crate) unsafe fn len_with_nul(address: usize, most: Option<usize>) -> Option<usize> {
    let start = std::ptr::with_exposed_provenance::<libc::c_char>(address);
    match most {
        // SAFETY: as promised by the caller.
        None => Some(unsafe { libc::strlen(start) } + 1),
        Some(most) => {
            // SAFETY: as promised by the caller.
            let len = unsafe { libc::strnlen(start, most) };
            (len < most).then_some(len + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bad_address_is_an_answer_and_not_a_fault() {
        let mut buffer = [0; 8];
        let word = 0x1122_3344_5566_7788_u64;
        assert_eq!(super::read(&raw const word as usize, &mut buffer), Some(()));
        assert_eq!(u64::from_ne_bytes(buffer), word);
        assert_eq!(super::read(8, &mut buffer), None);
        assert_eq!(super::read(usize::MAX - 7, &mut buffer), None);
    }
}
