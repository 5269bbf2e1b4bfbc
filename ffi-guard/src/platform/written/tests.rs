//! On this machine's kernel; where it has no such interface, there is nothing to test but that it is said to be absent.

use std::ops::Range;

use super::{PAGE, Tracking, Unknown, identity};
use crate::platform::memory::{self, Before};

const NONE: [usize; 0] = [];

/// Committed pages of the test's own.
struct Pages(Range<usize>);

impl Pages {
    fn new(count: usize) -> Pages {
        let start = memory::reserve(count * PAGE, PAGE, Before::Nothing).unwrap();
        let pages = Pages(start..start + count * PAGE);
        assert!(memory::commit(pages.0.clone()));
        (0..count).for_each(|page| pages.write(page));
        pages
    }

    fn address(&self, page: usize) -> usize {
        self.0.start + page * PAGE
    }

    fn write(&self, page: usize) {
        // SAFETY: a committed page of this test.
        unsafe { (self.address(page) as *mut u8).write_volatile(1) };
    }

    /// The pages that were written, by number.
    fn written(&self, tracking: &Tracking) -> Vec<usize> {
        let mut pages = Vec::new();
        let mut visit = |range: Range<usize>| pages.extend(range.step_by(PAGE).map(|at| (at - self.0.start) / PAGE));
        tracking.written(self.0.clone(), &mut visit).unwrap();
        pages
    }

    fn count(&self) -> usize {
        self.0.len() / PAGE
    }

    fn all(&self) -> Vec<usize> {
        (0..self.count()).collect()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        memory::release(self.0.clone());
    }
}

/// `None`, and said, where this kernel has no such interface.
fn tracking() -> Option<Tracking> {
    let tracking = Tracking::start();
    if tracking.is_none() {
        println!("not tested: this kernel, or what confines this process, has no write tracking");
    }
    tracking
}

#[test]
fn a_page_is_written_until_it_was_asked_about() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(16);
    assert_eq!(pages.written(&tracking), pages.all(), "not tracked before");
    assert_eq!(pages.written(&tracking), NONE);
    pages.write(3);
    pages.write(4);
    pages.write(15);
    assert_eq!(pages.written(&tracking), [3, 4, 15]);
    assert_eq!(pages.written(&tracking), NONE);
    pages.write(3);
    assert_eq!(pages.written(&tracking), [3]);
    assert!(tracking.is_whole());
}

#[test]
fn what_the_kernel_writes_is_written() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(4);
    pages.written(&tracking);
    let mut ends = [0; 2];
    // SAFETY: two places for two numbers; then a byte of ours goes in at one end and out at the other.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        assert_eq!(libc::write(ends[1], c"x".as_ptr().cast(), 1), 1);
        assert_eq!(libc::read(ends[0], (pages.address(2) + 8) as *mut _, 1), 1);
        libc::close(ends[0]);
        libc::close(ends[1]);
    }
    assert_eq!(pages.written(&tracking), [2]);
}

#[test]
fn more_regions_than_one_scan_has_room_for() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(3000);
    pages.written(&tracking);
    let odd: Vec<usize> = (0..1500).map(|page| page * 2 + 1).collect();
    odd.iter().for_each(|&page| pages.write(page));
    assert_eq!(pages.written(&tracking), odd);
}

#[test]
fn memory_that_was_mapped_anew_counts_as_written() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(8);
    pages.written(&tracking);
    // Taken away and given back, as the heap does with its large blocks: content gone, registration gone.
    memory::decommit(pages.address(2)..pages.address(4));
    assert!(memory::commit(pages.address(2)..pages.address(4)));
    // A page was written before the part that has no registration: the scan that ends with an error must not swallow it.
    pages.write(0);
    assert_eq!(pages.written(&tracking), pages.all());
    pages.write(3);
    assert_eq!(pages.written(&tracking), [3], "tracked again");
}

#[test]
fn memory_that_was_moved_here_counts_as_written() {
    let Some(tracking) = tracking() else { return };
    let (from, to) = (Pages::new(4), Pages::new(4));
    from.written(&tracking);
    to.written(&tracking);
    assert!(memory::move_pages(from.0.clone(), to.0.start));
    assert_eq!(to.written(&tracking), to.all());
    assert_eq!(to.written(&tracking), NONE);
    assert_eq!(from.written(&tracking), from.all());
}

#[test]
fn memory_that_the_program_tracks_itself_is_refused() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(4);
    let page = pages.address(3)..pages.address(3) + PAGE;
    let theirs = Tracking::start().unwrap();
    assert_eq!(theirs.watch(&page), Ok(()));
    assert_eq!(tracking.watch(&page), Err(Unknown), "one would take the other's news");
    assert_eq!(tracking.watch(&(pages.0.start..page.start)), Ok(()));
    drop(theirs);
    assert_eq!(tracking.watch(&page), Ok(()));
    assert_eq!(pages.written(&tracking), pages.all());
}

/// Runs in a forked child; the result is whether `f` said true. `f` must not allocate: another thread may have been at it.
fn in_child(f: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child calls what may be called between fork and exec, and ends without destructors.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(if f() { 7 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7
    }
}

/// How many pages were written, without allocating.
fn count(tracking: &Tracking, pages: &Pages) -> Result<usize, Unknown> {
    let mut count = 0;
    tracking.written(pages.0.clone(), &mut |range| count += range.len() / PAGE)?;
    Ok(count)
}

#[test]
fn a_child_does_not_hear_of_its_parents_memory() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(4);
    pages.written(&tracking);
    assert!(in_child(|| {
        pages.write(1);
        let anew = Tracking::start();
        !tracking.is_whole()
            && anew.is_some_and(|anew| {
                let first = count(&anew, &pages);
                pages.write(2);
                anew.is_whole() && first == Ok(4) && count(&anew, &pages) == Ok(1) && count(&anew, &pages) == Ok(0)
            })
    }));
    // A child that the C library was not asked for.
    // SAFETY: a fork without its handlers; the child makes system calls only.
    unsafe {
        let child = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0);
        if child == 0 {
            libc::_exit(i32::from(tracking.is_whole()));
        }
        let mut status = 0;
        libc::waitpid(child as libc::pid_t, &raw mut status, 0);
        assert_eq!(status, 0);
    }
    pages.write(0);
    assert_eq!(pages.written(&tracking), [0], "the parent's goes on");
}

#[test]
fn closed_files_are_noticed_and_other_files_left_alone() {
    let Some(tracking) = tracking() else { return };
    let pages = Pages::new(4);
    assert_eq!(pages.written(&tracking), pages.all());
    assert!(in_child(|| {
        let Some(own) = Tracking::start() else { return false };
        if count(&own, &pages) != Ok(4) {
            return false;
        }
        // SAFETY: a child with nothing but this in it.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
        let closed = !own.is_whole() && count(&own, &pages) == Err(Unknown);
        // Others come to the numbers, and stay when the tracking goes.
        // SAFETY: as above.
        let others =
            unsafe { (0..own.protection.number.max(own.pagemap.number)).filter(|_| libc::dup(0) >= 0).count() };
        let replaced = !own.is_whole() && count(&own, &pages) == Err(Unknown);
        let numbers = [own.protection.number, own.pagemap.number];
        drop(own);
        let left_alone = others > 0 && numbers.iter().all(|&number| identity(number) == identity(0));
        // And it can begin again.
        let anew = Tracking::start();
        closed && replaced && left_alone && anew.is_some_and(|anew| count(&anew, &pages) == Ok(4))
    }));
}

#[test]
fn nothing_is_left_open() {
    let Some(first) = tracking() else { return };
    let pages = Pages::new(4);
    let numbers = (first.pagemap.number, first.protection.number);
    assert!(in_child(|| {
        let again = |_| {
            let Some(own) = Tracking::start() else { return (0, 0) };
            let _ = count(&own, &pages);
            (own.pagemap.number, own.protection.number)
        };
        let mut all = (0..100).map(again);
        let of_child = all.next();
        all.all(|numbers| Some(numbers) == of_child)
    }));
    assert_ne!(numbers.0, numbers.1);
}

#[test]
fn refusals_are_noticed_at_the_start() {
    // SAFETY: in a child, system calls only.
    assert!(in_child(|| unsafe {
        // The file belongs to root then, and a process with that power may open it all the same.
        libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534);
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && Tracking::start().is_none()
    }));
    // SAFETY: as above.
    assert!(in_child(|| unsafe { refuse(libc::SYS_userfaultfd) && Tracking::start().is_none() }));
    // SAFETY: as above.
    assert!(in_child(|| unsafe { refuse(libc::SYS_ioctl) && Tracking::start().is_none() }));
}

#[test]
fn a_process_without_proc_has_none() {
    // SAFETY: in a child, system calls only.
    let hidden = in_child(|| unsafe {
        let none = std::ptr::null();
        let apart = libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()) == 0
            && libc::mount(c"none".as_ptr(), c"/proc".as_ptr(), c"tmpfs".as_ptr(), 0, none.cast()) == 0;
        apart && Tracking::start().is_none()
    });
    // SAFETY: no precondition.
    let may_mount = unsafe { libc::geteuid() == 0 };
    if may_mount {
        assert!(hidden);
    } else {
        println!("not tested: only root may mount over /proc");
    }
}

/// Has a system call answer `EPERM`, as sandboxes do.
///
/// # Safety
/// - A forked child, which ends soon.
unsafe fn refuse(call: libc::c_long) -> bool {
    let statement = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the caller's promise; the program is four statements, as it says.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}
