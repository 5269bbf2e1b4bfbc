//! Compares a guarded call with the bare one: `cargo bench -p ffi-guard-benches --bench crossing`.
//!
//! The C function does as little as a C function can, so that what is left is the crossing.
//! `GUARD=0` and `GUARD=2` in the environment measure the other levels.

use std::ffi::{CString, c_char, c_int};
use std::hint::black_box;

// Links the C.
use c_fixtures as _;
use ffi_guard_benches::{beside, with_environment};

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const N: u32 = 300_000;

/// A struct that derives nothing, so that it is read word by word.
#[repr(C)]
struct Unknown {
    a: usize,
    b: usize,
    c: usize,
}

/// Three words, one of which is declared as a pointer.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
struct Derived {
    a: usize,
    b: *const u8,
    c: usize,
}

// One C function, which only touches the first four bytes, declared with pointers of three types.
#[allow(clashing_extern_declarations)]
mod guarded {
    use super::{Derived, Unknown, c_char, c_int};

    #[ffi_guard::guard(allow(clashing_declaration))]
    unsafe extern "C" {
        /// C's own function, which reads no memory.
        #[link_name = "abs"]
        pub safe fn none(n: c_int) -> c_int;
        #[link_name = "ffg_bench_touch"]
        pub fn plain(p: *mut u32) -> u32;
        #[link_name = "ffg_bench_touch"]
        pub fn unknown(p: *mut Unknown) -> u32;
        #[link_name = "ffg_bench_touch"]
        pub fn derived(p: *mut Derived) -> u32;
        /// C may only read the pointee, so it is compared from level 2 on.
        #[link_name = "strnlen"]
        pub fn counted(#[guard(sized_by = n)] text: *const c_char, n: usize) -> usize;
        #[link_name = "strlen"]
        pub fn text(#[guard(cstr)] text: *const c_char) -> usize;
    }
}

mod bare {
    use super::{c_char, c_int};

    unsafe extern "C" {
        pub(super) fn strnlen(text: *const c_char, n: usize) -> usize;
        pub(super) fn strlen(text: *const c_char) -> usize;
        #[link_name = "abs"]
        pub(super) safe fn none(n: c_int) -> c_int;
        pub(super) fn ffg_bench_touch(p: *mut u32) -> u32;
    }
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "1".into());
    with_environment(&[("GUARD", &level)]);
    println!("level {level:<38} {:>11} {:>11}", "guarded", "bare");

    let mut plain = Box::new(1u32);
    let plain: *mut u32 = &raw mut *plain;
    let mut on_stack = 1u32;
    let on_stack: *mut u32 = &raw mut on_stack;
    let unknown: *mut Unknown = Box::leak(Box::new(Unknown { a: 1, b: 2, c: 3 }));
    let derived: *mut Derived = Box::leak(Box::new(Derived { a: 1, b: std::ptr::null(), c: 3 }));
    // SAFETY: read once, so that the fields count as used.
    black_box(unsafe {
        (*unknown).a + (*unknown).b + (*unknown).c + (*derived).a + (*derived).c + (*derived).b.addr()
    });

    // SAFETY: each pointer leads to a live value of four bytes or more, which C adds one to.
    let bare = |p: *mut u32| move || (0..N).for_each(|_| _ = black_box(unsafe { bare::ffg_bench_touch(black_box(p)) }));
    beside(
        "no pointer",
        N,
        || (0..N).for_each(|_| _ = black_box(guarded::none(black_box(-3)))),
        || (0..N).for_each(|_| _ = black_box(bare::none(black_box(-3)))),
    );
    beside(
        "one pointer, plain pointee on the heap",
        N,
        // SAFETY: as for the bare call.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::plain(black_box(plain)) })),
        bare(plain),
    );
    beside(
        "one pointer, plain pointee on the stack",
        N,
        // SAFETY: as for the bare call.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::plain(black_box(on_stack)) })),
        bare(on_stack),
    );
    beside(
        "one pointer, 24 bytes of an unknown type",
        N,
        // SAFETY: as for the bare call.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::unknown(black_box(unknown)) })),
        bare(unknown.cast()),
    );
    beside(
        "one pointer, 24 bytes that derive Pointee",
        N,
        // SAFETY: as for the bare call.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::derived(black_box(derived)) })),
        bare(derived.cast()),
    );

    let text = CString::new("sixteen letters.").expect("no NUL in it");
    let (start, n) = (text.as_ptr(), text.as_bytes().len());
    beside(
        "one const pointer, 16 bytes on the heap",
        N,
        // SAFETY: the length is the slice's own.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::counted(black_box(start), n) })),
        // SAFETY: the same.
        || (0..N).for_each(|_| _ = black_box(unsafe { bare::strnlen(black_box(start), n) })),
    );
    beside(
        "one text of 16 bytes (cstr) on the heap",
        N,
        // SAFETY: the text ends with a NUL.
        || (0..N).for_each(|_| _ = black_box(unsafe { guarded::text(black_box(start)) })),
        // SAFETY: the same.
        || (0..N).for_each(|_| _ = black_box(unsafe { bare::strlen(black_box(start)) })),
    );
}
