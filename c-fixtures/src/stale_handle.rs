//! C that calls back later, with user data that it was given before: `c/stale_handle.c`.

use std::ffi::c_void;

/// A callback, as bindgen writes it.
pub type OnTick = Option<unsafe extern "C" fn(user: *mut c_void)>;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps both until [`unsubscribe`].
    #[link_name = "ffg_tick_subscribe"]
    pub fn subscribe(callback: OnTick, #[guard(opaque)] user: *mut c_void);
    /// Lets go of the callback and its user data.
    #[link_name = "ffg_tick_unsubscribe"]
    pub safe fn unsubscribe();
    /// Calls the callback, if there is one.
    #[link_name = "ffg_tick"]
    pub safe fn tick();
}
