//! C that calls back from awkward places: `c/robust.c`.

use std::ffi::{c_char, c_int, c_void};

/// Two addresses, whose pointees have no declared type.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pair {
    /// One.
    pub first: *const c_void,
    /// The other.
    pub second: *const c_void,
}

/// A callback without arguments.
pub type Callback = unsafe extern "C" fn(user: *mut c_void);
/// A callback that gets a pair of C's.
pub type PairCallback = unsafe extern "C" fn(pair: *mut Pair, user: *mut c_void);

#[ffi_guard::guard]
unsafe extern "C" {
    /// The number; -1 for null.
    #[link_name = "ffg_read_one"]
    pub fn read_one(value: *const i32) -> i32;
    /// Nothing.
    #[link_name = "ffg_take"]
    pub safe fn take(address: *const c_void);
    /// Allocates and frees C memory.
    #[link_name = "ffg_churn"]
    pub safe fn churn(rounds: usize);

    /// True if both are set.
    #[link_name = "ffg_pair_is_full"]
    pub fn pair_is_full(pair: *const Pair) -> c_int;
    /// True if both are set.
    #[link_name = "ffg_pair_is_full_by_value"]
    pub fn pair_is_full_by_value(pair: Pair) -> c_int;

    /// Calls back.
    #[link_name = "ffg_call"]
    pub fn call(callback: Callback, #[guard(opaque)] user: *mut c_void);
    /// Calls back on a thread that C made.
    #[link_name = "ffg_call_on_thread"]
    pub fn call_on_thread(callback: Callback, #[guard(opaque)] user: *mut c_void) -> c_int;
    /// Calls back with a pair on C's stack that leads to a number on C's stack.
    #[link_name = "ffg_call_with_local"]
    pub fn call_with_local(callback: PairCallback, #[guard(opaque)] user: *mut c_void);
    /// Calls back with a pair on C's stack that leads to `lent`.
    #[link_name = "ffg_call_with_lent"]
    pub fn call_with_lent(callback: PairCallback, #[guard(opaque)] lent: *const c_void);
    /// [`call_with_local`] from a frame without unwind tables.
    #[link_name = "ffg_call_with_local_blind"]
    pub fn call_with_local_blind(callback: PairCallback, #[guard(opaque)] user: *mut c_void);
    /// Has C work on its own pair, until the call that made the pair ends.
    #[link_name = "ffg_work_on"]
    pub fn work_on(pair: *mut Pair);
    /// True if C has a pair of its own to work on.
    #[link_name = "ffg_is_at_work"]
    pub safe fn is_at_work() -> c_int;

    /// 1 if the callback, or a function that it called, came back by [`jump`].
    #[link_name = "ffg_catch_jump"]
    pub fn catch_jump(callback: Callback, #[guard(opaque)] user: *mut c_void) -> c_int;
    /// `longjmp`.
    #[link_name = "ffg_jump"]
    pub fn jump(value: *const i32);
    /// Jumps over frames of C alone.
    #[link_name = "ffg_jump_inside"]
    pub fn jump_inside(value: *const i32) -> c_int;

    /// Reads the value by way of slot `slot` of 64, and clears the slot.
    #[link_name = "ffg_use_slot"]
    pub fn use_slot(value: *const i32, slot: usize) -> i32;
    /// Keeps the value while it calls back.
    #[link_name = "ffg_use_while"]
    pub fn use_while(value: *const i32, callback: Callback, #[guard(opaque)] user: *mut c_void);
    /// Calls back, and leaves `value` alone.
    #[link_name = "ffg_call_lending"]
    pub fn call_lending(value: *const i32, callback: Callback, #[guard(opaque)] user: *mut c_void);
    /// Keeps the value in slot `slot` of 64.
    #[link_name = "ffg_bad_keep_use"]
    pub fn bad_keep_use(value: *const i32, slot: usize);
    /// The number that the slot points to; -1 for nothing.
    #[link_name = "ffg_read_use"]
    pub fn read_use(slot: usize) -> i32;
    /// Clears the slot.
    #[link_name = "ffg_forget_use"]
    pub safe fn forget_use(slot: usize);

    /// Loads a library and has it keep `value`.
    #[link_name = "ffg_open_and_keep"]
    pub fn open_and_keep(#[guard(cstr)] path: *const c_char, value: *const i32) -> *mut c_void;
    /// Unloads it.
    #[link_name = "ffg_close"]
    pub fn close(library: *mut c_void);

    /// Sets errno; returns its old value.
    #[link_name = "ffg_set_errno"]
    pub fn set_errno(number: c_int, value: *const i32) -> c_int;

    /// The start of a page without access.
    #[link_name = "ffg_page_without_access"]
    pub safe fn page_without_access() -> *mut c_void;
    /// The last eight bytes before such a page.
    #[link_name = "ffg_page_before_the_end"]
    pub safe fn page_before_the_end() -> *mut c_void;
}
