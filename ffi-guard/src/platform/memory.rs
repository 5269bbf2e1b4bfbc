//! Address space: reserved first, committed when needed, its pages given back when not.
//!
//! Addresses are integers here: what lies behind them is nobody's object yet.

use std::ops::Range;

/// What access is given in steps of. A multiple of the page size of every system we build for.
pub(crate) const PAGE: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 65536 };

/// What the system may back memory with in one step where it is asked to ([`use_large_pages`]); 0 where it is not asked.
pub(crate) const LARGE_PAGE: usize = if cfg!(all(target_os = "linux", target_arch = "x86_64")) { 2 << 20 } else { 0 };

/// What may be done with reserved memory before it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// It faults.
    Nothing,
    /// It reads as zero.
    Reading,
}

#[cfg(unix)]
mod os {
    use super::{Before, PAGE, Range};
    use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE};

    /// Takes `len` bytes of address space at a multiple of `align`, a power of two.
    pub(crate) fn reserve(len: usize, align: usize, before: Before) -> Option<usize> {
        let room = if align > PAGE { len.checked_add(align)? } else { len };
        let prot = match before {
            Before::Nothing => PROT_NONE,
            Before::Reading => PROT_READ,
        };
        // SAFETY: a new mapping wherever the kernel likes touches nothing that exists.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), room, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) };
        if at == MAP_FAILED {
            return None;
        }
        let at = at as usize;
        let start = at.wrapping_add(align - 1) & !(align - 1);
        release(at..start);
        release(start + len..at + room);
        Some(start)
    }

    /// Gives address space back that [`reserve`] took.
    pub(crate) fn release(range: Range<usize>) {
        if range.start < range.end {
            // SAFETY: the caller owns the range and lets nothing in it be reached any more.
            unsafe { libc::munmap(range.start as *mut _, range.end - range.start) };
        }
    }

    fn protect(range: Range<usize>, prot: i32) -> bool {
        if range.start >= range.end {
            return true;
        }
        // SAFETY: the range is within what `reserve` took; no Rust reference leads into a part that loses its access.
        unsafe { libc::mprotect(range.start as *mut _, range.end - range.start, prot) == 0 }
    }

    /// Makes reserved memory readable and writable; what was never touched is zero. False where the system refuses.
    pub(crate) fn commit(range: Range<usize>) -> bool {
        protect(range, PROT_READ | PROT_WRITE)
    }

    /// Asks for large pages in a committed range: one fault for 2 MiB in place of 512. A wish: where the system has none, or is told to
    /// give none, nothing changes.
    pub(crate) fn use_large_pages(range: Range<usize>) {
        #[cfg(target_os = "linux")]
        if range.start < range.end {
            // SAFETY: the range is within what `reserve` took, and the advice changes neither its content nor its access.
            unsafe { libc::madvise(range.start as *mut _, range.end - range.start, libc::MADV_HUGEPAGE) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }

    /// Closes pages of a committed range: what they held is gone, and whoever touches them faults. No mapping changes. False where the system
    /// cannot: Linux before 6.13, locked memory.
    pub(crate) fn close_pages(range: Range<usize>) -> bool {
        const MADV_GUARD_INSTALL: i32 = 102;
        // SAFETY: as in `protect`; the content is the caller's to throw away.
        cfg!(target_os = "linux") && unsafe { advise(range, MADV_GUARD_INSTALL) }
    }

    /// Opens pages again that [`close_pages`] has closed: they read as zero.
    pub(crate) fn open_pages(range: Range<usize>) -> bool {
        const MADV_GUARD_REMOVE: i32 = 103;
        // SAFETY: as in `protect`; what is open in it stays as it is.
        cfg!(target_os = "linux") && unsafe { advise(range, MADV_GUARD_REMOVE) }
    }

    /// # Safety
    /// - The range is within what `reserve` took, and the advice does nothing that somebody relies on not being done.
    unsafe fn advise(range: Range<usize>, advice: i32) -> bool {
        // SAFETY: the caller's promise.
        unsafe { libc::madvise(range.start as *mut _, range.end - range.start, advice) == 0 }
    }

    /// Takes access and pages away again.
    pub(crate) fn decommit(range: Range<usize>) {
        if range.start >= range.end {
            return;
        }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | libc::MAP_FIXED;
        // A new mapping over the old one, not mprotect: it merges with its neighbours even where `move_pages` left one that
        // never would, and the number of mappings is limited.
        // SAFETY: as in `protect`; replaced in one step, so that no other mapping can come in between.
        let at = unsafe { libc::mmap(range.start as *mut _, range.end - range.start, PROT_NONE, flags, -1, 0) };
        if at == MAP_FAILED {
            discard(range.clone());
            protect(range, PROT_NONE);
        }
    }

    /// Gives the pages back and keeps the access: the memory is zero from here on.
    pub(crate) fn discard(range: Range<usize>) {
        if range.start < range.end {
            // SAFETY: as in `protect`; the content is the caller's to throw away.
            let done =
                unsafe { libc::madvise(range.start as *mut _, range.end - range.start, libc::MADV_DONTNEED) == 0 };
            if !done {
                // Locked pages (`mlockall`) stay. The promise is zeros, so write them.
                // SAFETY: the range is committed by contract of the callers that rely on its content.
                unsafe { std::ptr::write_bytes(range.start as *mut u8, 0, range.end - range.start) };
            }
        }
    }

    /// Moves the pages of `from` to `to` without copying them. `from` keeps its access and reads as zero afterwards.
    /// False where the system cannot; nothing has changed then.
    #[cfg(target_os = "linux")]
    pub(crate) fn move_pages(from: Range<usize>, to: usize) -> bool {
        const MREMAP_DONTUNMAP: i32 = 4;
        let len = from.end - from.start;
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | MREMAP_DONTUNMAP;
        // SAFETY: both ranges are the caller's, page-aligned and apart. With DONTUNMAP `from` stays mapped, so that no
        // other thread's mmap can slip into the hole.
        unsafe { libc::mremap(from.start as *mut _, len, len, flags, to as *mut libc::c_void) != MAP_FAILED }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn move_pages(_from: Range<usize>, _to: usize) -> bool {
        false
    }

    /// Calls `f` with each page of the range that holds something, until it says false.
    /// Untouched pages are left out where the system can tell, so that looking does not bring them in.
    pub(crate) fn for_each_touched(range: Range<usize>, mut f: impl FnMut(usize) -> bool) {
        let mut present = [1u8; 512];
        let mut at = range.start;
        while at < range.end {
            let pages = ((range.end - at) / PAGE).clamp(1, present.len());
            // SAFETY: the array has a byte for each page asked about.
            #[cfg(target_os = "linux")]
            let told = unsafe { libc::mincore(at as *mut _, pages * PAGE, present.as_mut_ptr()) == 0 };
            #[cfg(not(target_os = "linux"))]
            let told = false;
            for (i, page) in present.iter().take(pages).enumerate() {
                if (!told || page & 1 != 0) && !f(at + i * PAGE) {
                    return;
                }
            }
            at += pages * PAGE;
        }
    }

    /// How many mappings the system lets a process have. Read without allocating.
    #[cfg(target_os = "linux")]
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
    #[cfg(target_os = "linux")]
    const USUAL_MAPPINGS: usize = 65_530;

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn most_mappings() -> usize {
        0
    }

    /// Bytes of address space that this process may take, where that is limited.
    pub(crate) fn address_space_limit() -> Option<usize> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: writes into the struct given.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) == 0 };
        (known && limit.rlim_cur != libc::RLIM_INFINITY).then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
    }
}

#[cfg(not(unix))]
mod os {
    use super::{Before, Range};
    pub(crate) fn reserve(_len: usize, _align: usize, _before: Before) -> Option<usize> {
        None
    }
    pub(crate) fn release(_range: Range<usize>) {}
    pub(crate) fn commit(_range: Range<usize>) -> bool {
        false
    }
    pub(crate) fn use_large_pages(_range: Range<usize>) {}
    pub(crate) fn decommit(_range: Range<usize>) {}
    pub(crate) fn close_pages(_range: Range<usize>) -> bool {
        false
    }
    pub(crate) fn open_pages(_range: Range<usize>) -> bool {
        false
    }
    pub(crate) fn discard(_range: Range<usize>) {}
    pub(crate) fn move_pages(_from: Range<usize>, _to: usize) -> bool {
        false
    }
    pub(crate) fn for_each_touched(_range: Range<usize>, _f: impl FnMut(usize) -> bool) {}
    pub(crate) fn address_space_limit() -> Option<usize> {
        None
    }
    pub(crate) fn most_mappings() -> usize {
        0
    }
}

pub(crate) use os::*;

/// Has the processor fetch what lies at an address, which is to be used soon. A wish: whatever the address, nothing faults.
#[inline(always)]
pub(crate) fn prefetch(address: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; SSE is part of the architecture.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Reserves as much as there is, `most` halved until the system permits it, and an eighth at most of an address space that is limited: where
/// it begins, and how long it is. `None` where not even `least` is to be had.
pub(crate) fn reserve_up_to(most: usize, least: usize, align: usize) -> Option<(usize, usize)> {
    let ceiling = address_space_limit().map_or(most, |limit| limit / 8);
    let mut len = most;
    while len > ceiling.max(least) {
        len /= 2;
    }
    while len >= least {
        if let Some(start) = reserve(len, align, Before::Nothing) {
            return Some((start, len));
        }
        len /= 2;
    }
    None
}
