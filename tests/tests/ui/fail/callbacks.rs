// Functions that cannot be callbacks, and attributes that do not fit one.

use std::ffi::{c_int, c_void};

#[ffi_guard::guard]
async extern "C" fn asynchronous() {}

#[ffi_guard::guard]
const extern "C" fn constant() {}

#[ffi_guard::guard]
extern "Rust" fn not_cs() {}

struct Struct;

impl Struct {
    #[ffi_guard::guard]
    extern "C" fn method(&self, number: c_int) -> c_int {
        number
    }
}

#[ffi_guard::guard(keep_abi, on_panics = 1)]
extern "C" fn misspelt(#[guard(copied)] data: *mut c_void, #[guard(cstr)] n: c_int) {
    let _ = (data, n);
}

#[ffi_guard::guard(on_panic, returns(thread_bound))]
extern "C" fn half_said() -> *mut c_void {
    std::ptr::null_mut()
}

#[ffi_guard::guard(returns(owned))]
extern "C" fn no_pointer() -> c_int {
    0
}

#[ffi_guard::guard]
extern "C" fn uncountable(#[guard(counted_by = n)] data: *const u8, m: usize) {
    let _ = (data, m);
}

fn main() {
    // One mistake is one error: what is wrong is there, bare.
    constant();
    half_said();
    assert_eq!(no_pointer() + Struct.method(1), 1);
    uncountable(std::ptr::null(), 0);
}
