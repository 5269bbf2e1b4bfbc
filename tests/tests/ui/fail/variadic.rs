// A variadic function is checked on entry: what concerns the return, and what is not understood, is
// refused.

use std::ffi::{c_char, c_int, c_void};

#[ffi_guard::guard]
unsafe extern "C" {
    fn printf(#[guard(printf, cstr)] format: *const c_char, ...) -> c_int;
    fn puts(#[guard(printf)] text: *const c_char) -> c_int;
    #[guard(returns(owned))]
    fn asprintf(#[guard(copied)] to: *mut *mut c_char, #[guard(printf(gnu))] format: *const c_char, ...) -> *mut c_char;
    fn open(#[guard(scanf)] path: *const c_char, #[guard(followed_by(64 => [number]))] flags: c_int, ...) -> c_int;
    fn ioctl(file: c_int, #[guard(followed_by(1 => number))] request: c_int, ...) -> c_int;
    fn fcntl(file: c_int, #[guard(followed_by(1 => [numbr]))] command: c_int, ...) -> c_int;
    fn prctl(#[guard(followed_by)] option: c_int, ...) -> c_int;
    fn set(#[guard(followed_by(n(2) => [pointer(c_int) cstr, number cstr]))] option: c_int, ...) -> c_int;
}

#[ffi_guard::guard]
unsafe extern "C" {
    fn scanf(#[guard(scanf)] format: *const c_char, to: *mut c_void, ...) -> c_int;
}

fn main() {
    unsafe { scanf(c"".as_ptr(), std::ptr::null_mut()) };
}
