//! An object of C's that belongs to one thread: `c/wrong_thread.c`.

/// A window, whose inside is C's own.
#[derive(Debug)]
#[repr(C)]
pub struct Window {
    _private: [u8; 0],
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Opens a window; it is the calling thread's.
    #[link_name = "ffg_window_open"]
    #[guard(returns(thread_bound))]
    pub safe fn window_open() -> *mut Window;
    /// The same, into a place; 0 where it worked.
    #[link_name = "ffg_window_open_into"]
    pub fn window_open_into(#[guard(out, thread_bound)] window: *mut *mut Window) -> i32;
    /// Draws it; how often this thread has drawn.
    #[link_name = "ffg_window_draw"]
    pub fn bad_window_draw(#[guard(thread_bound)] window: *mut Window) -> i32;
    /// The same, declared as if any thread could do so.
    #[link_name = "ffg_window_draw"]
    pub fn ok_window_draw(window: *mut Window) -> i32;
    /// Closes it.
    #[link_name = "ffg_window_close"]
    pub fn window_close(#[guard(thread_bound)] window: *mut Window);
}
