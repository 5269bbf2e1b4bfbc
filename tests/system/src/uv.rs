//! libuv, whose loop keeps handles that the user owns until they are closed.

use std::ffi::c_int;
use std::marker::PhantomData;

/// `uv_loop_t`.
#[repr(C)]
#[derive(Debug)]
pub struct Loop {
    _private: [u8; 0],
    _pinned: PhantomData<*mut ()>,
}

/// `uv_timer_t`, as long as [`uv_handle_size`] says.
#[repr(C)]
#[derive(Debug)]
pub struct Timer {
    _private: [u8; 0],
    _pinned: PhantomData<*mut ()>,
}

/// The callback of a timer.
pub type OnTimer = Option<unsafe extern "C" fn(*mut Timer)>;

/// `UV_TIMER` of `uv_handle_type`.
pub const TIMER: c_int = 13;
/// `UV_RUN_DEFAULT` of `uv_run_mode`: until nothing is left to do.
pub const RUN_DEFAULT: c_int = 0;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Bytes of a loop.
    pub safe fn uv_loop_size() -> usize;
    /// Bytes of a handle of this kind.
    pub safe fn uv_handle_size(kind: c_int) -> usize;
    /// Begins a loop in memory of the caller's.
    pub fn uv_loop_init(loop_: *mut Loop) -> c_int;
    /// Ends it; an error while it has handles.
    pub fn uv_loop_close(loop_: *mut Loop) -> c_int;
    /// Runs it.
    pub fn uv_run(loop_: *mut Loop, mode: c_int) -> c_int;
    /// Begins a timer in memory of the caller's, which the loop keeps until it is closed.
    pub fn uv_timer_init(loop_: *mut Loop, #[guard(retained)] timer: *mut Timer) -> c_int;
    /// Has `on_timer` called in `timeout` milliseconds, and again every `repeat`, if that is not 0.
    pub fn uv_timer_start(#[guard(retained)] timer: *mut Timer, on_timer: OnTimer, timeout: u64, repeat: u64) -> c_int;
    /// Has the loop let go of a handle; `on_close` is called when it has.
    pub fn uv_close(#[guard(retained)] handle: *mut Timer, on_close: OnTimer);
}

/// A declaration by an author who has not read that the loop keeps its handles.
pub mod lent {
    use super::{Loop, Timer, c_int};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// As [`uv_timer_init`](super::uv_timer_init).
        pub fn uv_timer_init(loop_: *mut Loop, timer: *mut Timer) -> c_int;
    }
}
