//! The talk's own functions: `c/slides.c`.

use std::ffi::{c_char, c_double, c_int, c_long, c_ulong};

/// Slide 21: three integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ffi_guard::Plain)]
#[repr(C)]
pub struct SomeStruct {
    /// The first.
    pub a: c_int,
    /// The second.
    pub b: c_int,
    /// The third.
    pub c: c_int,
}

/// Slide 30: three integers and a pointer to a string.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct SomeStructStr {
    /// The first.
    pub a: c_int,
    /// The second.
    pub b: c_int,
    /// The third.
    pub c: c_int,
    /// The string; may be null.
    pub str: *mut c_char,
}

/// Slide 31: a byte buffer and its length.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct SomeStructData {
    /// The bytes.
    pub data: *mut u8,
    /// The number of bytes.
    pub data_len: usize,
}

/// Slide 45: two pointers to [`SomeStruct`], either of which may be null.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct ComplexStruct {
    /// The one.
    pub x: *mut SomeStruct,
    /// The other.
    pub y: *mut SomeStruct,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Slide 21: keeps `s` in the global `someReference`.
    #[link_name = "storeReference"]
    pub fn store_reference(s: *mut SomeStruct);

    /// Slide 21: reads `a` of what [`store_reference`] kept.
    #[link_name = "retrieveReference"]
    pub fn retrieve_reference() -> c_int;

    /// Sets `someReference` to null.
    #[link_name = "ffg_forget_reference"]
    pub safe fn forget_reference();

    /// Slide 27: the sum of the three.
    #[link_name = "processStruct"]
    pub fn process_struct(s: *const SomeStruct) -> c_long;

    /// Slide 30: the sum of the three and of the string's length.
    #[link_name = "processStructStr"]
    pub fn process_struct_str(s: *const SomeStructStr) -> c_long;

    /// Slide 31: the sum of the bytes.
    #[link_name = "processStructData"]
    pub fn process_struct_data(s: *const SomeStructData) -> c_long;

    /// Slide 45: the sum of all integers that the two structs hold.
    #[link_name = "processComplexStruct"]
    pub fn process_complex_struct(s: *const ComplexStruct) -> c_long;

    /// Slide 40: turns the first and the last byte over, and returns the address it was given.
    #[link_name = "processBigData"]
    pub fn process_big_data(#[guard(counted_by = data_len)] data: *mut u8, data_len: usize) -> usize;

    /// Slides 12 to 18: Adler-32 of the bytes, which come back in upper case.
    pub fn some_func(#[guard(counted_by = data_len)] data: *mut u8, data_len: usize) -> u32;

    /// Slide 58: `pow`, `count` times.
    pub safe fn slow_func(count: c_ulong) -> c_double;

    /// Slide 64: `pow`, `count` times, from a start of the caller's.
    pub safe fn powloop(a: c_double, count: c_ulong) -> c_double;
}

/// The C function of [`store_reference`], declared with the contract that it really has.
pub mod honest {
    use super::SomeStruct;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Keeps `s` until the next call.
        #[link_name = "storeReference"]
        pub fn store_reference(#[guard(retained)] s: *mut SomeStruct);
    }
}

/// The C function of [`store_reference`], declared by a caller who lets C keep what it is lent.
pub mod trusting {
    use super::SomeStruct;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Keeps `s` until the next call.
        #[guard(allow(retained_pointer))]
        #[link_name = "storeReference"]
        pub fn store_reference(s: *mut SomeStruct);
    }
}
