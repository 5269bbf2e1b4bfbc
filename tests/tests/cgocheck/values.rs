//! Structs by value, and pointers whose type says nothing.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;

use c_fixtures::shapes::{Bytes, Span, sum_bytes_by_value, sum_span_by_value, visit_all, xor_words};
use ffi_guard::{Rule, catch, expect_violation};

use super::{to, void};

#[test]
fn a_pointer_in_a_struct_by_value_counts_as_an_argument() {
    let data = vec![1u8, 2, 3];
    let bytes = Bytes { data: data.as_ptr(), length: data.len() };
    // SAFETY: the length is the slice's own.
    assert_eq!(catch(|| unsafe { sum_bytes_by_value(bytes) }).expect("clean"), 6);
}

#[test]
fn a_pointer_behind_a_struct_by_value_is_found() {
    let value = Box::new(1);
    let items = vec![to(&*value)];
    let span = Span { items: items.as_ptr(), count: 1 };
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: the count is the slice's own, and the value is alive.
        unsafe { sum_span_by_value(span) };
    });
}

#[test]
fn nulls_behind_a_struct_by_value_are_clean() {
    let items = vec![ptr::null(); 2];
    let span = Span { items: items.as_ptr(), count: 2 };
    // SAFETY: the count is the slice's own.
    assert_eq!(catch(|| unsafe { sum_span_by_value(span) }).expect("clean"), 0);
}

#[test]
fn a_dangling_pointer_in_a_struct_by_value_is_found() {
    let data = vec![1u8; 40];
    let bytes = Bytes { data: data.as_ptr(), length: data.len() };
    drop(data);
    expect_violation!(Rule::DanglingPointer, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { sum_bytes_by_value(bytes) };
    });
}

#[test]
fn a_pointer_through_void_is_found() {
    let value = Box::new(1usize);
    let words = vec![1, to(&*value).addr()];
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: two words.
        unsafe { xor_words(words.as_ptr().cast(), 2) };
    });
}

#[test]
fn words_through_void_are_clean() {
    let words = vec![1usize, 2, 4];
    // SAFETY: three words.
    assert_eq!(catch(|| unsafe { xor_words(words.as_ptr().cast(), 3) }).expect("clean"), 7);
}

#[test]
fn through_void_the_look_goes_from_the_address_to_the_end_of_the_block() {
    let value = Box::new(1usize);
    let words = vec![to(&*value).addr(), 2, 4];
    // The pointer lies before the address that C gets.
    // SAFETY: the last two words.
    assert_eq!(catch(|| unsafe { xor_words(words[1..].as_ptr().cast(), 2) }).expect("clean"), 6);
}

#[test]
fn strings_through_void_are_found() {
    // cgo's "slice of strings": each holds a pointer to its letters.
    let strings = Box::new([String::from("on the heap")]);
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: three words, of which C reads one.
        unsafe { xor_words(void(&*strings), 1) };
    });
}

#[test]
fn a_map_through_void_is_found() {
    let mut map = Box::new(HashMap::new());
    map.insert(1, 2);
    let map: *const HashMap<i32, i32> = to(&*map);
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: a map is longer than a word.
        unsafe { xor_words(map.cast(), 1) };
    });
}

#[test]
fn a_map_that_c_only_hands_back_is_clean() {
    unsafe extern "C" fn look_up(user: *mut c_void, value: i64) -> i64 {
        // SAFETY: `visit_all` hands back the map that it was given below.
        let map = unsafe { &*user.cast::<HashMap<i64, i64>>() };
        map[&value]
    }
    let mut map = Box::new(HashMap::from([(1i64, 10i64), (2, 20)]));
    let values = vec![1, 2];
    let user: *mut HashMap<i64, i64> = &raw mut *map;
    // SAFETY: the count is the slice's own; the map is what `look_up` expects.
    let sum = catch(|| unsafe { visit_all(values.as_ptr(), values.len(), look_up, user.cast()) });
    assert_eq!(sum.expect("clean"), 30);
}
