// Ownership of nothing.

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(returns(owned))]
    fn f();
    #[guard(returns(owned))]
    fn g() -> c_int;
}

fn main() {}
