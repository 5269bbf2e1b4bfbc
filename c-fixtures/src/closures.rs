//! C that calls back, in every way that wrappers get wrong: `c/closures.c`.

use std::ffi::{c_char, c_double, c_int, c_long, c_void};

/// A callback, as bindgen writes it.
pub type OnEvent = Option<unsafe extern "C" fn(user: *mut c_void, event: c_int) -> c_int>;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps one callback, until the next or [`forget`].
    #[link_name = "ffg_event_register"]
    pub fn register(callback: OnEvent, #[guard(opaque)] user: *mut c_void);
    /// Lets go of the callback.
    #[link_name = "ffg_event_forget"]
    pub safe fn forget();
    /// Calls the callback; -1 if there is none.
    #[link_name = "ffg_event_fire"]
    pub safe fn fire(event: c_int) -> c_int;
    /// Calls the callback twice and adds up.
    #[link_name = "ffg_event_fire_twice"]
    pub safe fn fire_twice(event: c_int) -> c_int;
    /// Calls the callback on a thread that C made, and waits for that.
    #[link_name = "ffg_event_fire_on_thread"]
    pub safe fn fire_on_thread(event: c_int) -> c_int;
    /// Calls the callback on `threads` threads at once, `times` times on each; the sum.
    #[link_name = "ffg_event_fire_on_threads"]
    pub safe fn fire_on_threads(threads: c_int, times: c_int, event: c_int) -> c_long;
    /// Calls the callback when the process ends.
    #[link_name = "ffg_event_fire_at_exit"]
    pub safe fn fire_at_exit(event: c_int);
    /// Calls the callback at once.
    #[link_name = "ffg_event_now"]
    pub fn now(callback: OnEvent, #[guard(opaque)] user: *mut c_void, event: c_int) -> c_int;
    /// Calls the callback for 1 to n, as long as it returns 0; the number of calls.
    #[link_name = "ffg_event_each"]
    pub fn each(n: c_int, callback: OnEvent, #[guard(opaque)] user: *mut c_void) -> c_int;
    /// Calls the callback with the low 32 bits of the user data.
    #[link_name = "ffg_event_cut"]
    pub fn cut(callback: OnEvent, #[guard(opaque)] user: *mut c_void, event: c_int) -> c_int;
}

/// One function for each number of arguments, which passes 1, 2, 3 and so on.
pub mod arity {
    use super::{c_char, c_double, c_int, c_long, c_void};

    macro_rules! each {
        ($($first:ident = $first_name:literal, $last:ident = $last_name:literal: ($($ty:ty),*);)*) => {
            #[ffi_guard::guard]
            unsafe extern "C" { $(
                /// The user data first.
                ///
                /// # Safety
                /// - `f` takes `user`.
                #[link_name = $first_name]
                pub fn $first(f: Option<unsafe extern "C" fn(*mut c_void, $($ty),*) -> c_long>, #[guard(opaque)] user: *mut c_void) -> c_long;
                /// The user data last.
                ///
                /// # Safety
                /// - `f` takes `user`.
                #[link_name = $last_name]
                pub fn $last(f: Option<unsafe extern "C" fn($($ty,)* *mut c_void) -> c_long>, #[guard(opaque)] user: *mut c_void) -> c_long;
            )* }
        };
    }

    each! {
        first_0 = "ffg_first_0", last_0 = "ffg_last_0": ();
        first_1 = "ffg_first_1", last_1 = "ffg_last_1": (c_int);
        first_2 = "ffg_first_2", last_2 = "ffg_last_2": (c_int, c_double);
        first_3 = "ffg_first_3", last_3 = "ffg_last_3": (c_int, c_double, *const c_char);
        first_4 = "ffg_first_4", last_4 = "ffg_last_4": (c_int, c_int, c_int, c_int);
        first_5 = "ffg_first_5", last_5 = "ffg_last_5": (c_int, c_int, c_int, c_int, c_int);
        first_6 = "ffg_first_6", last_6 = "ffg_last_6": (c_int, c_int, c_int, c_int, c_int, c_double);
    }
}
