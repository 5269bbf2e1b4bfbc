//! C that works on copies: `c/copied.c`.

// One C function has several declarations, which say more or less about it.
#![allow(clashing_extern_declarations)]

use std::ffi::{c_char, c_int, c_long, c_void};

/// A piece of bytes, by value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Span {
    /// Its first byte.
    pub start: *const u8,
    /// How many bytes.
    pub count: usize,
}

/// An item of a list.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Item {
    /// The next item.
    pub next: *mut Item,
    /// The number in the item.
    pub value: c_int,
}

/// A list whose head points into itself while it is empty.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct List {
    /// Its first item.
    pub first: *mut Item,
    /// The place for the address of the next item.
    pub last: *mut *mut Item,
}

/// The functions declared with `copied`.
#[ffi_guard::guard]
unsafe extern "C" {
    /// Writes the byte `at` bytes from `data`.
    #[link_name = "ffg_bad_copied_poke"]
    pub fn bad_poke(#[guard(copied, counted_by = count)] data: *mut u8, count: usize, at: isize, value: u8);
    /// Writes the byte `at` bytes from `data`, whose type is not declared.
    #[link_name = "ffg_bad_copied_poke"]
    pub fn bad_poke_any(#[guard(copied, sized_by = count)] data: *mut c_void, count: usize, at: isize, value: u8);
    /// Reads the byte `at` bytes from `data`.
    #[link_name = "ffg_bad_copied_peek"]
    pub fn bad_peek(#[guard(copied, counted_by = count)] data: *const u8, count: usize, at: isize) -> u8;
    /// Reads the byte `at` bytes from `text`.
    #[link_name = "ffg_bad_copied_peek_text"]
    pub fn bad_peek_text(#[guard(copied, cstr)] text: *const c_char, at: isize) -> u8;
    /// Makes upper case of the text, in place.
    #[link_name = "ffg_bad_copied_shout"]
    pub fn bad_shout(#[guard(copied, cstr)] text: *const c_char);
    /// Makes upper case of the text, in place, and is allowed to.
    #[link_name = "ffg_bad_copied_shout"]
    pub fn bad_shout_allowed(#[guard(copied, cstr, allow(write_through_const))] text: *const c_char);
    /// Keeps the pointer.
    #[link_name = "ffg_bad_copied_keep"]
    pub fn bad_keep(#[guard(copied, counted_by = count)] data: *const u8, count: usize);
    /// Reads through the pointer that was kept.
    #[link_name = "ffg_bad_copied_use_kept"]
    pub safe fn bad_use_kept() -> u8;
    /// Clears the pointer that was kept.
    #[link_name = "ffg_ok_copied_forget"]
    pub safe fn ok_forget();

    /// Adds one to each byte.
    #[link_name = "ffg_ok_copied_add_one"]
    pub fn ok_add_one(#[guard(copied, counted_by = count)] data: *mut u8, count: usize);
    /// Sets the first `set` bytes.
    #[link_name = "ffg_ok_copied_fill"]
    pub fn ok_fill(#[guard(copied, out, counted_by = count)] data: *mut u8, count: usize, set: usize, value: u8);
    /// True if it is handed the address of which `address` is the complement: an address among the
    /// arguments would keep the other from being copied.
    #[link_name = "ffg_ok_copied_is_at"]
    pub fn ok_is_at(#[guard(copied, counted_by = count)] data: *const u8, count: usize, address: usize) -> c_int;
    /// The first character equal to the given one.
    #[link_name = "ffg_ok_copied_find"]
    pub fn ok_find(#[guard(copied, cstr)] text: *const c_char, c: c_char) -> *const c_char;
    /// Reads a number, and stores where it stopped.
    #[link_name = "ffg_ok_copied_parse"]
    pub fn ok_parse(#[guard(copied, cstr)] text: *const c_char, end: *mut *const c_char) -> c_long;
    /// Reads a number, and stores where it stopped in a place that is copied too.
    #[link_name = "ffg_ok_copied_parse"]
    pub fn ok_parse_both(
        #[guard(copied, cstr)] text: *const c_char,
        #[guard(copied, out)] end: &mut *const c_char,
    ) -> c_long;
    /// The last `count` bytes.
    #[link_name = "ffg_ok_copied_tail"]
    pub fn ok_tail(#[guard(copied, counted_by = all)] data: *const u8, all: usize, count: usize) -> Span;
    /// Moves bytes, as `memmove` does.
    #[link_name = "ffg_ok_copied_move"]
    pub fn ok_move(
        #[guard(copied, sized_by = count)] to: *mut c_void,
        #[guard(copied, sized_by = count)] from: *const c_void,
        count: usize,
    ) -> *mut c_void;
    /// The sum of the bytes between two addresses.
    #[link_name = "ffg_ok_copied_sum_between"]
    pub fn ok_sum_between(
        #[guard(copied, counted_by = end.addr() - begin.addr())] begin: *const u8,
        #[guard(counted_by = 0)] end: *const u8,
    ) -> u32;
    /// Makes an empty list.
    #[link_name = "ffg_ok_copied_list_begin"]
    pub fn ok_list_begin(#[guard(copied)] list: &mut List);
    /// Adds an item at the end of a list.
    #[link_name = "ffg_ok_copied_list_add"]
    pub fn ok_list_add(#[guard(copied, allow(nested_pointer))] list: &mut List, #[guard(retained)] item: *mut Item);
    /// Calls back, then adds one to the first byte.
    #[link_name = "ffg_ok_copied_call_back"]
    pub fn ok_call_back(
        #[guard(copied, counted_by = count)] data: *mut u8,
        count: usize,
        back: unsafe extern "C" fn(*mut c_void, *mut u8),
        #[guard(opaque)] user: *mut c_void,
    );
    /// Calls back; 1 if the callback was left by `ok_throw`.
    #[link_name = "ffg_ok_copied_catch"]
    pub fn ok_catch(
        #[guard(copied, counted_by = count)] data: *mut u8,
        count: usize,
        back: unsafe extern "C" fn(*mut u8) -> c_int,
    ) -> c_int;
    /// Changes the last byte and jumps to `ok_catch`.
    #[link_name = "ffg_ok_copied_throw"]
    pub fn ok_throw(#[guard(copied, counted_by = count)] data: *mut u8, count: usize);
}

/// The functions without `copied`, for `GUARD_COPY`.
pub mod plain {
    use super::{List, c_char, c_int, c_long};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Writes the byte `at` bytes from `data`.
        #[link_name = "ffg_bad_copied_poke"]
        pub fn bad_poke(#[guard(counted_by = count)] data: *mut u8, count: usize, at: isize, value: u8);
        /// Reads the byte `at` bytes from `data`.
        #[link_name = "ffg_bad_copied_peek"]
        pub fn bad_peek(#[guard(counted_by = count)] data: *const u8, count: usize, at: isize) -> u8;
        /// Writes the byte `at` bytes from `data`, as bindgen declares it: without an extent.
        #[link_name = "ffg_bad_copied_peek"]
        pub fn bad_peek_unstated(data: *const u8, count: usize, at: isize) -> u8;
        /// Adds one to each byte.
        #[link_name = "ffg_ok_copied_add_one"]
        pub fn ok_add_one(#[guard(counted_by = count)] data: *mut u8, count: usize);
        /// As bindgen does it.
        #[link_name = "ffg_ok_copied_add_one"]
        pub fn ok_add_one_unstated(data: *mut u8, count: usize);
        /// True if it is handed the address of which `address` is the complement.
        #[link_name = "ffg_ok_copied_is_at"]
        pub fn ok_is_at(#[guard(counted_by = count)] data: *const u8, count: usize, address: usize) -> c_int;
        /// True if it is handed that address, as bindgen declares it.
        #[link_name = "ffg_ok_copied_is_at"]
        pub fn ok_is_at_unstated(data: *const u8, count: usize, address: usize) -> c_int;
        /// True if it is handed that address, and C may keep it.
        #[link_name = "ffg_ok_copied_is_at"]
        pub fn ok_is_at_retained(
            #[guard(retained, counted_by = count)] data: *const u8,
            count: usize,
            address: usize,
        ) -> c_int;
        /// The first character equal to the given one.
        #[link_name = "ffg_ok_copied_find"]
        pub fn ok_find(#[guard(cstr)] text: *const c_char, c: c_char) -> *const c_char;
        /// Reads a number, and stores where it stopped.
        #[link_name = "ffg_ok_copied_parse"]
        pub fn ok_parse(#[guard(cstr)] text: *const c_char, end: *mut *const c_char) -> c_long;
        /// Makes an empty list.
        #[link_name = "ffg_ok_copied_list_begin"]
        pub fn ok_list_begin(list: *mut List);
    }
}
