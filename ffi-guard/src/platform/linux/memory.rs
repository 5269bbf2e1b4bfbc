//! What Linux does with address space beyond POSIX.

use std::ops::Range;

use libc::MAP_FAILED;

use crate::platform::memory::PAGE;
pub(crate) use crate::platform::unix::memory::{address_space_limit, commit, decommit, discard, release, reserve};

/// Bytes that the kernel may back memory with in one step if it is asked to ([`use_large_pages`]);
/// 0 if it is not asked.
pub(crate) const LARGE_PAGE: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 0 };

/// Asks for large pages in a committed range: one fault for 2 MiB in place of 512. A wish: where
/// the system has none, or is told to give none, nothing changes.
pub(crate) fn use_large_pages(range: Range<usize>) {
    if range.start < range.end {
        // SAFETY: the range is within what `reserve` took, and the advice changes neither its
        // content nor its access.
        unsafe { libc::madvise(range.start as *mut _, range.end - range.start, libc::MADV_HUGEPAGE) };
    }
}

/// Closes pages of a committed range: what they held is gone, and whoever touches them faults. No
/// mapping changes. False where the system cannot: Linux before 6.13, locked memory.
pub(crate) fn close_pages(range: Range<usize>) -> bool {
    const MADV_GUARD_INSTALL: i32 = 102;
    // SAFETY: as in `protect`; the content is the caller's to throw away.
    unsafe { advise(range, MADV_GUARD_INSTALL) }
}

/// Opens pages again that [`close_pages`] has closed: they read as zero.
pub(crate) fn open_pages(range: Range<usize>) -> bool {
    const MADV_GUARD_REMOVE: i32 = 103;
    // SAFETY: as in `protect`; what is open in it stays as it is.
    unsafe { advise(range, MADV_GUARD_REMOVE) }
}

/// # Safety
/// - The range is within what `reserve` took, and the advice does nothing that somebody relies on
///   not being done.
unsafe fn advise(range: Range<usize>, advice: i32) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::madvise(range.start as *mut _, range.end - range.start, advice) == 0 }
}

/// Moves the pages of `from` to `to` without copying them. `from` keeps its access and reads as
/// zero afterwards. False where the system cannot; nothing has changed then.
pub(crate) fn move_pages(from: Range<usize>, to: usize) -> bool {
    const MREMAP_DONTUNMAP: i32 = 4;
    let len = from.end - from.start;
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | MREMAP_DONTUNMAP;
    // SAFETY: both ranges are the caller's, page-aligned and apart. With DONTUNMAP `from` stays
    // mapped, so that no other thread's mmap can slip into the hole.
    unsafe { libc::mremap(from.start as *mut _, len, len, flags, to as *mut libc::c_void) != MAP_FAILED }
}

/// Calls `f` with each page of the range that holds something, until it says false.
/// Untouched pages are left out where the system can tell, so that looking does not bring them in.
pub(crate) fn for_each_touched(range: Range<usize>, mut f: impl FnMut(usize) -> bool) {
    let mut present = [1u8; 512];
    let mut at = range.start;
    while at < range.end {
        let pages = ((range.end - at) / PAGE).clamp(1, present.len());
        // SAFETY: the array has a byte for each page asked about.
        let told = unsafe { libc::mincore(at as *mut _, pages * PAGE, present.as_mut_ptr()) == 0 };
        for (i, page) in present.iter().take(pages).enumerate() {
            if (!told || page & 1 != 0) && !f(at + i * PAGE) {
                return;
            }
        }
        at += pages * PAGE;
    }
}

/// How many mappings the system lets a process have. Read without allocating.
pub(crate) fn most_mappings() -> usize {
    let mut text = [0_u8; 24];
    // SAFETY: a C string; a live buffer and its length; closed once.
    let len = unsafe {
        let file = libc::open(c"/proc/sys/vm/max_map_count".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let len = if file < 0 { 0 } else { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
        libc::close(file);
        len
    };
    let text = usize::try_from(len).ok().and_then(|len| text.get(..len)).unwrap_or_default();
    std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL_MAPPINGS)
}

/// The kernel's default.
const USUAL_MAPPINGS: usize = 65_530;
