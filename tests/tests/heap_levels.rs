//! Which allocator serves a call, and which calls the heap refuses.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use ffi_guard::{__bench, GuardAlloc};
use ffi_guard_tests::process::{at_levels, is_child, run_self, stderr, unless_emulated};

/// The system's allocator, counting.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each call goes to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises, handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises, handed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static GUARD: GuardAlloc<Counting> = GuardAlloc::with(Counting);

#[test]
fn level_0_goes_straight_through() {
    at_levels("level_0_goes_straight_through", &["0"], || {
        let before = (CALLS.load(Ordering::Relaxed), LIVE.load(Ordering::Relaxed));
        let block = black_box(vec![1u8; 1000]);
        assert_eq!(CALLS.load(Ordering::Relaxed), before.0 + 1);
        assert_eq!(LIVE.load(Ordering::Relaxed), before.1 + 1000);
        assert!(!__bench::contains(block.as_ptr().addr()));
        drop(block);
        assert_eq!((CALLS.load(Ordering::Relaxed), LIVE.load(Ordering::Relaxed)), (before.0 + 2, before.1));
    });
}

#[test]
fn from_level_1_on_the_program_is_the_heaps() {
    at_levels("from_level_1_on_the_program_is_the_heaps", &["1", "2", "3"], || {
        let block = black_box(vec![1u8; 1000]);
        assert!(__bench::lookup(block.as_ptr().addr() + 1000), "one past the end is the block's");
        // The first trace may have the unwinder allocate; from then on nothing may come through.
        let before = CALLS.load(Ordering::Relaxed);
        for size in 1..2000usize {
            black_box(vec![1u8; size]);
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), before, "program memory came from the inner allocator");
    });
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Runs `wrong` in a child, which must end by abort with this in the first line of a report.
fn refused(test: &str, expected: &str, wrong: impl FnOnce()) {
    if is_child() {
        // SAFETY: no core files from a test.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        return wrong();
    }
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {output:?}");
        assert!(said.lines().any(|line| line.starts_with("ffi-guard[") && line.contains(expected)), "{said}");
    }
}

#[test]
fn a_second_free_is_refused() {
    // SAFETY: it is not; that is the test.
    refused("a_second_free_is_refused", "[double_free]: a 40-byte block of Rust's heap was freed twice", || unsafe {
        let block = GUARD.alloc(layout(40));
        GUARD.dealloc(black_box(block), layout(40));
        GUARD.dealloc(black_box(block), layout(40));
    });
}

#[test]
fn a_second_free_of_a_large_block_is_refused() {
    // SAFETY: it is not; that is the test.
    refused(
        "a_second_free_of_a_large_block_is_refused",
        "a 3000000-byte block of Rust's heap was freed twice",
        || unsafe {
            let block = GUARD.alloc(layout(3_000_000));
            GUARD.dealloc(black_box(block), layout(3_000_000));
            // At level 1 large blocks do not wait, but nothing else was allocated: the entry still
            // tells.
            GUARD.dealloc(black_box(block), layout(3_000_000));
        },
    );
}

#[test]
fn another_layout_is_refused() {
    let said = "a 40-byte block was freed as one of 8 bytes";
    // SAFETY: it is not; that is the test.
    refused("another_layout_is_refused", said, || unsafe {
        let block = GUARD.alloc(layout(40));
        GUARD.dealloc(black_box(block), layout(8));
    });
}

#[test]
fn an_interior_address_is_refused() {
    // SAFETY: it is not; that is the test.
    refused("an_interior_address_is_refused", "`dealloc` got byte 16 of a 40-byte block", || unsafe {
        let block = GUARD.alloc(layout(40));
        GUARD.dealloc(black_box(block.add(16)), layout(24));
    });
}

#[test]
fn a_realloc_of_freed_memory_is_refused() {
    // SAFETY: it is not; that is the test.
    refused(
        "a_realloc_of_freed_memory_is_refused",
        "[double_free]: `realloc` got a 40-byte block that is freed already",
        || unsafe {
            let block = GUARD.alloc(layout(40));
            GUARD.dealloc(black_box(block), layout(40));
            GUARD.realloc(black_box(block), layout(40), 50);
        },
    );
}

/// The bytes freed (in slots of `slot` bytes) between the free of a block and the first block at
/// the same address.
fn freed_before_reuse(size: usize, slot: usize) -> usize {
    let first = black_box(vec![1u8; size]);
    let address = first.as_ptr().addr();
    drop(first);
    for count in 1..4_000_000 / slot * 100 {
        let next = black_box(vec![1u8; size]);
        if next.as_ptr().addr() == address {
            return count * slot;
        }
    }
    usize::MAX
}

#[test]
fn a_freed_block_waits_for_the_quarantine() {
    const TEST: &str = "a_freed_block_waits_for_the_quarantine";
    if is_child() {
        let least: usize = std::env::var("LEAST").unwrap().parse().unwrap();
        let most: usize = std::env::var("MOST").unwrap().parse().unwrap();
        for (size, slot) in [(64, 80), (1000, 1024), (10_000, 10_240)] {
            let freed = freed_before_reuse(size, slot);
            assert!((least..=most).contains(&freed), "{size} bytes: reused after {freed} bytes");
        }
        return;
    }
    for (level, quarantine, least, most) in [
        ("1", None, "1", "200000"),
        ("1", Some("1000000"), "1000000", "3000000"),
        ("2", Some("1000000"), "1000000", "3000000"),
        ("2", Some("0"), "0", "200000"),
        // Under an emulator with few addresses the first block came back after 53 MB; why is not
        // known.
        ("2", None, if cfg!(target_arch = "x86_64") { "60000000" } else { "50000000" }, "100000000"),
    ] {
        let mut variables = vec![("GUARD", level), ("LEAST", least), ("MOST", most), ("GUARD_BACKTRACE", "0")];
        variables.extend(quarantine.map(|bytes| ("GUARD_QUARANTINE", bytes)));
        let output = run_self(TEST, &variables);
        assert!(output.status.success(), "{variables:?}: {output:?}");
    }
}

#[test]
fn new_memory_holds_no_old_pointers() {
    at_levels("new_memory_holds_no_old_pointers", &["1", "2"], || {
        const MARK: u64 = 0x0000_5555_AAAA_5555;
        // Level 1 covers the first 256 bytes; what is left beyond is not told, which `stale_words`
        // tests.
        let covered = if ffi_guard::level() == ffi_guard::Level::Arguments { 256 / 8 } else { usize::MAX };
        for size in [32usize, 200, 1000, 30_000, 300_000] {
            let words = size / 8;
            for _ in 0..unless_emulated(200, 20) {
                drop(black_box(vec![MARK; words]));
                let mut shrunk = black_box(vec![MARK; words]);
                shrunk.truncate(words * 3 / 4);
                shrunk.shrink_to_fit();
                shrunk.reserve_exact(words / 4);
                let spare = shrunk.spare_capacity_mut();
                let looked_at = covered.saturating_sub(words * 3 / 4);
                // SAFETY: the heap's own memory, which it fills; what was never filled is zero.
                let is_stale = |word: &&mut MaybeUninit<u64>| unsafe { word.as_ptr().read_volatile() } == MARK;
                let stale = spare.iter_mut().take(looked_at).filter(is_stale).count();
                assert_eq!(stale, 0, "spare capacity after shrinking {size} bytes");
                let fresh = black_box(Vec::<u64>::with_capacity(words));
                // SAFETY: as above.
                let is_stale = |&i: &usize| unsafe { fresh.as_ptr().add(i).read_volatile() } == MARK;
                assert_eq!((0..words.min(covered)).filter(is_stale).count(), 0, "a new block of {size} bytes");
            }
        }
    });
}

/// Words of a block, as they lie.
fn words(block: *mut u8, size: usize) -> impl Iterator<Item = u64> {
    // SAFETY: whole words of the caller's block, which the heap has filled.
    (0..size / 8).map(move |i| unsafe { block.cast::<u64>().add(i).read_volatile() })
}

#[test]
fn used_memory_is_filled_from_end_to_end() {
    const TEST: &str = "used_memory_is_filled_from_end_to_end";
    if !is_child() {
        for quarantine in ["0", "300000", "5000000"] {
            let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", quarantine)]);
            assert!(output.status.success(), "{quarantine}: {output:?}");
        }
        return;
    }
    let fresh = words(black_box(Vec::<u64>::with_capacity(1)).as_mut_ptr().cast(), 8).next().unwrap();
    let mut random = 5_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % limit
    };
    for round in 0..12_000 {
        // Few sizes of a class: a place is used again, by larger blocks and by smaller ones.
        let most = [24, 100, 400, 1100, 6000, 20_000, 60_000][if round % 8 == 0 { below(7) } else { below(4) }];
        let (size, grown) = (most - below(most / 2), most + below(most));
        let zeroed = below(5) == 0;
        // SAFETY: blocks of their layouts, of which only what they have is read and written.
        unsafe {
            let block = if zeroed { GUARD.alloc_zeroed(layout(size)) } else { GUARD.alloc(layout(size)) };
            let expected = if zeroed { 0 } else { fresh };
            assert!(words(block, size).all(|word| word == expected), "{round}: {size} bytes");
            // All, nothing, the beginning, and some bytes here and there.
            let written = [size, 0, below(size), 0][below(4)];
            block.write_bytes(0xA5, written);
            let single = below(size);
            block.add(single).write(0x5A);
            if below(2) == 0 {
                GUARD.dealloc(block, layout(size));
                continue;
            }
            let before: Vec<u8> = (0..size).map(|i| block.add(i).read_volatile()).collect();
            let block = GUARD.realloc(block, layout(size), grown);
            let same = before.iter().enumerate().all(|(i, byte)| block.add(i).read_volatile() == *byte);
            assert!(same, "{round}: {size} to {grown} bytes");
            if grown <= 64 << 10 {
                let rest = words(block, grown).skip(size.div_ceil(8));
                assert_eq!(rest.filter(|word| *word != fresh).count(), 0, "{round}: {size} to {grown} bytes");
            }
            GUARD.dealloc(block, layout(grown));
        }
    }
}

#[test]
fn pages_that_go_from_block_to_block_carry_nothing_along() {
    const TEST: &str = "pages_that_go_from_block_to_block_carry_nothing_along";
    if !is_child() {
        for quarantine in ["0", "100000", "64000000"] {
            let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", quarantine)]);
            assert!(output.status.success(), "{quarantine}: {output:?}");
        }
        return;
    }
    let fresh = words(black_box(Vec::<u64>::with_capacity(1)).as_mut_ptr().cast(), 8).next().unwrap();
    for round in 0..60_usize {
        let size = [300_000, 300_000, 700_000, 4_300_000][round * 7 % 4] + round % 3 * 4096;
        // SAFETY: as above.
        unsafe {
            let block = if round % 5 == 0 { GUARD.alloc_zeroed(layout(size)) } else { GUARD.alloc(layout(size)) };
            let other = words(block, size).filter(|word| *word != 0 && *word != fresh).count();
            assert_eq!(other, 0, "{round}: {size} bytes");
            block.write_bytes(0xA5, if round % 6 == 0 { size / 3 } else { size });
            if round % 2 == 0 {
                let block = GUARD.realloc(block, layout(size), size * 2);
                assert!(words(block, size / 3).all(|word| word == 0xA5A5_A5A5_A5A5_A5A5), "{round}: {size} bytes");
                let other = words(block, size * 2).skip(size.div_ceil(8)).filter(|word| *word != 0 && *word != fresh);
                assert_eq!(other.count(), 0, "{round}: {size} bytes grown");
                GUARD.dealloc(block, layout(size * 2));
            } else {
                GUARD.dealloc(block, layout(size));
            }
        }
    }
}

#[test]
fn what_the_inner_allocator_did_not_give_out_does_not_go_back_to_it() {
    // SAFETY: it is not; that is the test. The inner allocator is the system's, and so is this
    // block.
    refused("what_the_inner_allocator_did_not_give_out_does_not_go_back_to_it", "`dealloc` got ", || unsafe {
        let block = libc::malloc(40).cast::<u8>();
        let before = CALLS.load(Ordering::Relaxed);
        let outcome = ffi_guard::catch(|| GUARD.dealloc(black_box(block), layout(40)));
        assert_eq!(outcome.expect_err("foreign").rule(), ffi_guard::Rule::AllocDeallocMismatch);
        assert_eq!(CALLS.load(Ordering::Relaxed), before, "it went through");
        GUARD.dealloc(black_box(block), layout(40));
    });
}

#[test]
fn at_level_0_it_is_the_inner_allocators_affair() {
    at_levels("at_level_0_it_is_the_inner_allocators_affair", &["0"], || {
        // SAFETY: of the system's `malloc`, which the inner allocator stands on.
        unsafe { GUARD.dealloc(black_box(libc::malloc(40).cast()), layout(40)) };
    });
}
