//! returned_pointer: a guarded callback returns a pointer to Rust memory.

use std::ffi::{c_char, c_void};

use c_fixtures::returned_pointer::{bad_name_of, copied_name_of, kept_name_of, name_length, ok_name_of, take_name};
use ffi_guard::{Rule, catch, expect_violation};

fn user(name: &mut String) -> *mut c_void {
    std::ptr::from_mut(name).cast()
}

#[test]
fn a_string_of_rusts_that_goes_to_c_is_found() {
    let mut name = String::from("a name\0");
    let violation = expect_violation!(Rule::ReturnedPointer, {
        // SAFETY: the string ends in a NUL and outlives the call.
        unsafe { name_length(bad_name_of, user(&mut name)) }
    });
    assert_eq!(violation.function(), Some("bad_name_of"), "the callback is to blame, not who called C");
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[returned_pointer]: `bad_name_of` returned a pointer to Rust memory to C"));
    assert!(report.contains("#[guard(returns(retained))]"), "names the ways out:\n{report}");
    assert!(report.contains("c-fixtures/src/returned_pointer.rs"), "shows the callback:\n{report}");
}

#[test]
fn a_literal_is_clean() {
    let mut name = String::from("a name\0");
    // SAFETY: as above.
    let length = catch(|| unsafe { name_length(ok_name_of, user(&mut name)) });
    assert_eq!(length.expect("a static is nobody's to free"), 8);
}

#[test]
fn repaired_by_saying_that_it_lives_long_enough() {
    let mut name = String::from("a name\0");
    // SAFETY: as above.
    let length = catch(|| unsafe { name_length(kept_name_of, user(&mut name)) });
    assert_eq!(length.expect("clean"), 6);
}

#[test]
fn repaired_by_a_copy_that_is_cs() {
    let mut name = String::from("a name\0");
    // SAFETY: as above.
    let length = catch(|| unsafe { take_name(copied_name_of, user(&mut name)) });
    assert_eq!(length.expect("clean"), 6);
}

#[test]
fn what_c_handed_in_goes_back_freely() {
    #[ffi_guard::guard]
    unsafe extern "C" fn back(user: *mut c_void) -> *const c_char {
        user.cast_const().cast()
    }
    #[ffi_guard::guard]
    unsafe extern "C" fn further_in(user: *mut c_void) -> *const c_char {
        user.cast_const().cast::<c_char>().wrapping_add(1)
    }
    let mut bytes = *b"on the stack\0";
    let mut boxed = Box::new(*b"on the heap\0");
    for (callback, user, length) in [
        (back as unsafe extern "C" fn(*mut c_void) -> *const c_char, bytes.as_mut_ptr(), 12),
        (further_in, bytes.as_mut_ptr(), 11),
        (back, boxed.as_mut_ptr(), 11),
        (further_in, boxed.as_mut_ptr(), 10),
    ] {
        // SAFETY: bytes that end in a NUL and outlive the call.
        let measured = catch(|| unsafe { name_length(callback, user.cast()) });
        assert_eq!(measured.expect("C holds it already"), length);
    }
}

#[test]
fn an_address_on_the_callbacks_own_stack_is_found() {
    #[ffi_guard::guard]
    unsafe extern "C" fn gone(_user: *mut c_void) -> *const c_char {
        let mut text = *b"gone\0";
        std::hint::black_box(&mut text).as_ptr().cast()
    }
    let violation = expect_violation!(Rule::ReturnedPointer, {
        // SAFETY: not sound, and that is the point: C does not get it.
        unsafe { name_length(gone, std::ptr::null_mut()) }
    });
    assert!(violation.to_string().contains("a Rust stack"), "{violation}");
}

#[test]
fn what_is_freed_on_the_way_out_is_dangling() {
    #[ffi_guard::guard(returns(retained))]
    unsafe extern "C" fn dropped(_user: *mut c_void) -> *const c_char {
        let name = String::from("a name\0");
        name.as_ptr().cast()
    }
    let violation = expect_violation!(Rule::DanglingPointer, {
        // SAFETY: not sound, and that is the point: C does not get it.
        unsafe { name_length(dropped, std::ptr::null_mut()) }
    });
    assert_eq!(violation.function(), Some("dropped"));
}
