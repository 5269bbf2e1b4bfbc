//! dangling_pointer: an argument leads to Rust memory already freed.

use std::ffi::CString;

use c_fixtures::dangling_pointer::{bad_name_length, ok_name_length};
use ffi_guard::{Rule, catch, expect_violation};

/// The classic: the `CString` is a temporary and dies at the end of the statement.
#[allow(dangling_pointers_from_temporaries)]
fn of_a_temporary() -> *const std::ffi::c_char {
    CString::new("a name that is on the heap").expect("no NUL in it").as_ptr()
}

#[test]
fn the_string_of_a_temporary_is_found() {
    let name = of_a_temporary();
    let violation = expect_violation!(Rule::DanglingPointer, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_name_length(name) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[dangling_pointer]: "), "{report}");
    assert!(report.contains("`name`"), "names the parameter:\n{report}");
}

#[test]
fn a_pointer_into_the_middle_of_a_freed_block_is_found() {
    let values = vec![b'x'; 100];
    let middle = values[40..].as_ptr();
    drop(values);
    expect_violation!(Rule::DanglingPointer, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { ok_name_length(middle.cast()) };
    });
}

#[test]
fn null_and_a_literal_are_clean() {
    // SAFETY: the function takes null; the literal is a C string.
    let lengths = catch(|| unsafe { (ok_name_length(std::ptr::null()), ok_name_length(c"static".as_ptr())) });
    assert_eq!(lengths.expect("clean"), (0, 6));
}

#[test]
fn repaired_by_keeping_the_string_in_a_variable() {
    let name = CString::new("a name that is on the heap").expect("no NUL in it");
    // SAFETY: the string lives through the call.
    let length = catch(|| unsafe { ok_name_length(name.as_ptr()) });
    assert_eq!(length.expect("clean"), 26);
}
