//! unterminated_string: a `cstr` argument has no NUL before the end of its Rust block.

use std::ffi::CString;

use c_fixtures::unterminated_string::{bad_count_spaces, ok_count_spaces};
use ffi_guard::{Rule, catch, expect_violation};

#[test]
fn the_bytes_of_a_string_are_found() {
    let text = String::from("no NUL at the end");
    let violation = expect_violation!(Rule::UnterminatedString, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_count_spaces(text.as_ptr().cast()) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[unterminated_string]: "), "{report}");
    assert!(report.contains("CString") || report.contains("c\""), "advises a C string:\n{report}");
}

#[test]
fn a_full_vec_without_a_nul_is_found() {
    let text = vec![b' '; 64];
    expect_violation!(Rule::UnterminatedString, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_count_spaces(text.as_ptr().cast()) };
    });
}

#[test]
fn a_nul_in_the_last_byte_is_clean() {
    let mut text = vec![b' '; 64];
    text[63] = 0;
    // SAFETY: the last byte ends the string.
    let spaces = catch(|| unsafe { bad_count_spaces(text.as_ptr().cast()) });
    assert_eq!(spaces.expect("clean"), 63);
}

#[test]
fn null_and_a_literal_are_clean() {
    // SAFETY: the function takes null; the literal is a C string.
    let spaces = catch(|| unsafe { (bad_count_spaces(std::ptr::null()), bad_count_spaces(c"a b c".as_ptr())) });
    assert_eq!(spaces.expect("clean"), (0, 2));
}

#[test]
fn repaired_by_a_c_string() {
    let text = CString::new("no NUL at the end").expect("none within either");
    // SAFETY: a C string that lives through the call.
    let spaces = catch(|| unsafe { bad_count_spaces(text.as_ptr()) });
    assert_eq!(spaces.expect("clean"), 4);
}

#[test]
fn repaired_by_a_function_that_takes_the_length() {
    let text = String::from("no NUL at the end");
    // SAFETY: the length is the string's own.
    let spaces = catch(|| unsafe { ok_count_spaces(text.as_ptr().cast(), text.len()) });
    assert_eq!(spaces.expect("clean"), 4);
}
