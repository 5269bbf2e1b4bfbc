//! Linux's own calls on address space, beyond POSIX.

use std::ffi::CStr;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use libc::MAP_FAILED;

use crate::platform::memory::PAGE;
pub(crate) use crate::platform::unix::memory::{address_space_limit, commit, decommit, discard, release, reserve};

/// Bytes that the kernel may back with memory in one step if it is asked to ([`use_large_pages`]);
/// 0 if it is not asked.
pub(crate) const LARGE_PAGE: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 0 };

/// Asks for large pages in a committed range: one fault for 2 MiB in place of 512. A hint: if the
/// system has none, or may give none, nothing changes.
pub(crate) fn use_large_pages(range: Range<usize>) {
    if range.start < range.end {
        // SAFETY: the range is within a mapping of `reserve`, and the advice changes neither its
        // content nor its access.
        unsafe { libc::madvise(range.start as *mut _, range.end - range.start, libc::MADV_HUGEPAGE) };
    }
}

/// Whether [`move_pages`] may succeed.
pub(crate) const CAN_MOVE_PAGES: bool = true;

const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;

/// Closes pages of a committed range: their content is gone, and a touch faults. No mapping
/// changes. False if the system cannot: Linux before 6.13, locked memory, an emulator that takes
/// any advice and follows none.
pub(crate) fn close_pages(range: Range<usize>) -> bool {
    // SAFETY: the range is within a mapping of `reserve`, and the caller gives its content up.
    advice_is_followed() && unsafe { advise(range, MADV_GUARD_INSTALL) }
}

/// What the system was found to do, or not to do, once it was tried.
#[derive(Debug)]
struct Tried(AtomicU8);

impl Tried {
    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;

    const fn not_yet() -> Tried {
        Tried(AtomicU8::new(Tried::UNKNOWN))
    }

    /// Whether the system does it: tried, on `PAGES` pages reserved for that, by the first who
    /// asks. `attempt` gets the address of the pages, which are committed, and does not allocate.
    fn is_done<const PAGES: usize>(&self, attempt: impl FnOnce(usize) -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            Tried::UNKNOWN => {}
            known => return known == Tried::YES,
        }
        let Some(at) = reserve(PAGES * PAGE, PAGE) else { return false };
        let pages = at..at + PAGES * PAGE;
        let done = commit(pages.clone()) && attempt(at);
        release(pages);
        self.0.store(if done { Tried::YES } else { Tried::NO }, Ordering::Relaxed);
        done
    }
}

/// True if a page that was closed and opened again has lost its content, which it does where it was
/// closed.
fn advice_is_followed() -> bool {
    static FOLLOWED: Tried = Tried::not_yet();
    FOLLOWED.is_done::<1>(|at| {
        let place = at as *mut u8;
        // SAFETY: the page is committed and known here alone; it is written while it is open.
        unsafe {
            place.write_volatile(1);
            advise(at..at + PAGE, MADV_GUARD_INSTALL)
                && advise(at..at + PAGE, MADV_GUARD_REMOVE)
                && place.read_volatile() == 0
        }
    })
}

/// True if a page that has moved away leaves an accessible one behind. Kernels before 5.7 do not
/// know the flag for that; QEMU's user mode passes it on and takes the access all the same.
fn a_move_leaves_access() -> bool {
    static LEFT: Tried = Tried::not_yet();
    LEFT.is_done::<2>(|at| {
        let mut present = [0_u8; 1];
        let asked = super::mapped::page_size().min(PAGE);
        // SAFETY: the page is committed and known here alone. It is asked about, and not read: it
        // may be gone.
        unsafe {
            (at as *mut u8).write_volatile(1);
            remap(at..at + PAGE, at + PAGE) && libc::mincore(at as *mut _, asked, present.as_mut_ptr()) == 0
        }
    })
}

/// Opens pages again that [`close_pages`] has closed: they read as zero.
pub(crate) fn open_pages(range: Range<usize>) -> bool {
    // SAFETY: the range is within a mapping of `reserve`, and its open pages stay as they are.
    unsafe { advise(range, MADV_GUARD_REMOVE) }
}

/// Gives the kernel advice on a range. True if it takes it.
///
/// # Safety
/// - The range is within a mapping of `reserve`, and nothing relies on what the advice changes.
unsafe fn advise(range: Range<usize>, advice: i32) -> bool {
    // SAFETY: the caller passes a range of a mapping of `reserve`, and relies on nothing that the
    // advice changes.
    unsafe { libc::madvise(range.start as *mut _, range.end - range.start, advice) == 0 }
}

/// Moves the pages of `from` to `to` without copying them. `from` keeps its access and reads as
/// zero afterwards. False if the system cannot; `from` has not changed then, and what was at `to`
/// is as it was or zero.
pub(crate) fn move_pages(from: Range<usize>, to: usize) -> bool {
    if !a_move_leaves_access() {
        return false;
    }
    let len = from.end - from.start;
    // SAFETY: the caller owns both ranges, which are page-aligned and do not overlap.
    let moved = unsafe { remap(from, to) };
    if !moved {
        fill_hole(to, len);
    }
    moved
}

/// Has the pages of `from` appear at `to`, in place of those that are there.
///
/// # Safety
/// - The caller owns both ranges, which are page-aligned and do not overlap.
unsafe fn remap(from: Range<usize>, to: usize) -> bool {
    const MREMAP_DONTUNMAP: i32 = 4;
    let len = from.end - from.start;
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED | MREMAP_DONTUNMAP;
    // SAFETY: the caller's promise. With DONTUNMAP `from` stays mapped, so that no other thread's
    // mmap can slip into the hole.
    unsafe { libc::mremap(from.start as *mut _, len, len, flags, to as *mut libc::c_void) != MAP_FAILED }
}

/// Maps what the kernel may have unmapped before it refused to move pages there: `from` lies in
/// more than one mapping, or there are too many of them. Nothing happens if it has not.
#[cold]
fn fill_hole(at: usize, len: usize) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: a new mapping, and only where there is none. Kernels that do not know the last flag
    // may map elsewhere, which is undone.
    unsafe {
        let new = libc::mmap(at as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if new != MAP_FAILED && new as usize != at {
            libc::munmap(new, len);
        }
    }
}

/// Calls `f` with each [`PAGE`] of the range that has content, until it says false. Untouched ones
/// are left out if the system can recognise them, so that looking does not bring them in.
pub(crate) fn for_each_touched(range: Range<usize>, mut f: impl FnMut(usize) -> bool) {
    let mut present = [1u8; 512];
    // The system's pages in one of ours, as on 64-bit ARM, where most systems have pages of 4 KiB.
    let parts = PAGE.div_ceil(super::mapped::page_size()).min(present.len());
    let mut at = range.start;
    while at < range.end {
        let pages = ((range.end - at) / PAGE).clamp(1, present.len() / parts);
        // SAFETY: the array has a byte for each of the system's pages that is asked about: `parts`
        // for each of ours, and no more than that if the system's are smaller.
        let told = unsafe { libc::mincore(at as *mut _, pages * PAGE, present.as_mut_ptr()) == 0 };
        for (i, page) in present.chunks(parts).take(pages).enumerate() {
            if (!told || page.iter().any(|part| part & 1 != 0)) && !f(at + i * PAGE) {
                return;
            }
        }
        at += pages * PAGE;
    }
}

/// The number of mappings that the system lets a process have. Read without allocating.
pub(crate) fn most_mappings() -> usize {
    number_in(c"/proc/sys/vm/max_map_count").unwrap_or(USUAL_MAPPINGS)
}

/// The kernel's default.
const USUAL_MAPPINGS: usize = 65_530;

/// Bytes of address space that this process has taken, reservations included; 0 if that is not
/// known. Read without allocating.
pub(crate) fn address_space_taken() -> usize {
    // SAFETY: no precondition; answered from what the kernel passed at the start.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE);
    number_in(c"/proc/self/statm").unwrap_or(0).saturating_mul(page)
}

/// The number that a file of the kernel's begins with.
fn number_in(file: &CStr) -> Option<usize> {
    let mut text = [0_u8; 24];
    // SAFETY: a C string; a live buffer and its length; closed once.
    let len = unsafe {
        let file = libc::open(file.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let len = if file < 0 { 0 } else { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
        libc::close(file);
        len
    };
    let text = text.get(..usize::try_from(len).ok()?)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_with_content_are_found_and_no_others() {
        let len = PAGE * 700;
        let at = reserve(len, PAGE).unwrap();
        assert!(commit(at..at + len));
        let touched: Vec<usize> = [0, 3, 511, 512, 513, 699].map(|page| at + page * PAGE).to_vec();
        // SAFETY: committed above, and no one else's.
        touched.iter().for_each(|&page| unsafe { (page as *mut u8).add(PAGE - 1).write(1) });
        let mut found = Vec::new();
        for_each_touched(at..at + len, |page| {
            found.push(page);
            true
        });
        assert_eq!(found, touched);
        release(at..at + len);
    }

    #[test]
    fn a_move_that_is_refused_leaves_no_hole() {
        let at = reserve(PAGE * 8, PAGE).unwrap();
        // Two mappings where the pages come from: an open one, and one without access.
        assert!(commit(at..at + PAGE) && commit(at + 4 * PAGE..at + 8 * PAGE));
        let to = at + 5 * PAGE;
        // SAFETY: committed above, and no one else's.
        unsafe { (at as *mut u8).write_volatile(3) };
        if !move_pages(at..at + 2 * PAGE, to) {
            // SAFETY: as above.
            unsafe {
                assert_eq!((at as *mut u8).read_volatile(), 3);
                (to as *mut u8).write_volatile(1);
                ((to + PAGE) as *mut u8).write_volatile(1);
            }
        }
        release(at..at + PAGE * 8);
    }

    #[test]
    fn where_pages_have_moved_away_there_is_access_and_nothing_else() {
        let at = reserve(PAGE * 4, PAGE).unwrap();
        assert!(commit(at..at + PAGE * 4));
        // SAFETY: committed above, and no one else's.
        unsafe {
            ((at + PAGE) as *mut u8).write_volatile(3);
            if move_pages(at..at + PAGE * 2, at + PAGE * 2) {
                assert_eq!(((at + PAGE * 3) as *mut u8).read_volatile(), 3);
                assert_eq!(((at + PAGE) as *mut u8).read_volatile(), 0);
                ((at + PAGE) as *mut u8).write_volatile(4);
            }
        }
        release(at..at + PAGE * 4);
    }

    #[test]
    fn a_closed_page_is_believed_where_closing_empties_it() {
        let at = reserve(PAGE, PAGE).unwrap();
        assert!(commit(at..at + PAGE));
        // SAFETY: committed above, and no one else's.
        unsafe { (at as *mut u8).write_volatile(1) };
        if close_pages(at..at + PAGE) {
            assert!(open_pages(at..at + PAGE));
            // SAFETY: open again.
            assert_eq!(unsafe { (at as *mut u8).read_volatile() }, 0);
        }
        release(at..at + PAGE);
    }
}
