//! Four programs on which AddressSanitizer and Valgrind print nothing, one process each:
//! `cargo run --example four` runs all and says how each was found;
//! `cargo run --example four -- c_frees_a_box` runs one, with its whole report.

use std::ffi::{CString, c_char, c_int, c_void};
use std::process::{Command, ExitCode, Stdio};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

// For its C.
use c_fixtures as _;

mod c {
    use super::{c_char, c_int, c_void};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// C: `static const int *kept; void ffg_bad_keep_global(const int *values) { kept = values;
        /// }`
        #[link_name = "ffg_bad_keep_global"]
        pub(crate) fn keep(values: *const c_int);
    }
    unsafe extern "C" {
        pub(crate) fn free(block: *mut c_void);
        pub(crate) fn strdup(text: *const c_char) -> *mut c_char;
    }
}

/// A `Box` that C frees.
fn c_frees_a_box() {
    let value = Box::into_raw(Box::new([7_u64; 5]));
    // SAFETY: none, which is what this is about.
    unsafe { c::free(value.cast()) };
}

/// A block of C's `malloc` that Rust drops.
fn rust_drops_cs_block() {
    // SAFETY: none, which is what this is about.
    drop(unsafe { CString::from_raw(c::strdup(c"made by strdup".as_ptr())) });
}

/// A `Box` of 40 bytes that is dropped as one of 8.
fn forty_bytes_dropped_as_eight() {
    let value: *mut [u64; 5] = Box::into_raw(Box::new([7; 5]));
    // SAFETY: none, which is what this is about.
    drop(unsafe { Box::from_raw(value.cast::<u64>()) });
}

/// A pointer that C keeps after its `Box` has died.
fn c_keeps_a_dead_box() {
    let value = Box::new(7);
    // SAFETY: none, which is what this is about.
    unsafe { c::keep(&raw const *value) };
    drop(value);
}

const PROGRAMS: [(&str, &str, fn()); 4] = [
    ("c_frees_a_box", "a `Box` freed with C's `free`", c_frees_a_box),
    ("rust_drops_cs_block", "a block of C's `malloc` dropped by Rust", rust_drops_cs_block),
    ("forty_bytes_dropped_as_eight", "a `Box` of 40 bytes dropped as one of 8", forty_bytes_dropped_as_eight),
    ("c_keeps_a_dead_box", "a pointer that C keeps after its `Box` has died", c_keeps_a_dead_box),
];

fn main() -> ExitCode {
    if let Some(wanted) = std::env::args().nth(1) {
        let Some((.., program)) = PROGRAMS.iter().find(|(name, ..)| *name == wanted) else {
            eprintln!("no program is named {wanted:?}");
            return ExitCode::from(2);
        };
        program();
        println!("{wanted}: it came to its end, at level {}", ffi_guard::level());
        return ExitCode::SUCCESS;
    }
    let me = std::env::current_exe().expect("a running program has a path");
    let mut found = 0;
    for (name, what, _) in PROGRAMS {
        let output = Command::new(&me).arg(name).stdout(Stdio::null()).output().expect("it runs again");
        let said = String::from_utf8_lossy(&output.stderr);
        let report = said.lines().find(|line| line.starts_with("ffi-guard["));
        found += usize::from(report.is_some() && !output.status.success());
        println!("{what}\n    {}", report.unwrap_or("nothing was said"));
    }
    println!("{found} of {} found at level {}", PROGRAMS.len(), ffi_guard::level());
    if found == PROGRAMS.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
