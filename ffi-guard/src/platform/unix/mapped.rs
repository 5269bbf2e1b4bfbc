//! Files in memory.

use std::ffi::CStr;

pub(crate) use crate::platform::other::mapped::each_line;

/// Maps a file's bytes, private and read-only; [`unmap`] takes them away.
pub(crate) fn map(path: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the mapping is new, and as long as the file. There is no protection if the file is
    // cut short meanwhile.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let len = usize::try_from(libc::lseek(file, 0, libc::SEEK_END)).unwrap_or(0);
        let at = libc::mmap(std::ptr::null_mut(), len.max(1), libc::PROT_READ, libc::MAP_PRIVATE, file, 0);
        libc::close(file);
        (at != libc::MAP_FAILED).then(|| std::slice::from_raw_parts(at.cast(), len))
    }
}

/// Unmaps a file's bytes.
///
/// # Safety
/// - [`map`] gave the bytes, and nothing reads them any more.
pub(crate) unsafe fn unmap(bytes: &'static [u8]) {
    // SAFETY: the caller passes a whole mapping that nothing reads any more.
    unsafe { libc::munmap(bytes.as_ptr().cast_mut().cast(), bytes.len().max(1)) };
}
