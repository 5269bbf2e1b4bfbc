//! Address space by `mmap`.

use std::ops::Range;

use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE};

pub(crate) use crate::platform::other::memory::{
    CAN_MOVE_PAGES, LARGE_PAGE, address_space_taken, close_pages, for_each_touched, most_mappings, move_pages,
    open_pages, use_large_pages,
};

/// The smallest page of any kernel.
const LEAST_PAGE: usize = 4096;

/// Takes `len` bytes of address space at a multiple of `align`, a power of two. They have no access
/// yet: what can be read may be locked in memory, all of it.
pub(crate) fn reserve(len: usize, align: usize) -> Option<usize> {
    // `PAGE` is the largest page that the processor's kernels have, and they map at multiples of
    // their own.
    let room = if align > LEAST_PAGE { len.checked_add(align)? } else { len };
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // SAFETY: a new mapping wherever the kernel likes touches nothing that exists.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), room, PROT_NONE, flags, -1, 0) };
    if at == MAP_FAILED {
        return None;
    }
    let at = at as usize;
    let start = at.wrapping_add(align - 1) & !(align - 1);
    release(at..start);
    release(start + len..at + room);
    Some(start)
}

/// Gives address space back to the system that [`reserve`] took.
pub(crate) fn release(range: Range<usize>) {
    if range.start < range.end {
        // SAFETY: the caller owns the range, and nothing reaches into it any more.
        unsafe { libc::munmap(range.start as *mut _, range.end - range.start) };
    }
}

fn protect(range: Range<usize>, prot: i32) -> bool {
    if range.start >= range.end {
        return true;
    }
    // SAFETY: the range is within a mapping of `reserve`; no Rust reference points into a part that
    // loses its access.
    unsafe { libc::mprotect(range.start as *mut _, range.end - range.start, prot) == 0 }
}

/// Makes reserved memory readable and writable; untouched bytes are zero. False if the system
/// refuses.
pub(crate) fn commit(range: Range<usize>) -> bool {
    protect(range, PROT_READ | PROT_WRITE)
}

/// Takes access and pages away again.
pub(crate) fn decommit(range: Range<usize>) {
    if range.start >= range.end {
        return;
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | libc::MAP_FIXED;
    // A new mapping over the old one, not mprotect: it merges with its neighbours even if
    // `move_pages` left one that never would, and the number of mappings is limited.
    // SAFETY: the range is within a mapping of `reserve`, and no Rust reference points into it; it
    // is replaced in one step, so that no other mapping can come in between.
    let at = unsafe { libc::mmap(range.start as *mut _, range.end - range.start, PROT_NONE, flags, -1, 0) };
    if at == MAP_FAILED {
        discard(range.clone());
        protect(range, PROT_NONE);
    }
}

/// Gives the pages back and keeps the access: the memory is zero from here on.
pub(crate) fn discard(range: Range<usize>) {
    if range.start < range.end && !(if cfg!(target_os = "linux") { drop_pages(&range) } else { map_over(&range) }) {
        // Locked pages (`mlockall`) stay. The promise is zeros, so write them.
        // SAFETY: callers that rely on the content pass a committed range.
        unsafe { std::ptr::write_bytes(range.start as *mut u8, 0, range.end - range.start) };
    }
}

/// Has the pages read as zero: what the advice promises on Linux alone.
fn drop_pages(range: &Range<usize>) -> bool {
    // SAFETY: the range is within a mapping of `reserve`, and the caller gives its content up.
    unsafe { libc::madvise(range.start as *mut _, range.end - range.start, libc::MADV_DONTNEED) == 0 }
}

/// Puts new pages in their place: elsewhere the advice may leave the content as it is.
fn map_over(range: &Range<usize>) -> bool {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | libc::MAP_FIXED;
    let access = PROT_READ | PROT_WRITE;
    // SAFETY: the range is within a mapping of `reserve`, its access is this one, and the caller
    // gives its content up; it is replaced in one step.
    unsafe { libc::mmap(range.start as *mut _, range.end - range.start, access, flags, -1, 0) != MAP_FAILED }
}

/// Bytes of address space that this process may take, if that is limited.
pub(crate) fn address_space_limit() -> Option<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes into the struct given.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) == 0 };
    (known && limit.rlim_cur != libc::RLIM_INFINITY).then(|| usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::memory::PAGE;

    #[test]
    fn what_is_reserved_is_mapped_to_its_end_wherever_the_kernel_put_it() {
        // An odd number of pages for each, so that the kernel's next place is no multiple of the
        // alignment.
        for align in [PAGE, 16 * PAGE, 1 << 21] {
            let ranges: Vec<Range<usize>> = (1..20)
                .map(|i| {
                    let at = reserve(PAGE, align).unwrap();
                    // SAFETY: a new mapping, of the smallest page.
                    unsafe {
                        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
                        libc::mmap(std::ptr::null_mut(), i * LEAST_PAGE, PROT_NONE, flags, -1, 0)
                    };
                    at..at + PAGE
                })
                .collect();
            for range in &ranges {
                assert!(range.start.is_multiple_of(align) && commit(range.clone()));
                // SAFETY: committed, and this function's own.
                unsafe { std::slice::from_raw_parts_mut(range.start as *mut u8, PAGE).fill(1) };
            }
            assert!(
                ranges.iter().all(|range| ranges
                    .iter()
                    .filter(|other| other.start < range.end && range.start < other.end)
                    .count()
                    == 1)
            );
            ranges.into_iter().for_each(release);
        }
    }

    #[test]
    fn discarded_memory_is_zero_and_open_by_either_way() {
        for way in [drop_pages, map_over] {
            let at = reserve(PAGE * 4, PAGE).unwrap();
            let range = at..at + PAGE * 4;
            assert!(commit(range.clone()));
            // SAFETY: committed above, and no one else's.
            let bytes = unsafe { std::slice::from_raw_parts_mut(at as *mut u8, PAGE * 4) };
            bytes.fill(1);
            assert!(way(&(at + PAGE..at + 3 * PAGE)));
            let ones = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == 1).count();
            assert_eq!(ones(bytes), 2 * PAGE);
            assert_eq!(ones(&bytes[PAGE..3 * PAGE]), 0);
            bytes.fill(2);
            release(range);
        }
    }
}
