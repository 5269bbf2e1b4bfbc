//! A C object that belongs to one thread: `c/wrong_thread.c`.

/// A window, whose inside is C's own.
#[derive(Debug)]
#[repr(C)]
pub struct Window {
    _private: [u8; 0],
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Opens a window, which belongs to the calling thread.
    #[link_name = "ffg_window_open"]
    #[guard(returns(thread_bound))]
    pub safe fn window_open() -> *mut Window;
    /// Opens a window and stores it in `window`; 0 on success.
    #[link_name = "ffg_window_open_into"]
    pub fn window_open_into(#[guard(out, thread_bound)] window: *mut *mut Window) -> i32;
    /// Draws the window; returns how often this thread has drawn.
    #[link_name = "ffg_window_draw"]
    pub fn bad_window_draw(#[guard(thread_bound)] window: *mut Window) -> i32;
    /// Draws the window, declared as if any thread could.
    #[link_name = "ffg_window_draw"]
    pub fn ok_window_draw(window: *mut Window) -> i32;
    /// Closes the window.
    #[link_name = "ffg_window_close"]
    pub fn window_close(#[guard(thread_bound)] window: *mut Window);
}
