//! Compares the search of memory with `memcpy` of the same memory, and a sweep with many noted
//! loans with a sweep that has one: `cargo bench -p ffi-guard-benches --bench scan`.

use std::hint::black_box;

use ffi_guard::__bench::{note, search, sweep};
use ffi_guard_benches::{beside, beside_ready, with_environment};

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Noted loans of a sweep, each of a block of its own.
const MANY: usize = 1_000_000;

fn main() {
    with_environment(&[("GUARD", "2")]);
    println!("{:<44} {:>11} {:>11}", "a word", "search", "memcpy");
    for mebibytes in [1, 64] {
        let words = mebibytes << 17;
        let memory: Vec<usize> = (0..words).collect();
        let mut copy = vec![0_usize; words];
        beside(
            &format!("{mebibytes} MiB"),
            u32::try_from(words).expect("few"),
            || assert_eq!(search(black_box(&memory)), 0),
            || copy.copy_from_slice(black_box(&memory)),
        );
    }

    println!("{:<44} {:>11} {:>11}", "a sweep, by noted loans", "1,000,000", "1");
    let blocks: Vec<Box<u64>> = (0..MANY as u64).map(Box::new).collect();
    // Noting a million loans would fill the caches, noting one would not. So both sweeps begin with
    // caches that hold something else.
    let other = std::cell::RefCell::new(vec![0_u8; 128 << 20]);
    let lend = |blocks: &[Box<u64>]| {
        blocks.iter().for_each(|block| note((&raw const **block).addr()));
        black_box(other.borrow_mut()).iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
    };
    let settle = || assert_eq!(sweep(), 0, "C holds nothing");
    beside_ready("all in one sweep", 21, (|| lend(&blocks), settle), (|| lend(&blocks[..1]), settle));
}
