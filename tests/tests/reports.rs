//! What a report shows, from outside: the places that are the user's, wherever the program runs.

use std::ffi::c_void;
use std::process::Output;
use std::ptr;

use c_fixtures::callbacks::{fire, register_step};
use c_fixtures::paged;
use ffi_guard::{GuardAlloc, guard};
use ffi_guard_tests::process::{end_if_stuck, is_child, run_self, run_self_behind, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

#[guard]
unsafe extern "C" fn counts(user: *mut c_void, number: i32) -> i32 {
    // SAFETY: `user` is a count; if it is not, the guard stops the callback before.
    unsafe { *user.cast::<i32>() += number };
    0
}

#[guard]
unsafe extern "C" fn leaks(_: *mut c_void, _: i32) -> *mut u8 {
    Box::into_raw(Box::new(7_u8))
}

/// The line of this file that has these words.
fn line_of(words: &str) -> usize {
    include_str!("reports.rs").lines().position(|line| line.contains(words)).expect("it is in this file") + 1
}

/// What the child wrote, which must have ended badly.
fn said(output: &Output) -> String {
    assert!(!output.status.success(), "{:?}", output.status);
    stderr(output)
}

#[test]
fn a_callbacks_report_is_of_its_own_place_and_of_the_call_that_lent() {
    let test = "a_callbacks_report_is_of_its_own_place_and_of_the_call_that_lent";
    if is_child() {
        end_if_stuck();
        let user = Box::into_raw(Box::new(1_i32));
        // SAFETY: it is not: that is the test.
        unsafe {
            register_step(Some(counts), user.cast());
            drop(Box::from_raw(user));
            fire(3);
        }
        return;
    }
    // As from level 2 on the drop would be told; level 3 notes loans as well.
    for level in ["2", "3"] {
        let said = said(&run_self(test, &[("GUARD", level), ("GUARD_ALLOW", "freed_while_retained")]));
        let (name, lent) = (line_of("fn counts("), line_of("register_step(Some(counts), user"));
        assert!(said.contains("ffi-guard[dangling_pointer]: `user` of `counts` points to freed memory"), "{said}");
        assert!(said.contains(&format!("panicked at tests/tests/reports.rs:{name}:")), "{level}: {said}");
        let beat = said.lines().find(|line| line.trim_start().starts_with("lent: ")).unwrap_or_default();
        assert!(beat.contains(&format!("reports.rs:{lent}:")) && beat.contains("register_step"), "{level}: {said}");
        let report = said.split("stack backtrace").next().unwrap_or_default();
        assert!(!report.contains("/boundary/"), "{said}");
    }
}

#[test]
fn a_callbacks_result_is_told_at_its_own_place() {
    let test = "a_callbacks_result_is_told_at_its_own_place";
    if is_child() {
        end_if_stuck();
        // SAFETY: to C the result is a number.
        unsafe {
            let step = std::mem::transmute::<
                unsafe extern "C" fn(*mut c_void, i32) -> *mut u8,
                unsafe extern "C" fn(*mut c_void, i32) -> i32,
            >(leaks);
            register_step(Some(step), ptr::null_mut());
            fire(3);
        }
        return;
    }
    let said = said(&run_self(test, &[("GUARD", "1")]));
    let name = line_of("fn leaks(");
    assert!(said.contains("ffi-guard[returned_pointer]: `leaks` returned a pointer to Rust memory to C"), "{said}");
    assert!(said.contains(&format!("panicked at tests/tests/reports.rs:{name}:")), "{said}");
}

/// Breaks a rule at a call whose block was made here.
fn keep_what_is_freed() {
    end_if_stuck();
    let mut block = Box::new([1_u8; 16]);
    let address = block.as_mut_ptr();
    // SAFETY: it is not: that is the test.
    unsafe {
        drop(block);
        paged::keep(address);
    }
}

/// Runs the calling test's body from another folder, with the program beside its sources or not.
fn from_elsewhere(test: &str, copied: bool) -> String {
    let copy =
        if copied { "copy=$(mktemp -d)/program; cp \"$1\" \"$copy\"; shift; set -- \"$copy\" \"$@\";" } else { "" };
    let shell = format!("unset CARGO_MANIFEST_DIR; {copy} cd /;");
    said(&run_self_behind(&shell, test, &[("GUARD", "2")]))
}

#[test]
fn paths_are_relative_wherever_the_program_runs() {
    let test = "paths_are_relative_wherever_the_program_runs";
    if is_child() {
        return keep_what_is_freed();
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_str().unwrap();
    for copied in [false, true] {
        let said = from_elsewhere(test, copied);
        let report = &said[said.find("ffi-guard[dangling_pointer]").unwrap_or_else(|| panic!("{said}"))..];
        let report = report.split("summary: ").next().unwrap_or_default();
        assert!(!report.contains(root), "{copied}: {report}");
        assert!(report.contains("    paged::keep(address)") || report.contains("paged::keep(address);"), "{report}");
        let (made, freed) = (line_of("let mut block = Box::new"), line_of("drop(block);"));
        for place in [format!("tests/tests/reports.rs:{made}:"), format!("tests/tests/reports.rs:{freed}:")] {
            assert!(report.contains(&place), "{copied}: {place}: {report}");
        }
    }
}

unsafe extern "C" {
    fn qsort(
        base: *mut c_void,
        count: usize,
        size: usize,
        compare: unsafe extern "C" fn(*const c_void, *const c_void) -> i32,
    );
}

unsafe extern "C" fn compare(left: *const c_void, _: *const c_void) -> i32 {
    keep_what_is_freed();
    i32::from(left.is_null())
}

/// Frames in the C library are between the user's, with source where its debug information is
/// installed.
#[test]
fn the_c_librarys_source_is_not_the_users() {
    let test = "the_c_librarys_source_is_not_the_users";
    if is_child() {
        let mut numbers = [3_u64, 2, 1];
        // SAFETY: three numbers.
        unsafe { qsort(numbers.as_mut_ptr().cast(), 3, 8, compare) };
        return;
    }
    let said = said(&run_self(test, &[("GUARD", "2")]));
    let report = &said[said.find("ffi-guard[dangling_pointer]").unwrap_or_else(|| panic!("{said}"))..];
    let report = report.split("stack backtrace").next().unwrap_or_default();
    assert!(report.contains("   compare"), "{report}");
    for glibc in ["msort.c", "qsort.c", "pthread_create.c", "clone3.S"] {
        assert!(!report.contains(glibc), "{report}");
    }
}
