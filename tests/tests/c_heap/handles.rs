//! `dangling_field` and `nested_pointer` in a handle of C's own, which keeps what a call that
//! nobody guards has given it.

use std::ffi::{CString, c_char};

use c_fixtures::dangling_field as c;
use ffi_guard::{Rule, Severity, catch, expect_violation, set_report_hook};
use ffi_guard_tests::process::{at_level, is_child, run_self, stderr};

fn owner() -> CString {
    CString::new("field=42, on the heap").expect("no NUL in it")
}

type Set = fn(*mut c::Body, *const c_char);

/// The ways in which C gets the address of the text, each with what the report says of the place.
// SAFETY, of all three: called with a live handle.
#[allow(clippy::undocumented_unsafe_blocks)]
const WAYS: [(Set, &str); 3] = [
    (|body, text| unsafe { c::set_bare(body, text) }, ", at byte 24"),
    (|body, text| unsafe { c::setopt(body, 10_015, text) }, ", at byte 24"),
    (|body, text| unsafe { c::set_aside(body, text) }, ", in another block of C's, at byte 32"),
];

/// A handle that keeps a text which is freed, or which the caller holds.
fn body(set: Set, text: Option<&CString>) -> *mut c::Body {
    let body = c::new_body();
    let own = owner();
    set(body, text.unwrap_or(&own).as_ptr());
    body
}

#[test]
fn what_a_handle_keeps_is_told_of_once_it_is_freed() {
    if is_child() {
        for (set, place) in WAYS {
            let body = body(set, None);
            let violation = expect_violation!(Rule::DanglingField, {
                // SAFETY: a live handle.
                unsafe { c::bad_stated_length(body) };
            });
            assert_eq!(violation.severity(), Severity::Deny);
            let report = violation.to_string();
            let first = format!("`body` of `bad_stated_length` leads to freed memory{place}");
            assert_eq!(violation.message(), first, "{report}");
            assert!(report.contains("C allocated: "), "{report}");
            // SAFETY: a live handle, not used afterwards; allowed to keep what is freed.
            unsafe { assert_eq!(c::ok_allowed_length(body), 1) };
        }
        return;
    }
    let test = "handles::what_a_handle_keeps_is_told_of_once_it_is_freed";
    let output = run_self(test, &[("GUARD", "2")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("ffi-guard[").count(), 0, "{}", stderr(&output));
}

/// Whether C still reads it is not known: where no attribute says what C does, it is a warning.
#[test]
fn it_is_a_warning_where_nobody_said_what_c_does() {
    if is_child() {
        set_report_hook(|violation| assert_eq!(violation.rule(), Rule::DanglingField, "{violation}"));
        for (set, _) in WAYS {
            let body = body(set, None);
            // SAFETY: a live handle, of each kind of type.
            unsafe {
                assert_eq!(c::bad_body_length(body), 1);
                assert_eq!(c::bad_void_length(body.cast()), 1);
                assert_eq!(c::bad_struct_length(body.cast()), 1);
            }
        }
        return;
    }
    let output = run_self("handles::it_is_a_warning_where_nobody_said_what_c_does", &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    for function in ["bad_body_length", "bad_void_length", "bad_struct_length"] {
        assert!(said.contains(&format!("ffi-guard[dangling_field]: `body` of `{function}` leads to freed")), "{said}");
    }
    assert!(!said.contains("derive(") && !said.contains("guard(opaque)"), "advice for an opaque type:\n{said}");
}

/// No guarded call has lent it: the one that passes the handle has nothing to do with it.
#[test]
fn what_a_handle_keeps_by_right_is_not_told_of() {
    if is_child() {
        let text = owner();
        for (set, _) in WAYS {
            let body = body(set, Some(&text));
            // SAFETY: a live handle, freed once; the text outlives it.
            let clean = catch(|| unsafe {
                let length = c::bad_stated_length(body) + c::bad_body_length(body) + c::bad_void_length(body.cast());
                c::free_body(body);
                length
            });
            assert_eq!(clean.expect("clean"), 3);
        }
        return;
    }
    let test = "handles::what_a_handle_keeps_by_right_is_not_told_of";
    for more in [&[][..], &[("GUARD_DENY", "all")], &[("GUARD_WARN", "all")]] {
        let output = run_self(test, &[&[("GUARD", "2")], more].concat());
        assert!(output.status.success() && !stderr(&output).contains("ffi-guard["), "{}", stderr(&output));
    }
}

/// Freed memory in the last block is worse than live memory in the first.
#[test]
fn freed_memory_is_told_before_live_memory() {
    at_level("handles::freed_memory_is_told_before_live_memory", "2", || {
        let text = owner();
        let body = c::new_body();
        let gone = owner();
        // SAFETY: a live handle.
        unsafe {
            c::set_bare(body, text.as_ptr());
            c::set_aside(body, gone.as_ptr());
        }
        drop(gone);
        // SAFETY: a live handle.
        let violation = expect_violation!(Rule::DanglingField, { unsafe { c::bad_stated_length(body) } });
        assert!(violation.message().ends_with("in another block of C's, at byte 32"), "{violation}");
    });
}
