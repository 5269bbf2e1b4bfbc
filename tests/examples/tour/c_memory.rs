//! Slides 27 to 38: what C is to work on lies in C memory.

use std::ffi::CString;
use std::ptr;

use c_fixtures::slides::{
    ComplexStruct, SomeStruct, SomeStructData, SomeStructStr, process_complex_struct, process_struct,
    process_struct_data, process_struct_str,
};
use ffi_guard::{CArena, CBox, Rule};
use ffi_guard_tests::calloc::Calloc;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[27..=28],
        what: "calloc a C struct, pass it, free it, by hand",
        plan: Plan::Here(by_hand, Expected::Clean),
    },
    Row { slides: &[27..=28], what: "the same with a CBox", plan: Plan::Here(by_owner, Expected::Clean) },
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

pub(crate) const ARENA: &[Row] = &[
    Row {
        slides: &[35..=38],
        what: "the arena: structs, a string and a buffer, freed together",
        plan: Plan::Here(by_arena, Expected::Clean),
    },
    Row {
        slides: &[35..=38],
        what: "the arena, and a Rust buffer stored in it all the same",
        plan: Plan::Here(rust_buffer_in_the_arena, Expected::Violates(Rule::NestedPointer, "`data`")),
    },
];

fn by_owner() -> String {
    let some = CBox::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: alive until the drop, which frees it.
    let sum = unsafe { process_struct(some.as_ptr()) };
    format!("C summed its own struct to {sum}, and `free` is nobody's to forget")
}

fn by_arena() -> String {
    let bytes = vec![1u8, 2, 3, 4];
    let arena = CArena::new();
    let str = arena.c_str("Gopher").expect("no NUL in it").as_ptr().cast_mut();
    let named = arena.put(SomeStructStr { a: 1, b: 2, c: 3, str });
    let data = arena.copy(&bytes);
    let buffer = arena.put(SomeStructData { data: data.as_mut_ptr(), data_len: data.len() });
    let (x, y) = (arena.put(SomeStruct { a: 1, b: 2, c: 3 }), arena.put(SomeStruct { a: 4, b: 5, c: 6 }));
    let complex = arena.put(ComplexStruct { x, y });
    // SAFETY: all of it is alive until the arena ends.
    let sums = unsafe { [process_struct_str(named), process_struct_data(buffer), process_complex_struct(complex)] };
    format!("C summed {} pieces of an arena to {sums:?}", arena.len())
}

fn rust_buffer_in_the_arena() -> String {
    let mut data = vec![1u8, 2, 3, 4];
    let arena = CArena::new();
    let some = arena.put(SomeStructData { data: data.as_mut_ptr(), data_len: data.len() });
    // SAFETY: alive until the arena ends, as is its buffer.
    let sum = unsafe { process_struct_data(some) };
    format!("C read a Rust buffer for {sum} and nobody noticed")
}

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
