//! Functions with `...`: `c/variadic.c`.

use std::ffi::{c_char, c_int, c_long};

/// Two numbers, passed by value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pair {
    /// The first.
    pub x: f64,
    /// The second.
    pub y: f64,
}

/// Options of [`set`].
pub const NUMBER: c_int = 1;
/// A `double`.
pub const RATIO: c_int = 2;
/// A text that C copies.
pub const COPIED: c_int = 10001;
/// A text that C keeps.
pub const KEPT: c_int = 10002;
/// Where the number is written.
pub const GET_NUMBER: c_int = 20001;
/// A `double` and a text that C copies.
pub const TWO: c_int = 30001;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Adds `n` ints.
    #[link_name = "ffg_sum_ints"]
    pub fn sum_ints(n: c_int, ...) -> c_long;

    /// Adds `n` doubles.
    #[link_name = "ffg_sum_doubles"]
    pub fn sum_doubles(n: c_int, ...) -> f64;

    /// Adds what the letters name: i int, l long, d double, p the int behind a pointer.
    #[link_name = "ffg_sum_mixed"]
    pub fn sum_mixed(#[guard(cstr, nonnull)] kinds: *const c_char, ...) -> f64;

    /// More fixed arguments than there are registers, and then `n` ints.
    #[link_name = "ffg_sum_many"]
    pub fn sum_many(
        a: c_long,
        b: c_long,
        c: c_long,
        d: c_long,
        e: c_long,
        f: c_long,
        g: c_long,
        h: f64,
        n: c_int,
        ...
    ) -> c_long;

    /// A struct by value, and then `n` doubles.
    #[link_name = "ffg_sum_pair"]
    pub fn sum_pair(pair: Pair, n: c_int, ...) -> f64;

    /// Calls the function with each of `n` longs.
    #[link_name = "ffg_sum_called"]
    pub fn each(function: extern "C" fn(c_long) -> c_long, n: c_int, ...) -> c_long;

    /// Sets an option.
    #[link_name = "ffg_set"]
    pub fn set(
        #[guard(followed_by(
            NUMBER => [number],
            RATIO => [float],
            COPIED => [cstr nonnull],
            KEPT => [cstr retained],
            20000..=29999 => [out(c_long)],
            TWO => [float, cstr],
            _ => [],
        ))]
        option: c_int,
        ...
    ) -> c_int;

    /// The length of the kept text.
    #[link_name = "ffg_kept_length"]
    pub safe fn kept_length() -> usize;
    /// The number.
    #[link_name = "ffg_number"]
    pub safe fn number() -> c_long;
    /// The ratio.
    #[link_name = "ffg_ratio"]
    pub safe fn ratio() -> f64;
    /// The length of the copied text.
    #[link_name = "ffg_copied_length"]
    pub safe fn copied_length() -> usize;

    /// `snprintf`.
    #[link_name = "ffg_print"]
    pub fn print(
        #[guard(sized_by = size)] into: *mut c_char,
        size: usize,
        #[guard(printf)] format: *const c_char,
        ...
    ) -> c_int;

    /// `sscanf`.
    #[link_name = "ffg_read"]
    pub fn read(#[guard(cstr)] from: *const c_char, #[guard(scanf)] format: *const c_char, ...) -> c_int;
}
