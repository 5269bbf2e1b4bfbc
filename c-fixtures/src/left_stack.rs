//! Functions that are lent variables of Rust's stack: `c/left_stack.c`.

#![allow(clashing_extern_declarations)]

use std::ffi::{c_char, c_int, c_void};

/// A struct that leads to a number.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Cell {
    /// What is read; may be null.
    pub value: *const i64,
    /// What is counted up.
    pub count: *mut i64,
}

/// A struct that C fills in.
#[derive(Clone, Copy, Debug, Default, ffi_guard::Plain)]
#[repr(C)]
pub struct Info {
    /// A number.
    pub id: i32,
    /// Another one.
    pub flags: i32,
    /// A text without an end.
    pub name: [u8; 16],
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps `value`, by its contract.
    #[link_name = "ffg_stack_keep"]
    pub fn ok_keep(#[guard(retained)] value: *mut i64);
    /// Keeps `value`, of which nothing tells the type, by its contract.
    #[link_name = "ffg_stack_keep_untyped"]
    pub fn ok_keep_untyped(#[guard(retained, opaque)] value: *mut c_void);
    /// Keeps `value`, and does not say so.
    #[link_name = "ffg_stack_keep_untyped"]
    pub fn bad_keep_untyped(value: *mut c_void);
    /// What is kept; null for nothing.
    #[link_name = "ffg_stack_kept"]
    pub fn kept() -> *mut i64;
    /// Lets go of what is kept.
    #[link_name = "ffg_stack_forget"]
    pub safe fn forget();
    /// Calls back with what is kept.
    #[link_name = "ffg_stack_notify"]
    pub fn notify(callback: unsafe extern "C" fn(value: *mut i64));
    /// Calls back with a variable of C's own, and returns its sum.
    #[link_name = "ffg_stack_own"]
    pub fn own(callback: unsafe extern "C" fn(value: *mut i64)) -> i64;

    /// Reads one number.
    #[link_name = "ffg_stack_read"]
    pub fn read(value: *const i64) -> i64;
    /// Reads nothing.
    #[link_name = "ffg_stack_nothing"]
    pub safe fn nothing() -> i64;
    /// Reads what the struct leads to.
    #[link_name = "ffg_stack_cell"]
    #[guard(allow(nested_pointer))]
    pub fn read_cell(cell: *const Cell) -> i64;
    /// Reads what a struct by value leads to.
    #[link_name = "ffg_stack_cell_by_value"]
    #[guard(allow(nested_pointer))]
    pub fn read_cell_by_value(cell: Cell) -> i64;

    /// 1 if the callback, or a function that it called, came back by [`jump`].
    #[link_name = "ffg_stack_catch"]
    pub fn catch_jump(callback: unsafe extern "C" fn(user: *mut c_void), #[guard(opaque)] user: *mut c_void) -> c_int;
    /// `longjmp`.
    #[link_name = "ffg_stack_jump"]
    pub fn jump();

    /// Fills in the struct.
    #[link_name = "ffg_stack_ok_fill"]
    pub fn ok_fill(#[guard(out)] info: *mut Info);
    /// Fills in a longer one.
    #[link_name = "ffg_stack_bad_fill"]
    pub fn bad_fill(#[guard(out)] info: *mut Info);
    /// Writes 4 bytes.
    #[link_name = "ffg_stack_ok_count"]
    pub fn ok_count(#[guard(out)] count: *mut i32);
    /// Writes 8 bytes.
    #[link_name = "ffg_stack_bad_count"]
    pub fn bad_count(#[guard(out)] count: *mut i32);
    /// Writes `count` bytes, and nothing tells how many.
    #[link_name = "ffg_stack_write"]
    pub fn write(#[guard(out)] to: *mut c_char, count: usize);
    /// Writes `count` bytes, and returns once another thread has called [`go_on`].
    #[link_name = "ffg_stack_write_and_wait"]
    pub fn write_and_wait(#[guard(out)] to: *mut c_char, count: usize);
    /// 1 if a call of [`write_and_wait`] has written and waits.
    #[link_name = "ffg_stack_is_waiting"]
    pub safe fn is_waiting() -> c_int;
    /// Lets it return.
    #[link_name = "ffg_stack_go_on"]
    pub safe fn go_on();
    /// Counts up where the cell leads, and fills in the struct.
    #[link_name = "ffg_stack_count_and_fill"]
    #[guard(allow(nested_pointer))]
    pub fn count_and_fill(cell: *const Cell, #[guard(out)] info: *mut Info);
}
