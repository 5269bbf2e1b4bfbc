//! Every shape in which a pointer can hide in an argument: `c/shapes.c`.

use std::ffi::c_void;

/// A pointer in a struct field, which is declared.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Holder {
    /// Some number.
    pub tag: i32,
    /// A number elsewhere; may be null.
    pub value: *const i32,
}

/// A pointer in a struct field that is not declared, so that the struct is searched word by word.
#[derive(Debug)]
#[repr(C)]
pub struct BareHolder {
    /// Some number.
    pub tag: i32,
    /// A number elsewhere; may be null.
    pub value: *const i32,
}

/// A number or a pointer to one.
#[derive(Clone, Copy, ffi_guard::Pointee)]
#[repr(C)]
pub union Either {
    /// The number.
    pub number: i64,
    /// The pointer.
    pub pointer: *const i32,
}

/// [`Either`], and which of the two it is.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
pub struct Variant {
    /// 0 for the number, 1 for the pointer.
    pub kind: i64,
    /// The value.
    pub either: Either,
}

/// A union without a pointer.
#[derive(Clone, Copy, ffi_guard::Plain)]
#[repr(C)]
pub union Number {
    /// As bits.
    pub bits: u64,
    /// As a number.
    pub number: f64,
}

/// Bits or a number, in a union that declares nothing.
#[derive(Clone, Copy)]
#[repr(C)]
pub union BareNumber {
    /// As bits.
    pub bits: u64,
    /// As a number.
    pub number: f64,
}

/// A struct in a struct.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Middle {
    /// Some number.
    pub depth: i64,
    /// One further in.
    pub holder: Holder,
}

/// A struct in a struct in a struct.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Outer {
    /// Some number.
    pub depth: i64,
    /// One further in.
    pub middle: Middle,
}

/// A struct in C memory that points to the next one.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Link {
    /// 1 for the lowest.
    pub depth: i64,
    /// The next.
    pub down: *mut Link,
    /// A number elsewhere; may be null.
    pub value: *const i32,
}

/// A Rust struct that leads into C memory.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Chain {
    /// The first link.
    pub top: *mut Link,
}

/// Bytes, passed by value.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Bytes {
    /// The first.
    pub data: *const u8,
    /// How many.
    pub length: usize,
}

/// Pointers, passed by value.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Span {
    /// The first; elements may be null.
    pub items: *const *const i32,
    /// How many.
    pub count: usize,
}

/// A number that may look like an address. Declared: it is none.
#[derive(Debug, ffi_guard::Plain)]
#[repr(C)]
pub struct Record {
    /// Some number.
    pub key: usize,
    /// Another.
    pub value: i64,
}

/// A number that may look like an address, in a struct that declares nothing.
#[derive(Debug)]
#[repr(C)]
pub struct BareRecord {
    /// Some number.
    pub key: usize,
    /// Another.
    pub value: i64,
}

/// The callback of [`visit_all`].
pub type Visit = unsafe extern "C" fn(user: *mut c_void, value: i64) -> i64;

#[ffi_guard::guard]
unsafe extern "C" {
    /// The tag and the value.
    #[link_name = "ffg_read_holder"]
    pub fn read_holder(holder: *const Holder) -> i64;
    /// One field of a [`Holder`], and nothing beside it.
    #[link_name = "ffg_increment"]
    pub fn increment(tag: &mut i32);

    /// The sum of what the pointers lead to.
    #[link_name = "ffg_sum_pointers"]
    pub fn sum_pointers(#[guard(counted_by = count)] items: *const *const i32, count: usize) -> i64;

    /// The number.
    #[link_name = "ffg_read_variant"]
    pub fn read_variant(variant: *const Variant) -> i64;
    /// The bits.
    #[link_name = "ffg_read_number"]
    pub fn read_number(number: *const Number) -> u64;

    /// The sum of all.
    #[link_name = "ffg_read_outer"]
    pub fn read_outer(outer: *const Outer) -> i64;

    /// The sum of all, through C memory.
    #[link_name = "ffg_read_chain"]
    pub fn read_chain(chain: *const Chain) -> i64;
    /// A link in C memory. Both are stored in it, which is its contract.
    #[link_name = "ffg_link_new"]
    pub fn link_new(#[guard(retained)] down: *mut Link, #[guard(retained)] value: *const i32) -> *mut Link;
    /// Frees it and all below it, and looks at none of the values: what they lead to does not
    /// matter here.
    #[link_name = "ffg_link_free"]
    pub fn link_free(#[guard(allow(nested_pointer))] link: *mut Link);

    /// The sum of the bytes.
    #[link_name = "ffg_sum_bytes_by_value"]
    pub fn sum_bytes_by_value(bytes: Bytes) -> i64;
    /// The sum of what the pointers lead to.
    #[link_name = "ffg_sum_span_by_value"]
    pub fn sum_span_by_value(span: Span) -> i64;

    /// All words, exclusive-or.
    #[link_name = "ffg_xor_words"]
    pub fn xor_words(words: *const c_void, count: usize) -> usize;

    /// The sum of what `visit` makes of each value; `user` is only handed back.
    #[link_name = "ffg_visit_all"]
    pub fn visit_all(
        #[guard(counted_by = count)] values: *const i64,
        count: usize,
        visit: Visit,
        #[guard(opaque)] user: *mut c_void,
    ) -> i64;

    /// The value, and 1 for a key.
    #[link_name = "ffg_read_record"]
    pub fn read_record(record: *const Record) -> i64;
}

/// The functions over types that declare nothing.
pub mod bare {
    use super::{BareHolder, BareNumber, BareRecord};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// The tag and the value.
        #[link_name = "ffg_read_holder"]
        pub fn read_holder(holder: *const BareHolder) -> i64;
        /// The bits.
        #[link_name = "ffg_read_number"]
        pub fn read_number(number: *const BareNumber) -> u64;
        /// The value, and 1 for a key.
        #[link_name = "ffg_read_record"]
        pub fn read_record(record: *const BareRecord) -> i64;
    }
}
