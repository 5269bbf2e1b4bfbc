// Attributes of pointers on what is none.

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    fn f(#[guard(cstr)] fd: c_int);
    fn g(#[guard(counted_by = n)] p: *const u8, #[guard(nonnull, retained)] n: usize);
    fn h(#[guard(out)] x: f64, #[guard(opaque)] y: bool, #[guard(owned)] z: std::ffi::c_ulong);
}

fn main() {}
