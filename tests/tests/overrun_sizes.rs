//! An overrun that makes Rust take another size for its block: the overrun is told, first.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::alloc::{Layout, dealloc, realloc};
use std::ffi::{CString, c_char, c_int};
use std::os::unix::process::ExitStatusExt as _;

use ffi_guard_tests::process::{is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

// Unguarded, so that nothing looks before the free.
unsafe extern "C" {
    fn snprintf(buffer: *mut c_char, size: usize, format: *const c_char, ...) -> c_int;
}

/// Has C write a text of 10 bytes and a NUL into a block.
fn overrun(block: *mut c_char) {
    unsafe { snprintf(block, 64, c"%d".as_ptr(), 1_234_567_890) };
}

/// The rules that are told, in order.
fn rules(said: &str) -> Vec<&str> {
    said.split("ffi-guard[").skip(1).filter_map(|rest| rest.split(']').next()).collect()
}

fn told_first(test: &str, wrong: impl Fn()) {
    if is_child() {
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        wrong();
        println!("it went on");
        return;
    }
    let output = run_self(test, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert_eq!(rules(&said), ["buffer_overflow"], "{said}");
    assert!(said.contains("found when Rust freed or resized the block"), "{said}");
    let output = run_self(test, &[("GUARD", "2"), ("GUARD_ON_VIOLATION", "report")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(rules(&said), ["buffer_overflow", "alloc_dealloc_mismatch"], "{said}");
    // Without the first, the second is told as it was.
    let output = run_self(test, &[("GUARD", "2"), ("GUARD_ALLOW", "buffer_overflow")]);
    let said = stderr(&output);
    assert_eq!(rules(&said), ["alloc_dealloc_mismatch"], "{said}");
    // Level 1 has no canaries.
    let output = run_self(test, &[("GUARD", "1")]);
    assert_eq!(rules(&stderr(&output)), ["alloc_dealloc_mismatch"], "{}", stderr(&output));
}

#[test]
fn a_text_that_is_taken_back() {
    told_first("a_text_that_is_taken_back", || {
        let text = CString::new(Vec::<u8>::with_capacity(64)).unwrap().into_raw();
        overrun(text);
        drop(unsafe { CString::from_raw(text) });
    });
}

#[test]
fn a_block_whose_size_c_has_overwritten() {
    told_first("a_block_whose_size_c_has_overwritten", || {
        let block = Box::into_raw(Box::new([0_u8; 8]));
        overrun(block.cast());
        unsafe { dealloc(block.cast(), Layout::new::<[u8; 12]>()) };
    });
}

#[test]
fn a_block_that_is_resized() {
    told_first("a_block_that_is_resized", || {
        let block = Box::into_raw(Box::new([0_u8; 8]));
        overrun(block.cast());
        let moved = unsafe { realloc(block.cast(), Layout::new::<[u8; 12]>(), 40) };
        unsafe { dealloc(moved, Layout::new::<[u8; 40]>()) };
    });
}

#[test]
fn a_wrong_size_without_an_overrun_is_told_as_such() {
    const TEST: &str = "a_wrong_size_without_an_overrun_is_told_as_such";
    if is_child() {
        let block = Box::into_raw(Box::new([0_u8; 8]));
        unsafe { dealloc(block.cast(), Layout::new::<[u8; 12]>()) };
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    assert_eq!(rules(&stderr(&output)), ["alloc_dealloc_mismatch"], "{}", stderr(&output));
}
