//! invalid_result: what C gives back is not what the declaration says of it.

use std::ffi::{CStr, c_char, c_int};

use c_fixtures::invalid_result::{
    bad_blob, bad_blob_or_null, bad_deliver, bad_echo, bad_echo_or_null, bad_name, bad_print, bad_print_or_fail,
    bad_same, bad_table, bad_text, ok_blob, ok_name, ok_print,
};
use ffi_guard::{Rule, Violation, catch, expect_violation, guard};

fn found(call: impl FnOnce()) -> Violation {
    expect_violation!(Rule::InvalidResult, { call() })
}

fn says(violation: &Violation, words: &str) {
    let report = violation.to_string();
    let first = report.lines().next().unwrap_or_default();
    let whole = format!("ffi-guard[invalid_result]: {words}");
    // What makes the first line too long is left out of it.
    let short = if whole.len() > 84 { whole.split(", ").next().unwrap_or_default() } else { &whole };
    assert_eq!(first, short, "{report}");
}

#[test]
fn null_for_a_text_is_found() {
    for _ in 0..3 {
        let violation = found(|| _ = bad_name(-1));
        says(&violation, "`bad_name` returned null, declared `returns(nonnull)`");
        assert_eq!((violation.function(), violation.parameter()), (Some("bad_name"), None));
        assert!(!catch(|| bad_name(1)).expect("clean").is_null());
    }
}

#[test]
fn the_nearest_is_clean() {
    for which in [-1, 0, 1, 2] {
        let name = catch(|| ok_name(which)).expect("clean");
        // SAFETY: a C string.
        assert!(unsafe { CStr::from_ptr(name) }.to_str().is_ok());
    }
}

#[test]
fn repaired_by_taking_null_for_none() {
    let name = catch(|| bad_text(-1)).expect("clean");
    assert!(name.is_null());
}

#[test]
fn a_text_in_another_encoding_is_found() {
    for _ in 0..3 {
        let violation = found(|| _ = bad_text(2));
        says(&violation, "`bad_text` returned a text that is no UTF-8");
        assert!(violation.to_string().contains("byte 3 of the text is 0xe9"), "{violation}");
        catch(|| bad_text(1)).expect("clean");
    }
}

#[test]
fn null_with_a_count_is_found() {
    let mut length = 0;
    for _ in 0..3 {
        // SAFETY: the length is there.
        let violation = found(|| _ = unsafe { bad_blob(0, &raw mut length) });
        says(&violation, "`bad_blob` returned null with a count of 0");
        assert!(violation.to_string().contains("null_when_empty"), "{violation}");
        // SAFETY: as above.
        let violation = found(|| _ = unsafe { bad_blob(-5, &raw mut length) });
        says(&violation, "`bad_blob` returned null with a count of 5");
        // SAFETY: as above.
        assert!(!catch(|| unsafe { bad_blob(4, &raw mut length) }).expect("clean").is_null());
        // SAFETY: as above.
        assert!(!catch(|| unsafe { ok_blob(0, &raw mut length) }).expect("clean").is_null());
    }
}

#[test]
fn repaired_by_saying_that_null_is_empty() {
    let mut length = 9;
    // SAFETY: the length is there.
    let blob = catch(|| unsafe { bad_blob_or_null(0, &raw mut length) }).expect("clean");
    assert!(blob.is_null() && length == 0);
    // SAFETY: as above.
    let violation = found(|| _ = unsafe { bad_blob_or_null(-5, &raw mut length) });
    says(&violation, "`bad_blob_or_null` returned null with a count of 5");
}

#[test]
fn a_count_that_the_block_has_not_is_found() {
    let mut bytes = vec![1_u8; 40];
    let mut out = 0;
    let (bytes, out) = (bytes.as_mut_ptr(), &raw mut out);
    // SAFETY: C touches none of the bytes.
    let violation = found(|| _ = unsafe { bad_echo(bytes, 41, out) });
    says(&violation, "`bad_echo` returned 41 bytes, and the block has 40");
    // SAFETY: as above.
    says(&found(|| _ = unsafe { bad_echo(bytes, -1, out) }), "`bad_echo` returned a count of -1");
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { bad_echo(bytes, 40, out) }).expect("clean"), bytes);
    // SAFETY: as above: without a result the count says nothing.
    assert!(catch(|| unsafe { bad_echo_or_null(std::ptr::null_mut(), -1, out) }).expect("clean").is_null());
}

#[test]
fn a_text_of_rusts_without_nul_is_found() {
    let mut text = vec![b'a'; 24];
    let at: *mut c_char = text.as_mut_ptr().cast();
    // SAFETY: C does not read the text.
    let violation = found(|| _ = unsafe { bad_same(at) });
    says(&violation, "`bad_same` returned a text without NUL in 24 bytes");
    text[23] = 0;
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { bad_same(at) }).expect("clean"), at);
    // SAFETY: as above.
    assert!(catch(|| unsafe { bad_same(std::ptr::null_mut()) }).expect("clean").is_null());
}

#[test]
fn a_number_beyond_the_room_is_found() {
    let mut room = [0_u8; 8];
    let out: *mut c_char = room.as_mut_ptr().cast();
    // SAFETY: the room is there, and the text is one.
    let violation = found(|| _ = unsafe { bad_print(out, 8, c"a longer text".as_ptr()) });
    says(&violation, "`bad_print` returned 13, which is more than 7");
    // SAFETY: as above.
    let violation = found(|| _ = unsafe { bad_print(out, 8, c"".as_ptr()) });
    says(&violation, "`bad_print` returned -1, which is negative");
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { bad_print(out, 8, c"seven!!".as_ptr()) }).expect("clean"), 7);
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { ok_print(out, 8, c"a longer text".as_ptr()) }).expect("clean"), 7);
    // SAFETY: as above: a negative number is a failure, of which nothing is said.
    assert_eq!(catch(|| unsafe { bad_print_or_fail(out, 8, c"".as_ptr()) }).expect("clean"), -1);
    // SAFETY: as above.
    let violation = found(|| _ = unsafe { bad_print_or_fail(out, 8, c"a longer text".as_ptr()) });
    says(&violation, "`bad_print_or_fail` returned 13, which is more than 7");
}

#[test]
fn an_address_off_its_multiple_is_found() {
    let violation = found(|| _ = bad_table(8));
    says(&violation, "`bad_table` returned an address that is no multiple of 16");
    assert!(!catch(|| bad_table(16)).expect("clean").is_null());
}

#[guard]
unsafe extern "C" fn deliver(
    #[guard(utf8)] text: *const c_char,
    #[guard(counted_by = length, aligned = 2)] bytes: *const u8,
    #[guard(at_most = 4)] length: c_int,
) {
    _ = (text, bytes, length);
}

#[test]
fn what_a_callback_gets_is_asked_the_same() {
    let good = c"caf\u{e9}".as_ptr();
    let bytes = [1_u16, 2];
    let bytes: *const u8 = bytes.as_ptr().cast();
    // SAFETY: the callback reads nothing.
    let call = |text, bytes, length| catch(|| unsafe { bad_deliver(deliver, text, bytes, length) });
    let told = |text, bytes, length, rule, words: &str| {
        let violation = call(text, bytes, length).expect_err(words);
        assert_eq!(violation.rule(), rule, "{violation}");
        assert!(violation.to_string().lines().next().unwrap_or_default().contains(words), "{violation}");
    };
    for _ in 0..3 {
        call(good, bytes, 4).expect("clean");
        call(std::ptr::null(), std::ptr::null(), 0).expect("clean");
        let invalid = Rule::InvalidResult;
        told(c"caf\xe9".as_ptr(), bytes, 1, invalid, "C passed a text that is no UTF-8 for `text` of `deliver`");
        told(good, std::ptr::null(), 2, invalid, "C passed null with a count of 2 for `bytes` of `deliver`");
        told(good, bytes, 5, invalid, "C passed 5, which is more than `4` for `length` of `deliver`");
        told(good, bytes, -1, invalid, "C passed -1, which is negative for `length` of `deliver`");
        // SAFETY: within the array.
        let odd = unsafe { bytes.add(1) };
        told(good, odd, 1, Rule::MisalignedPointer, "`bytes` of `deliver` is not aligned to 2 bytes");
    }
}
