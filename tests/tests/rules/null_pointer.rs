//! null_pointer: a `nonnull` argument is null.

use std::ptr;

use c_fixtures::null_pointer::{bad_first, ok_first};
use ffi_guard::{Rule, catch, expect_violation};

#[test]
fn null_where_none_is_allowed_is_found() {
    let violation = expect_violation!(Rule::NullPointer, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_first(ptr::null()) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[null_pointer]: "), "{report}");
    assert!(report.contains("`values`"), "names the parameter:\n{report}");
}

#[test]
fn null_where_it_is_allowed_is_clean() {
    // SAFETY: the function takes null.
    let first = catch(|| unsafe { ok_first(ptr::null(), 7) });
    assert_eq!(first.expect("clean"), 7);
}

#[test]
fn repaired_by_passing_a_value() {
    // SAFETY: a value that lives through the call.
    let first = catch(|| unsafe { bad_first(&raw const *Box::new(5)) });
    assert_eq!(first.expect("clean"), 5);
}
