//! Functions that run on stacks that their caller brings: `c/stacks.c`.

use std::ffi::{c_int, c_void};

/// A function that runs on some stack.
pub type Body = unsafe extern "C" fn(user: *mut c_void);

// Without the guard: what is tested are the calls that are made on these stacks.
unsafe extern "C" {
    /// Calls back on this stack, and returns when that has yielded (0) or returned (1). One at a
    /// time in a thread.
    #[link_name = "ffg_coroutine_start"]
    pub fn coroutine_start(body: Body, user: *mut c_void, stack: *mut c_void, size: usize) -> c_int;
    /// Goes on after the yield; returns as [`coroutine_start`] does.
    #[link_name = "ffg_coroutine_resume"]
    pub fn coroutine_resume() -> c_int;
    /// Goes back to whoever started or resumed.
    #[link_name = "ffg_coroutine_yield"]
    pub fn coroutine_yield();
    /// Calls back on a thread with this stack (null: one of the system's), and waits for its end.
    /// Not 0 if there is no such thread.
    #[link_name = "ffg_thread_on"]
    pub fn thread_on(body: Body, user: *mut c_void, stack: *mut c_void, size: usize) -> c_int;
    /// The size of the smallest stack that a thread may have.
    #[link_name = "ffg_smallest_stack"]
    pub safe fn smallest_stack() -> usize;
}
