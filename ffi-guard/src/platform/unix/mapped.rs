//! Files in memory.

use std::ffi::CStr;

pub(crate) use crate::platform::other::mapped::{each_line, map_executable};

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

/// Maps this many bytes of memory, zeros at first, which belong to the caller alone; [`unmap`]
/// takes them away. Unlike an allocation, a signal handler may do it.
pub(crate) fn room(len: usize) -> Option<&'static mut [u8]> {
    let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: the mapping is new, as long as the slice, and never given out again.
    unsafe {
        let at = libc::mmap(std::ptr::null_mut(), len, access, flags, -1, 0);
        (at != libc::MAP_FAILED).then(|| std::slice::from_raw_parts_mut(at.cast(), len))
    }
}

/// Bytes of a page.
pub(crate) fn page_size() -> usize {
    // SAFETY: no precondition; answered from what the kernel passed at the start.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Unmaps what [`map`] or [`room`] gave.
///
/// # Safety
/// - They gave the bytes, and nothing reads them any more.
pub(crate) unsafe fn unmap(bytes: *const [u8]) {
    // SAFETY: the caller passes a whole mapping that nothing reads any more.
    unsafe { libc::munmap(bytes.cast_mut().cast(), bytes.len().max(1)) };
}
