//! Slides 27 to 38: what C is to work on lies in C memory.

use std::ffi::CString;
use std::ptr;

use c_fixtures::slides::{
    SomeStruct, SomeStructData, SomeStructStr, process_struct, process_struct_data, process_struct_str,
};
use ffi_guard::Rule;
use ffi_guard_tests::calloc::Calloc;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[27..=28],
        what: "calloc a C struct, pass it, free it, by hand",
        plan: Plan::Here(by_hand, Expected::Clean),
    },
    Row {
        slides: &[27..=28],
        what: "the same with CBox and CArena",
        plan: Plan::NotYet("CBox and CArena come with the tools that fix what the rules find"),
    },
    Row {
        slides: &[30..=31],
        what: "a string copied into C memory off a C struct",
        plan: Plan::Here(string_copied, Expected::Clean),
    },
    Row {
        slides: &[30..=31],
        what: "a byte buffer copied into C memory off a C struct",
        plan: Plan::Here(buffer_copied, Expected::Clean),
    },
    Row {
        slides: &[30..=31],
        what: "a Rust string stored in the C struct instead",
        plan: Plan::Here(string_stored, Expected::Violates(Rule::NestedPointer, "`str`")),
    },
    Row {
        slides: &[30..=31],
        what: "a Rust buffer stored in the C struct instead",
        plan: Plan::Here(buffer_stored, Expected::Violates(Rule::NestedPointer, "`data`")),
    },
];

pub(crate) const ARENA: &[Row] = &[Row {
    slides: &[35..=38],
    what: "the arena pattern",
    plan: Plan::NotYet("CArena comes with the tools that fix what the rules find"),
}];

fn by_hand() -> String {
    let some = Calloc::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: alive until the drop.
    let sum = unsafe { process_struct(some.as_ptr()) };
    format!("C summed its own struct to {sum}")
}

fn string_copied() -> String {
    let text = CString::new("Gopher").expect("no NUL in it");
    // SAFETY: a C string that lives through the call.
    let copy = unsafe { libc::strdup(text.as_ptr()) };
    let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: copy });
    // SAFETY: alive until the drop, as is its string until it is freed, once, after the last use.
    let sum = unsafe {
        let sum = process_struct_str(some.as_ptr());
        libc::free(copy.cast());
        sum
    };
    format!("C summed the struct and its string to {sum}")
}

fn buffer_copied() -> String {
    let data = vec![1u8, 2, 3, 4];
    let copy = Calloc::new([0u8; 4]);
    // SAFETY: both have four bytes, and C's are not Rust's.
    unsafe { ptr::copy_nonoverlapping(data.as_ptr(), copy.as_ptr().cast(), data.len()) };
    let some = Calloc::new(SomeStructData { data: copy.as_ptr().cast(), data_len: data.len() });
    // SAFETY: both are alive until the drop.
    let sum = unsafe { process_struct_data(some.as_ptr()) };
    format!("C summed a buffer of its own to {sum}")
}

fn string_stored() -> String {
    let text = CString::new("Gopher").expect("no NUL in it");
    let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: text.as_ptr().cast_mut() });
    // SAFETY: alive until the drop, as is its string.
    let sum = unsafe { process_struct_str(some.as_ptr()) };
    format!("C read a Rust string for {sum} and nobody noticed")
}

fn buffer_stored() -> String {
    let mut data = vec![1u8, 2, 3, 4];
    let some = Calloc::new(SomeStructData { data: data.as_mut_ptr(), data_len: data.len() });
    // SAFETY: alive until the drop, as is its buffer.
    let sum = unsafe { process_struct_data(some.as_ptr()) };
    format!("C read a Rust buffer for {sum} and nobody noticed")
}
