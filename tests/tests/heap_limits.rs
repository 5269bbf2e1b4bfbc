//! The heap at the limits of memory, of address space and of a layout.

use std::alloc::{GlobalAlloc, Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::os::unix::process::ExitStatusExt;

use ffi_guard::{__bench, GuardAlloc};
use ffi_guard_tests::process::{at_levels, is_child, run_self_behind, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

#[test]
fn every_alignment_is_kept() {
    at_levels("every_alignment_is_kept", &["0", "1", "2", "3"], || {
        for shift in 0..=23 {
            let align = 1usize << shift;
            for size in [1, 7, 64, 500, 5000, 200_000, 262_128, 262_129, 1 << 20, 3 << 20] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: one block each, with its layout; the size is not 0.
                unsafe {
                    let (one, two) = (alloc(layout), alloc_zeroed(layout));
                    assert!(!one.is_null() && one.addr() % align == 0, "{layout:?}");
                    assert!(!two.is_null() && two.addr() % align == 0, "{layout:?}");
                    one.write_bytes(0xFF, size);
                    assert!((0..size).step_by(61).chain([size - 1]).all(|i| *two.add(i) == 0), "{layout:?}");
                    let one = realloc(one, layout, size * 2);
                    assert!(!one.is_null() && one.addr().is_multiple_of(align), "{layout:?}");
                    assert!((0..size).step_by(61).chain([size - 1]).all(|i| *one.add(i) == 0xFF), "{layout:?}");
                    dealloc(one, Layout::from_size_align(size * 2, align).unwrap());
                    dealloc(two, layout);
                }
            }
        }
    });
}

#[test]
fn nothing_counts_as_one_byte() {
    at_levels("nothing_counts_as_one_byte", &["1", "2", "3"], || {
        for align in [1, 16, 4096] {
            let layout = Layout::from_size_align(0, align).unwrap();
            // SAFETY: a size of 0 is no valid call of `alloc`; that the heap bears it is what is
            // tested.
            unsafe {
                let (one, two) = (GUARD.alloc(layout), GUARD.alloc_zeroed(layout));
                assert!(!one.is_null() && !two.is_null() && one != two);
                let one = GUARD.realloc(one, layout, 1000);
                one.write_bytes(1, 1000);
                let one = GUARD.realloc(one, Layout::from_size_align(1000, align).unwrap(), 0);
                GUARD.dealloc(one, layout);
                GUARD.dealloc(two, layout);
            }
        }
    });
}

#[test]
fn what_no_memory_holds_is_null() {
    at_levels("what_no_memory_holds_is_null", &["1", "2", "3"], || {
        for size in [1 << 45, 1 << 46, 1 << 48, isize::MAX as usize / 2, isize::MAX as usize - 4096] {
            assert!(Vec::<u8>::new().try_reserve_exact(size).is_err(), "{size}");
            let layout = Layout::from_size_align(size, 8).unwrap();
            let small = Layout::new::<[u8; 100]>();
            // SAFETY: the small block is ours; the large one cannot be allocated.
            unsafe {
                assert!(alloc_zeroed(layout).is_null());
                let block = alloc(small);
                block.write_bytes(5, 100);
                assert!(realloc(block, small, size).is_null());
                assert!((0..100).all(|i| *block.add(i) == 5), "a failed realloc touched the block");
                dealloc(block, small);
            }
        }
        let layout = Layout::from_size_align(8, 1 << 46).unwrap();
        // SAFETY: the size is not 0.
        assert!(unsafe { alloc(layout) }.is_null());
        // The heap still works after that.
        assert_eq!(vec![3u8; 1 << 20].iter().map(|&b| usize::from(b)).sum::<usize>(), 3 << 20);
    });
}

#[test]
fn a_vec_grows_and_shrinks_with_its_content() {
    at_levels("a_vec_grows_and_shrinks_with_its_content", &["1", "2", "3"], || {
        let mut numbers: Vec<u32> = Vec::new();
        let mut beside = Vec::new();
        for i in 0..4_000_000 {
            numbers.push(i);
            if i.is_power_of_two() {
                // Every other time a block prevents growing in place.
                beside.push(vec![1u8; i as usize * if i.trailing_zeros() % 2 == 0 { 4 } else { 1 }]);
            }
        }
        for len in [4_000_000, 1_000_000, 300_000, 70_000, 60_000, 1000, 900, 100, 3] {
            numbers.truncate(len);
            numbers.shrink_to_fit();
            assert!((0..).zip(&numbers).all(|(i, &n)| i == n), "{len}");
            numbers.reserve_exact(len / 2);
            numbers.extend(len as u32..(len + len / 2) as u32);
            assert!((0..).zip(&numbers).all(|(i, &n)| i == n), "{len}");
        }
    });
}

fn many_blocks() {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    // More small blocks than a small region's class has room for, and some large ones.
    for i in 0..60_000usize {
        blocks.push(vec![i as u8; 100]);
    }
    for i in 0..10usize {
        blocks.push(vec![i as u8; 1 << 20]);
    }
    assert!(blocks.iter().enumerate().all(|(i, block)| __bench::lookup(block.as_ptr().addr() + i % 100)));
    assert!(blocks.iter().enumerate().take(60_000).all(|(i, block)| block.iter().all(|&b| b == i as u8)));
    drop(blocks);
    // Until the system or the region says no; then everything still works.
    let mut all = Vec::with_capacity(100_000);
    while all.len() < 100_000 {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(100_000).is_err() {
            break;
        }
        block.push(1);
        all.push(block);
    }
    assert!(all.len() > 50, "{} blocks of 100 000 bytes", all.len());
    assert!(all.len() < 100_000, "the limit was never met");
    drop(all);
    assert_eq!(vec![1u8; 5_000_000].len(), 5_000_000);
}

#[test]
fn a_small_address_space_gets_a_small_region() {
    const TEST: &str = "a_small_address_space_gets_a_small_region";
    if is_child() {
        return many_blocks();
    }
    // With C's half beside it, Rust's is half as large.
    let limits =
        if cfg!(feature = "c-heap") { ["4000000", "2000000", "800000"] } else { ["4000000", "1000000", "400000"] };
    for limit in limits {
        for level in ["1", "2", "3"] {
            let output = run_self_behind(&format!("ulimit -v {limit};"), TEST, &[("GUARD", level)]);
            assert!(output.status.success(), "{limit} KiB, level {level}: {output:?}");
        }
    }
}

#[test]
fn no_address_space_is_said_in_one_line() {
    const TEST: &str = "no_address_space_is_said_in_one_line";
    if is_child() {
        return;
    }
    for level in ["1", "2", "3"] {
        let output = run_self_behind("ulimit -v 60000;", TEST, &[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(output.status.signal(), None);
        assert!(said.starts_with("ffi-guard: ") && said.contains("ulimit -v") && said.contains("GUARD=0"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let off = run_self_behind("ulimit -v 60000;", TEST, &[("GUARD", "0")]);
    assert!(off.status.success(), "{off:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_can_be_read_is_what_is_in_use() {
    at_levels("what_can_be_read_is_what_is_in_use", &["1", "2", "3"], || {
        let kept: Vec<Vec<u8>> = (0..2000).map(|i| vec![1; i * 40]).collect();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let readable = maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let len = usize::from_str_radix(end, 16).ok()? - usize::from_str_radix(start, 16).ok()?;
            rest.starts_with('r').then_some(len)
        });
        // The blocks are 80 MB. A program that locks its memory locks all that can be read.
        let readable = readable.sum::<usize>();
        assert!(readable < 1 << 30, "{readable} bytes can be read:\n{maps}");
        drop(kept);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_locks_its_memory_goes_on() {
    at_levels("a_program_that_locks_its_memory_goes_on", &["1", "2", "3"], || {
        ffi_guard_tests::process::end_if_stuck();
        let before = vec![1_u8; 100_000];
        // SAFETY: no precondition.
        if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
            println!("skipped: this user may not lock as much memory");
            return;
        }
        let blocks: Vec<Vec<u8>> = (0..200).map(|i| vec![i as u8; i * 1000]).collect();
        assert!(blocks.iter().enumerate().all(|(i, block)| block.iter().all(|&byte| byte == i as u8)));
        let beyond = before.as_ptr().wrapping_add(1 << 30).addr();
        assert!(!__bench::lookup(beyond) && __bench::lookup(before.as_ptr().addr()));
    });
}

#[test]
fn every_address_of_the_region_can_be_asked_about() {
    at_levels("every_address_of_the_region_can_be_asked_about", &["1", "2", "3"], || {
        let block = [1_u8; 100].to_vec();
        let large = vec![1_u8; 1 << 20];
        for from in [block.as_ptr().addr(), large.as_ptr().addr()] {
            for shift in 4..44 {
                for address in [from.wrapping_add(1 << shift), from.wrapping_sub(1 << shift)] {
                    // It is none of ours, or is one: the question does not fault.
                    std::hint::black_box(__bench::lookup(address));
                }
            }
        }
        assert!(__bench::lookup(block.as_ptr().addr()) && __bench::lookup(large.as_ptr().addr()));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_is_printed_in_a_small_address_space() {
    const TEST: &str = "a_report_is_printed_in_a_small_address_space";
    if is_child() {
        let bytes = [1_u8; 5].to_vec();
        let violation = ffi_guard::expect_violation!(ffi_guard::Rule::OutOfBounds, {
            // SAFETY: the guard stops it.
            unsafe { c_fixtures::paged::ok_sum(bytes.as_ptr(), 50) }
        });
        println!("{violation}");
        return;
    }
    let limits = if cfg!(feature = "c-heap") { ["4000000", "800000"] } else { ["1000000", "400000"] };
    for limit in limits {
        for level in ["1", "2", "3"] {
            let output = run_self_behind(&format!("ulimit -v {limit};"), TEST, &[("GUARD", level)]);
            assert!(output.status.success(), "{limit} KiB, level {level}: {output:?}");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("ffi-guard[out_of_bounds]") && said.contains("5 of 50 stated bytes"), "{said}");
        }
    }
}
