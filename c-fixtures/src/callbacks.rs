//! C that calls back: `c/callbacks.c`.

use std::ffi::{c_char, c_void};

/// A callback with a number; anything but 0 asks C to stop.
pub type Step = unsafe extern "C" fn(user: *mut c_void, number: i32) -> i32;
/// A callback with a text and its length in bytes.
pub type TextStep = unsafe extern "C" fn(user: *mut c_void, text: *const c_char, bytes: usize) -> i32;
/// A callback that takes a struct and returns one.
pub type TwoStep = unsafe extern "C" fn(two: Two) -> Two;

/// Two numbers, by value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ffi_guard::Plain)]
#[repr(C)]
pub struct Two {
    /// One.
    pub first: i64,
    /// The other.
    pub second: i64,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Calls `step` with 0, 1, .. until it says stop; the number of calls made.
    #[link_name = "ffg_call_each"]
    pub fn each(step: Step, #[guard(opaque)] user: *mut c_void, rounds: i32) -> i32;
    /// Calls `step` with 0, 1, .. whatever the calls return.
    #[link_name = "ffg_call_each_to_the_end"]
    pub fn each_to_the_end(step: Step, #[guard(opaque)] user: *mut c_void, rounds: i32) -> i32;
    /// [`each`] on a thread that C made.
    #[link_name = "ffg_call_each_on_thread"]
    pub fn each_on_thread(step: Step, #[guard(opaque)] user: *mut c_void, rounds: i32) -> i32;
    /// [`each`], and then calls `last`, as a destructor is called.
    #[link_name = "ffg_call_each_then"]
    pub fn each_then(step: Step, last: Step, #[guard(opaque)] user: *mut c_void, rounds: i32) -> i32;

    /// Keeps the pair, to call it later.
    #[link_name = "ffg_register_step"]
    pub fn register_step(step: Option<Step>, #[guard(retained, opaque)] user: *mut c_void);
    /// Calls the registered callback; -1 if there is none.
    #[link_name = "ffg_fire"]
    pub fn fire(number: i32) -> i32;
    /// Has the process call the registered callback when it ends.
    #[link_name = "ffg_fire_at_exit"]
    pub safe fn fire_at_exit();

    /// Hands `text` to the callback.
    #[link_name = "ffg_call_with_text"]
    pub fn call_with_text(step: TextStep, #[guard(opaque)] user: *mut c_void, text: *const c_char, bytes: usize)
    -> i32;
    /// The difference of the two numbers that the callback returns.
    #[link_name = "ffg_call_two"]
    pub fn call_two(step: TwoStep, first: i64, second: i64) -> i64;
}

/// The C functions without the guard, as a library calls them that was not declared again.
pub mod bare {
    use super::{Step, c_void};

    unsafe extern "C" {
        /// [`each`](super::each).
        pub fn ffg_call_each(step: Step, user: *mut c_void, rounds: i32) -> i32;
        /// [`register_step`](super::register_step).
        pub fn ffg_register_step(step: Option<Step>, user: *mut c_void);
    }
}
