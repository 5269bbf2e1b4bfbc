//! The number of blocks on pages of their own at level 3: limited by memory if the kernel has guard
//! regions (Linux 6.13), and by half of the allowed mappings otherwise.
#![cfg(target_os = "linux")]

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use c_fixtures::paged as c;
use ffi_guard::GuardAlloc;
use ffi_guard_tests::process::{end_if_stuck, is_child, run_self, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

const MADV_GUARD_INSTALL: i32 = 102;
const SAID: &str = "blocks have pages of their own";

/// True if the kernel has guard regions.
fn has_guard_regions() -> bool {
    let (len, prot) = (4096, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a mapping of this function's own.
    unsafe {
        let page = libc::mmap(std::ptr::null_mut(), len, prot, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        let has = libc::madvise(page, len, MADV_GUARD_INSTALL) == 0;
        libc::munmap(page, len);
        has
    }
}

/// From here on the calling thread, and any thread it starts, is told that there are no guard
/// regions, as by an older kernel, or for locked memory.
fn refuse_guard_regions() {
    let statement = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, jt, jf, k };
    let [number, advice] =
        [std::mem::offset_of!(libc::seccomp_data, nr), std::mem::offset_of!(libc::seccomp_data, args) + 16];
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let mut program = [
        statement(load, number as u32, 0, 0),
        statement(is, libc::SYS_madvise as u32, 0, 3),
        statement(load, advice as u32, 0, 0),
        statement(is, MADV_GUARD_INSTALL as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program is as long as it says, and refuses one advice.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
    assert!(!has_guard_regions());
}

/// Runs the calling test's body in a process at level 3, which must end by a reported fault;
/// returns its output.
fn caught(test: &str, body: impl FnOnce()) -> Option<String> {
    if is_child() {
        // SAFETY: a limit for this process alone.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        end_if_stuck();
        body();
        return None;
    }
    let output = run_self(test, &[("GUARD", "3")]);
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
    assert!(said.contains("[use_after_free]: C read byte 2 of a 16-byte block"), "{said}");
    Some(said)
}

/// 60,000 blocks on pages of their own, twice as many as the system's default of mappings allows.
// Each block is what this is about.
#[allow(clippy::vec_box)]
fn many() -> Vec<Box<[u64; 5]>> {
    let blocks: Vec<Box<[u64; 5]>> = (0..60_000).map(|i| Box::new([i; 5])).collect();
    assert!(blocks.iter().enumerate().all(|(i, block)| **block == [i as u64; 5]));
    // The system has some left for others.
    assert!(std::thread::spawn(|| vec![1; 1 << 20].len()).join().is_ok_and(|len| len == 1 << 20));
    blocks
}

/// Has C read a freed block.
fn use_after_free() {
    let mut boxed = Box::new([1_u8; 16]);
    // SAFETY: it is not: that is the test.
    unsafe { c::keep(boxed.as_mut_ptr()) };
    drop(boxed);
    // SAFETY: as above.
    black_box(unsafe { c::read_kept(2) });
}

#[test]
fn where_the_kernel_closes_pages_mappings_limit_nothing() {
    if !has_guard_regions() {
        println!("skipped: no guard regions: the kernel is older than 6.13");
        return;
    }
    let said = caught("where_the_kernel_closes_pages_mappings_limit_nothing", || {
        let blocks = many();
        use_after_free();
        drop(blocks);
    });
    assert!(said.is_none_or(|said| !said.contains(SAID)));
}

#[test]
fn without_room_for_more_mappings_blocks_lie_as_at_level_2() {
    let said = caught("without_room_for_more_mappings_blocks_lie_as_at_level_2", || {
        refuse_guard_regions();
        let mut blocks = many();
        blocks.truncate(10);
        // There is room again.
        use_after_free();
    });
    let Some(said) = said else { return };
    assert_eq!(said.lines().filter(|line| line.contains(SAID)).count(), 1, "{said}");
}

/// A block that had pages of its own and is freed after the kernel has refused faults as well, and
/// its addresses are used again.
#[test]
fn where_the_kernel_stops_to_close_pages_what_was_given_before_is_closed_otherwise() {
    caught("where_the_kernel_stops_to_close_pages_what_was_given_before_is_closed_otherwise", || {
        let before: Vec<_> = (0..1_000_u64).map(|i| Box::new([i; 5])).collect();
        let mut kept = Box::new([1_u8; 16]);
        refuse_guard_regions();
        drop(before);
        for round in 0..400 {
            let blocks: Vec<_> = (0..1_000_u64).map(|i| Box::new([i + round; 5])).collect();
            assert!(blocks.iter().zip(round..).all(|(block, i)| **block == [i; 5]));
        }
        // SAFETY: it is not: that is the test.
        unsafe { c::keep(kept.as_mut_ptr()) };
        drop(kept);
        // SAFETY: as above.
        black_box(unsafe { c::read_kept(2) });
    });
}

/// The old way, on a kernel that has the new one: an allowed access goes on, on opened pages, and
/// the next block at that address is whole.
#[test]
fn without_guard_regions_what_is_let_pass_goes_on() {
    const TEST: &str = "without_guard_regions_what_is_let_pass_goes_on";
    if is_child() {
        end_if_stuck();
        refuse_guard_regions();
        // The first free tells the guard that there are no guard regions.
        drop(Box::new([0_u8; 16]));
        use_after_free();
        let blocks: Vec<Vec<u8>> = (0..100).map(|i| vec![i; 24]).collect();
        assert!(blocks.iter().zip(0..).all(|(block, i)| *block == [i; 24]));
        return;
    }
    let output = run_self(TEST, &[("GUARD", "3"), ("GUARD_ON_VIOLATION", "report")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("[use_after_free]: C read byte 2 of a 16-byte block").count(), 1, "{said}");
}
