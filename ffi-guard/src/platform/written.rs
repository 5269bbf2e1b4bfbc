//! Which pages were written since the last look, told by the kernel.
//!
//! Linux from 6.7 on: `PAGEMAP_SCAN` over memory that a userfaultfd write-protects asynchronously. The first write to a
//! protected page is a fault that the kernel settles by itself (some 0.8 µs); the scan returns such pages and protects them
//! again in one step, so that no write falls between. What the kernel writes for the program (`read(2)`) counts as well.
//!
//! Whatever does not work means "read everything", never "nothing was written": an interface of the same kind (soft-dirty
//! bits) answers zeros without an error where the kernel was built without it. So a self-test comes first.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::memory::{self, Before, PAGE};
use super::thread;

/// The answer cannot be had now: everything counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// What is tracked, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Tracking {
    /// `/proc/self/pagemap`, which takes the scans.
    pagemap: File,
    /// The userfaultfd that memory is registered with. Closing it ends the registrations.
    protection: File,
    /// The process that they were opened by, and how often it had been forked from: in a child the first file would
    /// tell of the parent's memory.
    process: (libc::pid_t, u32),
}

/// Forks on the way from the first process to this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

impl Tracking {
    /// Begins, if the system has it: a test on pages of our own must come out right. Nothing is said where it does not;
    /// reading everything is as correct.
    pub(crate) fn start() -> Option<Tracking> {
        static REGISTERED: AtomicBool = AtomicBool::new(false);
        if !REGISTERED.swap(true, Ordering::Relaxed) {
            unsafe extern "C" fn nothing() {}
            unsafe extern "C" fn child() {
                FORKS.fetch_add(1, Ordering::Relaxed);
            }
            thread::at_fork(nothing, nothing, child);
        }
        let tracking = Tracking { pagemap: open_pagemap()?, protection: open_userfaultfd()?, process: process() };
        tracking.works().then_some(tracking)
    }

    /// Whether the files are still what was opened, by this process: it may have been forked, and programs close
    /// files that they did not open. Asked once before some calls of [`written`](Tracking::written).
    pub(crate) fn is_whole(&self) -> bool {
        self.process == process() && self.pagemap.is_the_same() && self.protection.is_the_same()
    }

    /// Has writes to memory tracked that was not asked about before.
    ///
    /// # Errors
    /// [`Unknown`] where that cannot be: memory of another kind, or memory that the program has a userfaultfd of its own
    /// for. It could be scanned, but who scans takes the other's news.
    pub(crate) fn watch(&self, range: &Range<usize>) -> Result<(), Unknown> {
        if self.register(range) { Ok(()) } else { Err(Unknown) }
    }

    /// Visits the pages of `range` that were written since the last call for them, and protects them anew before. Memory that
    /// lost its tracking (mapped anew, moved here) counts as written, and is tracked from here on.
    ///
    /// `range` was watched, and is private anonymous memory, in whole pages. Pages that were given back (`MADV_DONTNEED`) and not
    /// touched since are not visited, though they hold zeros now. Pages may be visited that were only read for the first
    /// time.
    ///
    /// # Errors
    /// [`Unknown`] where the interface fails: any page may have been written, also among those already visited.
    pub(crate) fn written(&self, range: Range<usize>, visit: &mut dyn FnMut(Range<usize>)) -> Result<(), Unknown> {
        match self.scan(range.clone(), visit) {
            Err(libc::EPERM) => {}
            other => return other.map_err(|_| Unknown),
        }
        // A part is not registered. The scan may have protected pages before it came to that part, and what it found
        // is lost with the error: all of the range counts as written.
        if self.register(&range) {
            // Protected before it is read; from here on a write is seen the next time. If this fails, it is all as it was.
            self.scan(range.clone(), &mut |_| {}).map_err(|_| Unknown)?;
        }
        visit(range);
        Ok(())
    }

    /// One pass over the range; an error is the system's number.
    fn scan(&self, range: Range<usize>, visit: &mut dyn FnMut(Range<usize>)) -> Result<(), i32> {
        let mut regions = [Region::default(); 256];
        let mut start = range.start;
        while start < range.end {
            let mut scan = Scan {
                size: size_of::<Scan>() as u64,
                flags: PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
                start: start as u64,
                end: range.end as u64,
                regions: regions.as_mut_ptr().expose_provenance() as u64,
                regions_len: regions.len() as u64,
                category_mask: PAGE_IS_WRITTEN,
                return_mask: PAGE_IS_WRITTEN,
                ..Scan::default()
            };
            // SAFETY: the struct is the kernel's, of the size that it says; `regions` is a live array of that length.
            let found = unsafe { libc::ioctl(self.pagemap.number, PAGEMAP_SCAN as _, &raw mut scan) };
            let Ok(found) = usize::try_from(found) else { return Err(last_error()) };
            for region in regions.iter().take(found) {
                visit(region.start as usize..region.end as usize);
            }
            let end = scan.walk_end as usize;
            if end <= start {
                return Err(libc::EIO);
            }
            start = end;
        }
        Ok(())
    }

    fn register(&self, range: &Range<usize>) -> bool {
        let mut register = Register {
            start: range.start as u64,
            len: (range.end - range.start) as u64,
            mode: UFFDIO_REGISTER_MODE_WP,
            ioctls: 0,
        };
        // SAFETY: the struct is the kernel's. Asynchronous protection changes nothing that the program can see.
        unsafe { libc::ioctl(self.protection.number, UFFDIO_REGISTER as _, &raw mut register) == 0 }
    }

    /// The self-test: a page written to, one left alone, one written by the kernel.
    fn works(&self) -> bool {
        let Some(start) = memory::reserve(3 * PAGE, PAGE, Before::Nothing) else { return false };
        let pages = start..start + 3 * PAGE;
        let right = memory::commit(pages.clone()) && self.works_on(&pages);
        memory::release(pages);
        right
    }

    fn works_on(&self, pages: &Range<usize>) -> bool {
        let write = |page: usize| {
            // SAFETY: three committed pages that are nobody else's.
            unsafe { ((pages.start + page * PAGE) as *mut u8).write_volatile(1) };
        };
        let read_into = |page: usize| {
            let into = (pages.start + page * PAGE) as *mut libc::c_void;
            // SAFETY: as above; the file gives eight bytes for each page of the process.
            unsafe { libc::pread(self.pagemap.number, into, 8, 0) == 8 }
        };
        let told = |expected: &[usize]| {
            let mut left = expected.iter();
            let mut right = true;
            let scanned = self.scan(pages.clone(), &mut |region| {
                for page in region.step_by(PAGE) {
                    right &= left.next().is_some_and(|expected| pages.start + expected * PAGE == page);
                }
            });
            scanned.is_ok() && right && left.next().is_none()
        };
        (0..3).for_each(write);
        // Not registered yet: the scan must refuse, or it would never tell of memory that lost its registration.
        self.scan(pages.clone(), &mut |_| {}) == Err(libc::EPERM)
            && self.register(pages)
            && told(&[0, 1, 2])
            && told(&[])
            && {
                write(0);
                read_into(2)
            }
            && told(&[0, 2])
            && told(&[])
    }
}

fn process() -> (libc::pid_t, u32) {
    // SAFETY: no precondition.
    (unsafe { libc::getpid() }, FORKS.load(Ordering::Relaxed))
}

/// An open file that is closed at the end, unless its number is another file's by then.
#[derive(Debug)]
struct File {
    number: libc::c_int,
    identity: (u64, u64),
}

impl File {
    fn new(number: libc::c_int) -> Option<File> {
        if number < 0 {
            return None;
        }
        let identity = identity(number);
        if identity.is_none() {
            // SAFETY: opened just now.
            unsafe { libc::close(number) };
        }
        Some(File { number, identity: identity? })
    }

    fn is_the_same(&self) -> bool {
        identity(self.number) == Some(self.identity)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.is_the_same() {
            // SAFETY: still the file that was opened here.
            unsafe { libc::close(self.number) };
        }
    }
}

/// Device and inode: what is at this number.
fn identity(number: libc::c_int) -> Option<(u64, u64)> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: there is room for what is written; any number may be asked about.
    if unsafe { libc::fstat(number, stat.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: `fstat` succeeded.
    let stat = unsafe { stat.assume_init() };
    Some((stat.st_dev, stat.st_ino))
}

fn open_pagemap() -> Option<File> {
    // SAFETY: a C string.
    File::new(unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })
}

fn open_userfaultfd() -> Option<File> {
    const UFFD_USER_MODE_ONLY: libc::c_int = 1;
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | UFFD_USER_MODE_ONLY;
    // SAFETY: flags, and nothing else.
    let number = unsafe { libc::syscall(libc::SYS_userfaultfd, flags) };
    let file = File::new(libc::c_int::try_from(number).ok()?)?;
    let mut api = Api { api: 0xAA, features: UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED, ioctls: 0 };
    // SAFETY: the struct is the kernel's.
    let agreed = unsafe { libc::ioctl(file.number, UFFDIO_API as _, &raw mut api) == 0 };
    agreed.then_some(file)
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// `struct pm_scan_arg`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    /// Where it stopped, filled in.
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `struct uffdio_api`.
#[derive(Debug)]
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[derive(Debug)]
#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

/// The number of a request: both ways, so many bytes, of this kind. As on x86 and ARM; an architecture that counts otherwise
/// fails the self-test.
const fn request(kind: u8, number: u8, size: usize) -> u32 {
    3 << 30 | (size as u32) << 16 | (kind as u32) << 8 | number as u32
}

const PAGEMAP_SCAN: u32 = request(b'f', 16, size_of::<Scan>());
const PM_SCAN_WP_MATCHING: u64 = 1 << 0;
const PM_SCAN_CHECK_WPASYNC: u64 = 1 << 1;
const PAGE_IS_WRITTEN: u64 = 1 << 1;
const UFFDIO_API: u32 = request(0xAA, 0x3F, size_of::<Api>());
const UFFDIO_REGISTER: u32 = request(0xAA, 0x00, size_of::<Register>());
const UFFDIO_REGISTER_MODE_WP: u64 = 1 << 1;
/// Without it the kernel protects no page of anonymous memory that was never touched, and refuses the scan.
const UFFD_FEATURE_WP_UNPOPULATED: u64 = 1 << 13;
const UFFD_FEATURE_WP_ASYNC: u64 = 1 << 15;

const _: () = assert!(size_of::<Scan>() == 96 && size_of::<Region>() == 24 && size_of::<usize>() == 8);

#[cfg(test)]
#[path = "written/tests.rs"]
mod tests;
