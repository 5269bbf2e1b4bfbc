//! Memory that is given out again holds what an earlier block left in it. No such word is told, in
//! spare capacity, in padding, in what was never written; and what the program stored is.
#![allow(clippy::undocumented_unsafe_blocks, clashing_extern_declarations)]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::mem::MaybeUninit;

use ffi_guard::{GuardAlloc, Rule, catch};
use ffi_guard_tests::process::at_levels;

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

/// A type of which the guard knows no more than its size, with a hole of a word.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct Item {
    name: *const u8,
    next: *const Item,
    kind: u8,
}

#[ffi_guard::guard(allow(clashing_declaration))]
unsafe extern "C" {
    // What C does with its arguments is no matter: this one ignores them.
    #[link_name = "getpid"]
    fn one(item: *mut Item) -> c_int;
    #[link_name = "getpid"]
    fn some(#[guard(counted_by = count)] items: *mut Item, count: usize) -> c_int;
    #[link_name = "getpid"]
    fn all(bytes: *mut c_void) -> c_int;
    #[link_name = "getpid"]
    fn uninit(items: *mut MaybeUninit<Item>) -> c_int;
}

const SIZES: [usize; 14] = [32, 48, 96, 200, 256, 272, 480, 1000, 4000, 16_000, 30_000, 100_000, 300_000, 1_000_000];

/// Pointers to what lives on, to what is freed before the block that holds them, and to what is
/// freed after it and may be given out again.
fn leave(size: usize, kept: &[Box<[u64; 4]>]) {
    let short: Vec<Box<[u64; 4]>> = (0..8).map(|n| Box::new([n; 4])).collect();
    let address = |n: usize| match n % 3 {
        0 => kept[n % kept.len()].as_ptr(),
        _ => short[n % short.len()].as_ptr(),
    };
    let freed = black_box(Box::new([0_u64; 4]));
    let dead = freed.as_ptr();
    drop(freed);
    let words: Vec<*const u64> = (0..size / 8).map(|n| if n % 7 == 6 { dead } else { address(n) }).collect();
    if size.is_multiple_of(3) {
        drop(short);
        drop(black_box(words));
    } else {
        drop(black_box(words));
        drop(short);
    }
}

/// Lends a block in each way that has its words looked at.
fn lend(block: *mut u8, size: usize, counted: bool) {
    let items = block.cast::<Item>();
    unsafe {
        all(block.cast());
        uninit(items.cast());
        if size >= size_of::<Item>() {
            one(items);
            one(items.add(size / size_of::<Item>() - 1));
            // What is counted is what C reads: at level 2 it must have been written.
            if counted {
                some(items, size / size_of::<Item>());
            }
        }
    }
}

#[test]
fn what_an_earlier_block_left_is_not_told() {
    at_levels("what_an_earlier_block_left_is_not_told", &["1", "2"], || {
        let counted = ffi_guard::level() == ffi_guard::Level::Arguments;
        let kept: Vec<Box<[u64; 4]>> = (0..16).map(|n| Box::new([n; 4])).collect();
        for round in 0..12 {
            for size in SIZES {
                for _ in 0..4 {
                    leave(size, &kept);
                }
                // Younger than what the words once led to, at the same addresses.
                let young: Vec<Box<[u64; 4]>> = (0..24).map(|n| Box::new([n; 4])).collect();
                let layout = Layout::from_size_align(size, [1, 8, 16][round % 3]).unwrap();
                unsafe {
                    // Spare capacity.
                    let block = alloc(layout);
                    lend(block, size, counted);
                    // What comes to it, where it lies and elsewhere.
                    let grown = [size + 8, size + size / 2, size * 4][round % 3];
                    let block = realloc(block, layout, grown);
                    lend(block, grown, counted);
                    // What it gave up and got back.
                    let layout = Layout::from_size_align(grown, layout.align()).unwrap();
                    let less = grown * 3 / 4;
                    let block = realloc(block, layout, less);
                    let block = realloc(block, Layout::from_size_align(less, layout.align()).unwrap(), grown);
                    lend(block, grown, counted);
                    dealloc(block, layout);
                }
                // A hole in each element, which writing leaves as it is.
                let mut items = Vec::<Item>::with_capacity(size / size_of::<Item>() + 1);
                let first = items.as_mut_ptr();
                for n in 0..items.capacity() {
                    unsafe {
                        (&raw mut (*first.add(n)).name).write(std::ptr::null());
                        (&raw mut (*first.add(n)).next).write(std::ptr::null());
                        (&raw mut (*first.add(n)).kind).write(1);
                    }
                }
                lend(first.cast(), items.capacity() * size_of::<Item>(), false);
                drop(black_box(young));
            }
        }
    });
}

/// The rule that one call breaks.
fn told(call: impl FnOnce() + std::panic::UnwindSafe) -> Option<Rule> {
    catch(call).err().map(|violation| violation.rule())
}

#[test]
fn what_the_program_stored_is_told() {
    at_levels("what_the_program_stored_is_told", &["1", "2"], || {
        let target = Box::new([1_u64; 4]);
        let address = target.as_ptr().addr();
        for size in SIZES {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let last = size / 8 - 1;
            let is_told = |block: *mut u8, word: usize| unsafe {
                block.cast::<usize>().add(word).write(address);
                told(|| _ = all(block.cast())) == Some(Rule::NestedPointer)
            };
            unsafe {
                // Memory that no block had before, as the last of many has: all of it.
                let blocks: Vec<*mut u8> = (0..300).map(|_| alloc(layout)).collect();
                let block = blocks[299];
                block.write_bytes(0, size);
                assert!(is_told(block, last), "{size}, new");
                blocks.iter().for_each(|&block| dealloc(block, layout));
                for _ in 0..6 {
                    leave(size, &[Box::new([0; 4])]);
                }
                // Memory that is given out again: the first 256 bytes.
                let block = alloc(layout);
                block.write_bytes(0, size);
                assert!(is_told(block, last.min(31)), "{size}, used");
                dealloc(block, layout);
                // All of what is asked for as zero.
                let block = alloc_zeroed(layout);
                assert!((0..size).all(|at| block.add(at).read() == 0), "{size} is not zero");
                assert!(is_told(block, last), "{size}, zeroed");
                dealloc(block, layout);
            }
        }
    });
}
