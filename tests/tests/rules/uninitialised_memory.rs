//! uninitialised_memory: C is lent what was never written, or has not filled what it was to fill.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use c_fixtures::uninitialised_memory::untyped::{self, Unknown, Value};
use c_fixtures::uninitialised_memory::{
    Reading, Title, bad_read, checksum, flush, length, name, name_length, ok_read, pair, queue, receive, sum, sum_bare,
    title, title_length, value,
};
use ffi_guard::{Rule, Violation, catch, expect_violation};
use ffi_guard_tests::process::{is_child, run_self, stderr};

/// A buffer of this length that was never written.
#[allow(clippy::uninit_vec)]
fn unwritten<T>(len: usize) -> Vec<T> {
    let mut buffer = Vec::with_capacity(len);
    // SAFETY: not sound, and that is the point; the elements are numbers, which have no destructor.
    unsafe { buffer.set_len(len) };
    buffer
}

fn found(call: impl FnOnce()) -> Violation {
    expect_violation!(Rule::UninitialisedMemory, { call() })
}

#[test]
fn a_buffer_that_was_never_written_is_found() {
    for len in [8, 24, 100, 1000, 5000, 70_000, 1 << 20] {
        let buffer: Vec<u8> = unwritten(len);
        // SAFETY: not sound: the bytes are not initialised; the guard stops the call.
        let violation = found(|| _ = unsafe { checksum(buffer.as_ptr(), buffer.len()) });
        assert_eq!((violation.function(), violation.parameter()), (Some("checksum"), Some("data")));
        let report = violation.to_string();
        assert!(
            report.starts_with("ffi-guard[uninitialised_memory]: `data` of `checksum` was never written"),
            "{report}"
        );
    }
}

#[test]
fn a_count_beyond_what_was_written_is_found() {
    let mut buffer: Vec<u64> = Vec::with_capacity(16);
    buffer.extend(0..10);
    // SAFETY: not sound: of 16 words 10 are written.
    let violation = found(|| _ = unsafe { sum(buffer.as_ptr(), buffer.capacity()) });
    assert!(violation.to_string().contains("48 bytes from byte 80 of what was lent"), "{violation}");
}

#[test]
fn a_partly_written_buffer_of_which_the_written_part_is_lent_is_clean() {
    let mut buffer: Vec<u64> = Vec::with_capacity(16);
    buffer.extend(0..10);
    // SAFETY: the count is the vector's own.
    assert_eq!(catch(|| unsafe { sum(buffer.as_ptr(), buffer.len()) }).expect("clean"), 45);
    let mut bytes: Vec<u8> = Vec::with_capacity(64);
    bytes.extend_from_slice(b"thirteen byte");
    // SAFETY: as above.
    assert!(catch(|| unsafe { checksum(bytes.as_ptr(), bytes.len()) }).expect("clean") > 0);
    bytes.clear();
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { checksum(bytes.as_ptr(), bytes.len()) }).expect("clean"), 0);
}

#[test]
fn repaired_by_writing_it() {
    for len in [8, 24, 100, 5000, 70_000, 1 << 20] {
        let buffer = vec![0_u8; len];
        // SAFETY: the size is the vector's own.
        assert_eq!(catch(|| unsafe { checksum(buffer.as_ptr(), buffer.len()) }).expect("clean"), 0);
        let buffer = vec![1_u8; len];
        // SAFETY: as above.
        assert!(catch(|| unsafe { checksum(buffer.as_ptr(), buffer.len()) }).expect("clean") > 0);
    }
}

#[test]
fn what_a_buffer_grew_by_is_found_too() {
    for (old, new) in [(3, 4), (3, 30), (100, 2000), (40_000, 60_000)] {
        let mut buffer = vec![7_u64; old];
        buffer.reserve_exact(new - old);
        // SAFETY: not sound: the new words are not initialised.
        unsafe { buffer.set_len(new) };
        // SAFETY: as above.
        let violation = found(|| _ = unsafe { sum(buffer.as_ptr(), buffer.len()) });
        let byte = old * 8;
        // Of a long extent the edges are looked at.
        assert!(new > 512 || violation.to_string().contains(&format!("from byte {byte}")), "{violation}");
        buffer.truncate(old);
        // SAFETY: the count is the vector's own.
        assert_eq!(catch(|| unsafe { sum(buffer.as_ptr(), buffer.len()) }).expect("clean"), old as u64 * 7);
    }
}

#[test]
fn a_box_and_an_array_that_were_never_written_are_found() {
    let one = Box::<Reading>::new_uninit();
    // SAFETY: not sound: nothing is written.
    let violation = found(|| _ = unsafe { value(one.as_ptr()) });
    assert!(violation.to_string().contains("24 bytes from byte 0 (`when`)"), "{violation}");
    let words = Box::<[u64; 2]>::new_uninit();
    // SAFETY: as above.
    let words = unsafe { words.assume_init() };
    // SAFETY: as above.
    found(|| _ = unsafe { pair(&words) });
}

#[test]
fn a_field_that_was_left_out_is_found_by_its_name() {
    let mut reading = Box::<Reading>::new_uninit();
    // SAFETY: inside the box.
    unsafe { (&raw mut (*reading.as_mut_ptr()).when).write(1) };
    // SAFETY: as above.
    unsafe { (&raw mut (*reading.as_mut_ptr()).unit).write(c"C".as_ptr()) };
    // SAFETY: not sound: one field is not written.
    let violation = found(|| _ = unsafe { value(reading.as_ptr()) });
    assert!(violation.to_string().contains("8 bytes from byte 8 (`value`)"), "{violation}");
    // SAFETY: as above.
    unsafe { (&raw mut (*reading.as_mut_ptr()).value).write(2.5) };
    // SAFETY: all fields are written.
    assert_eq!(catch(|| unsafe { value(reading.as_ptr()) }).expect("clean"), 2.5);
}

#[test]
fn a_text_is_looked_at_up_to_its_nul() {
    let mut text: Vec<u8> = unwritten(64);
    text[..20].fill(b'a');
    text[40] = 0;
    // SAFETY: not sound: 20 bytes before the NUL are not written.
    found(|| _ = unsafe { length(text.as_ptr().cast::<c_char>()) });
    text[20] = 0;
    // SAFETY: there is a NUL, and all before it is written.
    assert_eq!(catch(|| unsafe { length(text.as_ptr().cast()) }).expect("clean"), 20);
}

#[test]
fn a_text_without_a_nul_is_not_hidden_by_fresh_memory() {
    let mut text: Vec<u8> = Vec::with_capacity(64);
    text.extend_from_slice(b"no NUL");
    // SAFETY: not sound: what follows the text is not initialised.
    expect_violation!(Rule::UnterminatedString, { unsafe { length(text.as_ptr().cast()) } });
}

#[test]
fn words_that_were_copied_are_found_where_they_are() {
    let buffer: Vec<u64> = unwritten(8);
    let copy = buffer.clone();
    // SAFETY: not sound: a copy of what is not initialised.
    found(|| _ = unsafe { sum(copy.as_ptr(), copy.len()) });
}

#[test]
fn an_array_of_none_is_clean_wherever_it_lies() {
    let none: Vec<u64> = Vec::with_capacity(16);
    // SAFETY: there are none to read.
    assert_eq!(catch(|| unsafe { sum(none.as_ptr(), 0) }).expect("clean"), 0);
    // No attribute says that the number counts them.
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { sum_bare(none.as_ptr(), 0) }).expect("clean"), 0);
    // SAFETY: not sound: the first word is not initialised.
    found(|| _ = unsafe { sum_bare(none.as_ptr(), 1) });
}

#[test]
fn a_buffer_that_c_keeps_may_be_written_later() {
    let mut buffer: Vec<u64> = unwritten(4);
    // SAFETY: C reads it in `flush` alone.
    catch(|| unsafe { queue(buffer.as_ptr(), buffer.len()) }).expect("clean");
    buffer.fill(2);
    // SAFETY: the buffer is still there, and written.
    assert_eq!(catch(|| unsafe { flush() }).expect("clean"), 8);
}

#[test]
fn what_is_lent_to_write_is_not_looked_at() {
    let mut bytes = Box::<[u8]>::new_uninit_slice(32);
    // SAFETY: C fills the first 12 bytes.
    let filled = catch(|| unsafe { receive(3, bytes.as_mut_ptr().cast(), bytes.len()) }).expect("clean");
    assert_eq!(filled, 12);
    let mut reading = Box::<Reading>::new_uninit();
    // SAFETY: C fills it, if it returns 0.
    assert_eq!(catch(|| unsafe { untyped::read(1, reading.as_mut_ptr()) }).expect("clean"), 0);
}

#[test]
fn c_that_says_it_has_filled_what_it_has_not_is_found() {
    let mut reading = Box::<Reading>::new_uninit();
    // SAFETY: C writes there, or does not.
    let violation = found(|| _ = unsafe { bad_read(64, reading.as_mut_ptr()) });
    assert_eq!((violation.function(), violation.parameter()), (Some("bad_read"), Some("reading")));
    let report = violation.to_string();
    assert!(report.contains("C did not fill `reading` of `bad_read`"), "{report}");
    assert!(report.contains("not filled where `result == 0`"), "{report}");
}

#[test]
fn c_that_says_it_has_not_filled_it_is_clean() {
    let mut reading = Box::<Reading>::new_uninit();
    for channel in [-1, 70] {
        // SAFETY: C writes there, or does not.
        assert_eq!(catch(|| unsafe { ok_read(channel, reading.as_mut_ptr()) }).expect("clean"), -1);
    }
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { bad_read(-1, reading.as_mut_ptr()) }).expect("clean"), -1);
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { ok_read(5, reading.as_mut_ptr()) }).expect("clean"), 0);
    // SAFETY: C has filled it.
    assert_eq!(unsafe { reading.assume_init() }.value, 20.5);
    // On the stack nothing can be told.
    let mut here = MaybeUninit::<Reading>::uninit();
    // SAFETY: C writes there, or does not.
    assert_eq!(catch(|| unsafe { bad_read(64, here.as_mut_ptr()) }).expect("clean"), 0);
    // What Rust has written is no longer fresh.
    let mut there = Box::new(Reading { when: 0, value: 0.0, unit: std::ptr::null() });
    // SAFETY: as above.
    assert_eq!(catch(|| unsafe { bad_read(64, &raw mut *there) }).expect("clean"), 0);
}

#[test]
fn an_array_that_c_fills_in_part_is_clean() {
    let mut bytes = Box::<[u8]>::new_uninit_slice(4096);
    // SAFETY: C fills the first 12 bytes.
    assert_eq!(catch(|| unsafe { receive(3, bytes.as_mut_ptr().cast(), bytes.len()) }).expect("clean"), 12);
    // SAFETY: C fills none.
    assert_eq!(catch(|| unsafe { receive(3, bytes.as_mut_ptr().cast(), 0) }).expect("clean"), 0);
}

#[test]
fn what_c_has_filled_in_part_it_may_read() {
    // More calls than the first ones, which are looked after at once.
    for _ in 0..200 {
        let mut one = Box::<Title>::new_uninit();
        let mut buffer: Vec<u8> = Vec::with_capacity(100);
        // SAFETY: C fills both in part, and reads that part.
        let lengths = catch(|| unsafe {
            title(one.as_mut_ptr());
            name(buffer.as_mut_ptr().cast(), buffer.capacity());
            (title_length(one.as_ptr()), name_length(buffer.as_ptr().cast(), buffer.capacity()))
        });
        assert_eq!(lengths.expect("clean"), (7, 12));
    }
    let mut one = Box::<Title>::new_uninit();
    // SAFETY: inside the box; the text ends with its first byte.
    unsafe { one.as_mut_ptr().cast::<u8>().write(0) };
    // SAFETY: not sound: Rust has left the rest of it out.
    found(|| _ = unsafe { title_length(one.as_ptr()) });
    let mut buffer: Vec<u8> = Vec::with_capacity(100);
    buffer.push(0);
    // SAFETY: not sound: 99 bytes are not written.
    found(|| _ = unsafe { name_length(buffer.as_ptr().cast(), buffer.capacity()) });
}

/// Rust's own, of which C's view is the bytes: what is in it the type does not tell.
fn of_unknown_type() {
    let nothing = Box::<Unknown>::new_uninit();
    let mut one = Box::<Unknown>::new_uninit();
    // SAFETY: inside the box; the union is not written.
    unsafe { one.as_mut_ptr().cast::<u64>().write(1) };
    let three =
        Box::<[Unknown; 3]>::new(std::array::from_fn(|i| Unknown { when: i as u64, value: Value { count: 1 } }));
    let mut with_a_gap = Box::<[Unknown; 3]>::new_uninit();
    // SAFETY: inside the box: the first and the last of three.
    unsafe {
        with_a_gap.as_mut_ptr().cast::<Unknown>().write(Unknown { when: 1, value: Value { measure: 2.0 } });
        with_a_gap.as_mut_ptr().cast::<Unknown>().add(2).write(Unknown { when: 1, value: Value { measure: 2.0 } });
    }
    let bytes: Vec<u8> = unwritten(100);
    // SAFETY: not sound, in part; C reads numbers.
    unsafe {
        untyped::pair(nothing.as_ptr());
        untyped::pair(one.as_ptr());
        untyped::each(three.as_ptr(), size_of_val(&*three));
        untyped::each(with_a_gap.as_ptr().cast(), size_of_val(&*with_a_gap));
        untyped::checksum(bytes.as_ptr().cast(), bytes.len());
        untyped::checksum_bare(bytes.as_ptr().cast(), bytes.len());
    }
}

#[test]
fn a_type_that_does_not_tell_is_warned_of() {
    const TEST: &str = "uninitialised_memory::a_type_that_does_not_tell_is_warned_of";
    if is_child() {
        return of_unknown_type();
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success(), "warnings: {said}");
    let told = |what: &str| said.matches(&format!("ffi-guard[uninitialised_memory]: {what} ")).count();
    assert_eq!(
        (told("`reading` of `pair`"), told("`readings` of `each`"), told("`data` of `checksum`")),
        (1, 1, 1),
        "{said}"
    );
    assert_eq!(said.matches("ffi-guard[uninitialised_memory]: ").count(), 3, "{said}");
    let output = run_self(TEST, &[("GUARD", "1")]);
    assert!(!stderr(&output).contains("uninitialised_memory"), "{}", stderr(&output));
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_DENY", "uninitialised_memory")]);
    assert!(!output.status.success(), "{}", stderr(&output));
}
