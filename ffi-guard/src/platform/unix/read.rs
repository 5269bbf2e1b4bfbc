//! C's own searches of memory.

pub(crate) use crate::platform::other::read::read;

/// The offset of the first NUL among `len` bytes.
///
/// # Safety
/// - `len` bytes from `address` on are mapped and stay so for the call.
#[inline]
pub(crate) unsafe fn nul(address: usize, len: usize) -> Option<usize> {
    // SAFETY: the caller says that the bytes are mapped and stay so.
    let found = unsafe { libc::memchr(std::ptr::with_exposed_provenance(address), 0, len) };
    (!found.is_null()).then(|| found.addr() - address)
}

/// Bytes of a string with its NUL; `None` if there is none among the first `most`. Without a limit
/// it searches on, as C's `strlen` does.
///
/// # Safety
/// - `most` bytes from `address` on are mapped and stay so for the call; without it, those up to
///   the NUL.
#[inline]
pub(crate) unsafe fn len_with_nul(address: usize, most: Option<usize>) -> Option<usize> {
    let start = std::ptr::with_exposed_provenance::<libc::c_char>(address);
    match most {
        // SAFETY: the caller says that the bytes up to the NUL are mapped and stay so.
        None => Some(unsafe { libc::strlen(start) } + 1),
        Some(most) => {
            // SAFETY: the caller says that `most` bytes are mapped and stay so.
            let len = unsafe { libc::strnlen(start, most) };
            (len < most).then_some(len + 1)
        }
    }
}
