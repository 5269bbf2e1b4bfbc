//! The hot paths, each as a loop over one operation.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{CString, c_char, c_int};
use std::hint::black_box;
use std::path::Path;

use super::callgrind;

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Blocks of operations that are counted. The one with the fewest instructions is the figure: a
/// look at C's memory, which level 2 pays for with time spent in C, falls into some blocks only, if
/// into any.
const BLOCKS: u32 = 3;

/// Paths through a guarded call.
pub(crate) const CALLS: [&str; 3] = ["call with no pointer", "call with a heap pointer", "call with a text"];

/// All paths.
pub(crate) const PATHS: [&str; 8] = [
    CALLS[0],
    CALLS[1],
    CALLS[2],
    "alloc and free of 16 bytes",
    "alloc and free of 64 bytes",
    "alloc and free of 500 bytes",
    "alloc and free of 4000 bytes",
    "alloc and free of 40000 bytes",
];

/// Size of the blocks that a path allocates.
fn size(path: &str) -> Option<usize> {
    path.strip_prefix("alloc and free of ")?.strip_suffix(" bytes")?.parse().ok()
}

/// Operations that are done before any is counted, and operations of a block.
///
/// At level 2 memory is searched for the first 64 calls of a function, and a freed block waits
/// until the quarantine is full. The quarantine empties a batch at a time: a block of operations is
/// long beside a batch.
fn lengths(path: &str) -> (u32, u32) {
    match size(path) {
        None => (4096, 1024),
        Some(0..=1000) => (1 << 16, 1 << 14),
        Some(1001..=10_000) => (1 << 14, 1 << 12),
        Some(_) => (1 << 12, 1 << 10),
    }
}

// C's part is one instruction, whatever the C compiler.
std::arch::global_asm!(".globl hot_paths_c", ".type hot_paths_c, @function", "hot_paths_c: ret");

#[allow(clashing_extern_declarations)]
mod guarded {
    use super::{c_char, c_int};

    // One symbol in three ways, of which none is wrong: it touches nothing.
    #[ffi_guard::guard(allow(clashing_declaration))]
    unsafe extern "C" {
        #[link_name = "hot_paths_c"]
        pub safe fn nothing(n: c_int) -> c_int;
        #[link_name = "hot_paths_c"]
        pub fn heap(p: *mut u32) -> c_int;
        #[link_name = "hot_paths_c"]
        pub fn text(#[guard(cstr)] text: *const c_char) -> c_int;
    }
}

/// Instructions of one operation, counted in a process of its own.
pub(crate) fn instructions(program: &Path, path: &str, level: &str) -> f64 {
    let mut variables = vec![
        ("GUARD", level),
        // `rep stosb` counts as one instruction for each byte. glibc's loops stand for what a
        // processor does.
        ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS"),
    ];
    if level == "2" {
        // Full after fewer operations.
        variables.push(("GUARD_QUARANTINE", "1M"));
    }
    let blocks = callgrind::run(program, &["measure", path], &variables);
    let fewest = *blocks.iter().min().expect("a block was counted");
    fewest as f64 / f64::from(lengths(path).1)
}

/// Does the operations of one of [`PATHS`], under the counter if valgrind runs this program.
pub(crate) fn measure(path: &str) {
    if let Some(size) = size(path) {
        let layout = Layout::from_size_align(size, 8).expect("a layout");
        return repeat(path, || {
            // SAFETY: allocated and freed with one layout, which is not empty.
            unsafe {
                let block = black_box(GUARD.alloc(black_box(layout)));
                *block = 1;
                GUARD.dealloc(black_box(block), layout);
            }
        });
    }
    match path {
        "call with no pointer" => repeat(path, || _ = black_box(guarded::nothing(black_box(-3)))),
        "call with a heap pointer" => {
            let mut number = Box::new(1u32);
            let number: *mut u32 = &raw mut *number;
            // SAFETY: the function touches nothing.
            repeat(path, || _ = black_box(unsafe { guarded::heap(black_box(number)) }));
        }
        "call with a text" => {
            let text = CString::new("sixteen letters.").expect("no NUL in it");
            let start = text.as_ptr();
            // SAFETY: the function touches nothing, and the text ends with a NUL.
            repeat(path, || _ = black_box(unsafe { guarded::text(black_box(start)) }));
        }
        _ => panic!("no path is called {path}"),
    }
}

#[inline(always)]
fn repeat(path: &str, mut operation: impl FnMut()) {
    // A `for` without optimisation would cost more than the operation.
    let mut block = |operations: u32| {
        let mut done = 0;
        while done < operations {
            operation();
            done += 1;
        }
    };
    let (before, counted) = lengths(path);
    block(before);
    callgrind::count(BLOCKS, || block(counted));
}
