//! dangling_field: a pointer in what an argument points to leads to Rust memory already freed. What
//! lies in C's heap is in `tests/c_heap/handles.rs`.

use std::ffi::{CString, c_char, c_long};

use c_fixtures::dangling_field::{
    BareLabel, Label, OwnLabel, bad_label_length, bad_stated_label_length, ok_bare_label_width, ok_label_wider,
    ok_label_width,
};
use ffi_guard::{Rule, Severity, catch, expect_violation};
use ffi_guard_tests::process::{at_checked_levels, is_child, run_self, stderr};

fn owner() -> CString {
    CString::new("a text that is on the heap").expect("no NUL in it")
}

/// The text of an owner that is dropped before it is used.
fn dead() -> *const c_char {
    let owner = owner();
    owner.as_ptr()
}

#[test]
fn a_dangling_field_of_a_live_struct_is_found() {
    at_checked_levels("dangling_field::a_dangling_field_of_a_live_struct_is_found", || {
        let label = Box::new(Label { width: 10, text: dead() });
        let on_stack = Label { width: 10, text: dead() };
        for label in [&raw const *label, &raw const on_stack] {
            let violation = expect_violation!(Rule::DanglingField, {
                // SAFETY: not sound, and that is the point: the guard stops the call before C
                // reads.
                unsafe { bad_label_length(label) };
            });
            let report = violation.to_string();
            assert!(report.starts_with("ffi-guard[dangling_field]: `label` of `bad_label_length`"), "{report}");
            assert!(
                violation.message().ends_with(", in `text`") && violation.target().is_some_and(|it| !it.is_live()),
                "{report}"
            );
        }
    });
}

/// The layout of the type is not known, so the word can be anything: a number, or a pointer that
/// was left behind.
#[test]
fn a_word_of_a_type_that_says_nothing_is_asked_for_by_name() {
    let test = "dangling_field::a_word_of_a_type_that_says_nothing_is_asked_for_by_name";
    let call = || {
        let label = Box::new(BareLabel { width: 0, text: dead() });
        // SAFETY: C reads the width alone.
        catch(|| unsafe { ok_bare_label_width(&raw const *label) })
    };
    if is_child() {
        let named = std::env::var("NAMED").is_ok();
        match call() {
            Ok(_) => assert!(!named),
            Err(violation) => {
                assert!(named && violation.rule() == Rule::DanglingField, "{violation}");
                assert!(violation.to_json().contains(r#""evidence":"value""#), "{}", violation.to_json());
            }
        }
        return;
    }
    for level in ["1", "2"] {
        for setting in [("GUARD_DENY", "all"), ("GUARD_WARN", "all"), ("GUARD_DENY", "nested_pointer")] {
            let output = run_self(test, &[("GUARD", level), setting]);
            assert!(output.status.success() && !stderr(&output).contains("ffi-guard["), "{}", stderr(&output));
        }
        let output = run_self(test, &[("GUARD", level), ("GUARD_DENY", "dangling_field"), ("NAMED", "1")]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[test]
fn an_attribute_that_says_what_c_does_makes_the_word_count() {
    let label = Box::new(BareLabel { width: 10, text: dead() });
    let violation = expect_violation!(Rule::DanglingField, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_stated_label_length(&raw const *label) };
    });
    assert_eq!(violation.severity(), Severity::Deny);
}

#[test]
fn a_field_that_c_never_looks_at_may_lead_anywhere() {
    let text = owner();
    for text in [dead(), text.as_ptr()] {
        let label = Box::new(OwnLabel { width: 10, text });
        // SAFETY: C reads the width alone.
        assert_eq!(catch(|| unsafe { ok_label_width(&raw const *label) }).expect("clean"), 10);
    }
}

mod declared {
    use super::{Both, c_long};
    use c_fixtures::dangling_field::Label;

    #[ffi_guard::guard(allow(abi_mismatch))]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_ok_label_width"]
        pub fn both(label: *const Both) -> usize;
        #[link_name = "ffg_ok_label_width"]
        #[guard(allow(nested_pointer), warn(dangling_field))]
        pub fn warned(label: *const Both) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn allowed(#[guard(allow(dangling_field))] label: *const Label) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn reads(label: *const *const c_long) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn fills(label: *mut *const c_long) -> usize;
    }
}

/// A label with more texts after it.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
struct Both {
    width: c_long,
    text: *const c_char,
    more: [*const c_char; 2],
}

#[test]
fn freed_memory_is_told_before_live_memory() {
    at_checked_levels("dangling_field::freed_memory_is_told_before_live_memory", || {
        let live = owner();
        let (live, dead) = (live.as_ptr(), dead());
        let texts = [[live, live, dead], [dead, live, live], [live, dead, live]];
        for [text, first, second] in texts {
            let both = Box::new(Both { width: 10, text, more: [first, second] });
            // SAFETY: C reads the width alone.
            expect_violation!(Rule::DanglingField, { unsafe { declared::both(&raw const *both) } });
        }
        let (one, other) = (Label { width: 1, text: live }, Label { width: 2, text: dead });
        for (one, other) in [(&one, &other), (&other, &one)] {
            // SAFETY: C reads the widths alone.
            expect_violation!(Rule::DanglingField, { unsafe { ok_label_wider(one, other) } });
        }
        let gone: *const Label = {
            let boxed = Box::new(Label { width: 1, text: live });
            &raw const *boxed
        };
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        expect_violation!(Rule::DanglingPointer, { unsafe { ok_label_wider(&raw const one, gone) } });
    });
}

#[test]
fn its_severity_is_its_own() {
    if is_child() {
        let both = Box::new(Both { width: 10, text: dead(), more: [dead(); 2] });
        // SAFETY: C reads the width alone.
        assert_eq!(unsafe { declared::warned(&raw const *both) }, 10);
        let label = Box::new(Label { width: 3, text: dead() });
        // SAFETY: as above.
        assert_eq!(unsafe { declared::allowed(&raw const *label) }, 3);
        return;
    }
    let output = run_self("dangling_field::its_severity_is_its_own", &[("GUARD", "2")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        stderr(&output).matches("ffi-guard[dangling_field]: `label` of `warned`").count(),
        1,
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_label_whose_text_is_a_literal_is_clean() {
    let label = Box::new(Label { width: 3, text: c"static".as_ptr() });
    // SAFETY: the label is alive and its text lives for ever.
    let shown = catch(|| unsafe { bad_label_length(&raw const *label) });
    assert_eq!(shown.expect("clean"), 3);
}

#[test]
fn repaired_by_a_null_where_the_owner_is_dropped() {
    let text = owner();
    let mut label = Box::new(Label { width: 10, text: text.as_ptr() });
    drop(text);
    label.text = std::ptr::null();
    // SAFETY: the function takes a label without a text.
    let shown = catch(|| unsafe { bad_label_length(&raw const *label) });
    assert_eq!(shown.expect("clean"), 0);
}

/// A variable for C's answer holds what was in it before.
#[test]
fn a_pointer_that_c_may_fill_in_may_hold_an_old_address() {
    let mut answer = Box::new(dead().cast::<c_long>());
    // SAFETY: C reads the word as a number.
    unsafe {
        catch(|| declared::fills(&raw mut *answer)).expect("clean");
        expect_violation!(Rule::DanglingField, { declared::reads(&raw const *answer) });
    }
}
