//! Compares C's heap over ours with glibc's, in one process: `cargo bench -p ffi-guard-benches
//! --features c-heap --bench c_heap`, `GUARD=2 cargo bench ..` for level 2.
//!
//! Larson's pattern: a thread has a thousand live blocks of 10 to 500 bytes, frees one at random
//! and allocates another in its place; after a while another thread takes the blocks over, so that
//! most are freed by a thread that did not allocate them. glibc's functions are called by names
//! that are not replaced.

use std::ffi::c_void;
use std::hint::black_box;

use ffi_guard::GuardAlloc;
use ffi_guard_benches::{beside, with_environment};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

#[derive(Clone, Copy)]
struct Heap {
    malloc: unsafe extern "C" fn(usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
}

const OURS: Heap = Heap { malloc, free };
const GLIBCS: Heap = Heap { malloc: __libc_malloc, free: __libc_free };

/// Live blocks of a thread.
const LIVE: usize = 1000;
/// Replacements of a round.
const N: u32 = 50_000;

struct Blocks(Vec<*mut c_void>, u64);

// SAFETY: the blocks are C's, and no other thread has their addresses.
unsafe impl Send for Blocks {}

impl Blocks {
    fn random(&mut self) -> usize {
        self.1 = self.1.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.1 >> 33) as usize
    }

    fn allocate(&mut self, heap: Heap) -> *mut c_void {
        let size = 10 + self.random() % 491;
        // SAFETY: `malloc`, whose block has room for a byte.
        unsafe {
            let block = (heap.malloc)(size);
            block.cast::<u8>().write(1);
            black_box(block)
        }
    }

    fn new(heap: Heap, seed: u64) -> Blocks {
        let mut blocks = Blocks(Vec::with_capacity(LIVE), seed);
        for _ in 0..LIVE {
            let block = blocks.allocate(heap);
            blocks.0.push(block);
        }
        blocks
    }

    fn replace(&mut self, heap: Heap, times: u32) {
        for _ in 0..times {
            let at = self.random() % LIVE;
            let new = self.allocate(heap);
            let old = std::mem::replace(&mut self.0[at], new);
            // SAFETY: from this heap, freed once.
            unsafe { (heap.free)(old) };
        }
    }

    fn free(self, heap: Heap) {
        for block in self.0 {
            // SAFETY: from this heap, freed once.
            unsafe { (heap.free)(block) };
        }
    }
}

/// Runs `threads` threads, each of which hands its blocks to a new thread half way.
fn larson(heap: Heap, threads: u64) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut blocks = Blocks::new(heap, thread + 1);
                blocks.replace(heap, N / 2);
                std::thread::spawn(move || {
                    let mut blocks = blocks;
                    blocks.replace(heap, N / 2);
                    blocks.free(heap);
                })
                .join()
                .expect("does not panic");
            });
        }
    });
}

fn pairs(heap: Heap, size: usize) {
    for _ in 0..N {
        // SAFETY: `malloc` and `free`.
        unsafe {
            let block = (heap.malloc)(black_box(size));
            block.cast::<u8>().write(1);
            (heap.free)(black_box(block));
        }
    }
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "1".to_owned());
    with_environment(&[("GUARD", &level)]);
    println!("level {}", ffi_guard::level());
    beside("larson, 1 thread", N, || larson(OURS, 1), || larson(GLIBCS, 1));
    beside("larson, 2 threads", N, || larson(OURS, 2), || larson(GLIBCS, 2));
    beside("malloc + free, 64 bytes", N, || pairs(OURS, 64), || pairs(GLIBCS, 64));
    beside("malloc + free, 500 bytes", N, || pairs(OURS, 500), || pairs(GLIBCS, 500));
    beside("malloc + free, 40000 bytes", N, || pairs(OURS, 40_000), || pairs(GLIBCS, 40_000));
}
