//! The five places of a severity, weakest to strongest: default, environment, block, function,
//! parameter.

use std::sync::Mutex;

use c_fixtures::slides::{ComplexStruct, SomeStruct};
use ffi_guard::{Rule, Severity, catch, expect_violation, set_report_hook};
use ffi_guard_tests::process::{is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// One C function under declarations that set a severity in different places.
mod declared {
    use super::ComplexStruct;
    use std::ffi::c_long;

    #[ffi_guard::guard]
    unsafe extern "C" {
        #[link_name = "processComplexStruct"]
        pub fn by_default(s: *const ComplexStruct) -> c_long;
        #[link_name = "processComplexStruct"]
        #[guard(allow(nested_pointer))]
        pub fn function_allows(s: *const ComplexStruct) -> c_long;
        #[link_name = "processComplexStruct"]
        #[guard(deny(nested_pointer))]
        pub fn parameter_allows(#[guard(allow(nested_pointer))] s: *const ComplexStruct) -> c_long;
        #[link_name = "processComplexStruct"]
        pub fn parameter_warns(#[guard(warn(nested_pointer))] s: *const ComplexStruct) -> c_long;
    }

    #[ffi_guard::guard(allow(nested_pointer))]
    unsafe extern "C" {
        #[link_name = "processComplexStruct"]
        pub fn block_allows(s: *const ComplexStruct) -> c_long;
        #[link_name = "processComplexStruct"]
        #[guard(deny(nested_pointer))]
        pub fn function_denies(s: *const ComplexStruct) -> c_long;
    }

    #[ffi_guard::guard(deny(nested_pointer))]
    unsafe extern "C" {
        #[link_name = "processComplexStruct"]
        pub fn block_denies(s: *const ComplexStruct) -> c_long;
    }
}

type Declared = unsafe fn(*const ComplexStruct) -> std::ffi::c_long;

/// Breaks `nested_pointer`, and reads 6 if the call is let through.
fn nest(function: Declared) -> std::ffi::c_long {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: &raw mut *some, y: std::ptr::null_mut() });
    // SAFETY: both boxes outlive the call.
    unsafe { function(&raw const *complex) }
}

fn denied(function: Declared) {
    let violation = expect_violation!(Rule::NestedPointer, { nest(function) });
    assert_eq!(violation.severity(), Severity::Deny);
}

fn allowed(function: Declared) {
    assert_eq!(catch(|| nest(function)).expect("allowed"), 6);
}

#[test]
fn the_nearer_place_wins() {
    denied(declared::by_default);
    allowed(declared::function_allows);
    allowed(declared::parameter_allows);
    allowed(declared::block_allows);
    denied(declared::function_denies);
    denied(declared::block_denies);
}

#[test]
fn a_warning_is_told_and_the_call_goes_on() {
    static WARNED: Mutex<Vec<(Rule, Severity, Option<String>)>> = Mutex::new(Vec::new());
    if is_child() {
        set_report_hook(|violation| {
            let parameter = violation.parameter().map(str::to_owned);
            WARNED.lock().unwrap().push((violation.rule(), violation.severity(), parameter));
        });
        assert_eq!(nest(declared::parameter_warns), 6);
        assert_eq!(*WARNED.lock().unwrap(), [(Rule::NestedPointer, Severity::Warn, Some("s".to_owned()))]);
        return;
    }
    let output = run_self("a_warning_is_told_and_the_call_goes_on", &[("GUARD", "1")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(stderr.contains("ffi-guard[nested_pointer]: "), "{stderr}");
}

#[test]
fn the_environment_is_weaker_than_any_declaration_and_stronger_than_the_default() {
    if is_child() {
        allowed(declared::by_default);
        denied(declared::block_denies);
        denied(declared::function_denies);
        allowed(declared::parameter_allows);
        return;
    }
    let test = "the_environment_is_weaker_than_any_declaration_and_stronger_than_the_default";
    let output = run_self(test, &[("GUARD", "1"), ("GUARD_ALLOW", "nested_pointer")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
