//! Compares the heap at level 1 with glibc's, in one process:
//! `cargo bench -p ffi-guard-benches --bench heap`.
//!
//! `GUARD=2 cargo bench ..` measures level 2 instead.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use ffi_guard::{__bench, GuardAlloc};
use ffi_guard_benches::{alone, beside, with_environment};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

const N: u32 = 50_000;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(black_box(size), 8).expect("a layout")
}

fn pairs(allocator: &impl GlobalAlloc, size: usize) {
    let layout = layout(size);
    for _ in 0..N {
        // SAFETY: allocated and freed with one layout, which is not empty.
        unsafe {
            let block = black_box(allocator.alloc(layout));
            *block = 1;
            allocator.dealloc(black_box(block), layout);
        }
    }
}

fn batch(allocator: &impl GlobalAlloc, size: usize) {
    let layout = layout(size);
    let mut blocks = [std::ptr::null_mut::<u8>(); 1000];
    for _ in 0..N / 1000 {
        for block in &mut blocks {
            // SAFETY: the layout is not empty.
            unsafe {
                *block = allocator.alloc(layout);
                **block = 1;
            }
        }
        for &block in black_box(&blocks) {
            // SAFETY: allocated above with this layout.
            unsafe { allocator.dealloc(block, layout) };
        }
    }
}

fn ring(allocator: &impl GlobalAlloc, size: usize) {
    let layout = layout(size);
    // SAFETY: every block is freed once, with the layout it was allocated with, which is not empty.
    unsafe {
        let mut blocks: Vec<*mut u8> = (0..1000).map(|_| allocator.alloc(layout)).collect();
        for i in 0..N as usize {
            let place = &mut blocks[i.wrapping_mul(7919) % 1000];
            allocator.dealloc(*place, layout);
            *place = allocator.alloc(layout);
            **place = 1;
        }
        for block in blocks {
            allocator.dealloc(block, layout);
        }
    }
}

fn mixed(allocator: &impl GlobalAlloc) {
    let mut random = 1u64;
    let mut live: Vec<(*mut u8, Layout)> = Vec::with_capacity(256);
    for _ in 0..N {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let index = (random >> 33) as usize % 256;
        let layout = layout(1 + (random >> 43) as usize % 1000);
        // SAFETY: as above.
        unsafe {
            let block = allocator.alloc(layout);
            *block = 1;
            if index < live.len() {
                let (old, old_layout) = std::mem::replace(&mut live[index], (block, layout));
                allocator.dealloc(old, old_layout);
            } else {
                live.push((block, layout));
            }
        }
    }
    for (block, layout) in live {
        // SAFETY: as above.
        unsafe { allocator.dealloc(block, layout) };
    }
}

fn growth(allocator: &impl GlobalAlloc) {
    for _ in 0..N / 1000 {
        let mut layout = layout(16);
        // SAFETY: one block, reallocated with the layout it has.
        unsafe {
            let mut block = allocator.alloc(layout);
            while layout.size() < 1 << 20 {
                block = allocator.realloc(block, layout, layout.size() * 2);
                layout = Layout::from_size_align_unchecked(layout.size() * 2, 8);
                *block.add(layout.size() - 1) = 1;
            }
            allocator.dealloc(block, layout);
        }
    }
}

fn on_two_threads(f: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        scope.spawn(&f);
        scope.spawn(&f);
    });
}

/// Blocks made by one thread and freed by another, 256 at a time.
fn handed_over<A: GlobalAlloc + Sync>(allocator: &A, size: usize) {
    struct Batch(Vec<usize>);
    let layout = layout(size);
    let (to, from) = std::sync::mpsc::sync_channel::<Batch>(8);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for Batch(blocks) in from {
                for block in blocks {
                    // SAFETY: allocated below with this layout, and sent here to be freed.
                    unsafe { allocator.dealloc(block as *mut u8, layout) };
                }
            }
        });
        for _ in 0..N / 256 {
            // SAFETY: the layout is not empty.
            to.send(Batch((0..256).map(|_| unsafe { allocator.alloc(layout) } as usize).collect()))
                .expect("the other end");
        }
        drop(to);
    });
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "1".into());
    with_environment(&[("GUARD", &level)]);
    println!("level {level:<38} {:>11} {:>11}", "ffi-guard", "glibc");
    for size in [16, 64, 100, 500, 4000, 40_000, 300_000, 1_000_000] {
        beside(&format!("alloc + free, {size} bytes"), N, || pairs(&GUARD, size), || pairs(&System, size));
    }
    for size in [64, 500] {
        beside(&format!("1000 allocs, 1000 frees, {size} bytes"), N, || batch(&GUARD, size), || batch(&System, size));
    }
    for size in [32, 64] {
        beside(&format!("ring of 1000 live, {size} bytes"), N, || ring(&GUARD, size), || ring(&System, size));
    }
    beside("mixed sizes up to 1000 bytes", N, || mixed(&GUARD), || mixed(&System));
    beside("doubling 16 bytes to 1 MiB", N / 1000, || growth(&GUARD), || growth(&System));
    beside(
        "2 threads, alloc + free, 64 bytes",
        N,
        || on_two_threads(|| pairs(&GUARD, 64)),
        || on_two_threads(|| pairs(&System, 64)),
    );
    beside("made here, freed there, 64 bytes", N, || handed_over(&GUARD, 64), || handed_over(&System, 64));

    let blocks: Vec<Vec<u8>> = (0..1000usize).map(|i| vec![1; 1 + i * 7 % 1000]).collect();
    let addresses: Vec<usize> = blocks.iter().map(|block| block.as_ptr().addr() + block.len() / 2).collect();
    let large: Vec<Vec<u8>> = (0..16usize).map(|i| vec![1; (1 + i) << 20]).collect();
    let in_large: Vec<usize> =
        (0..1000).map(|i| large[i % 16].as_ptr().addr() + i * 7919 % large[i % 16].len()).collect();
    let look = |all: &[usize]| {
        for _ in 0..N / 1000 {
            for &address in all {
                assert!(__bench::lookup(black_box(address)));
            }
        }
    };
    alone("lookup, inside one of 1000 small blocks", N, || look(&addresses));
    alone("lookup, inside one small block", N, || look(&[addresses[500]; 1000]));
    alone("lookup, inside one of 16 large blocks", N, || look(&in_large));
    alone("is it Rust's? no", N, || {
        let local = 0u8;
        for _ in 0..N {
            assert!(!__bench::contains(black_box((&raw const local).addr())));
        }
    });
    alone("backtrace captured and kept", 1000, || {
        for _ in 0..1000 {
            black_box(__bench::capture());
        }
    });
}
