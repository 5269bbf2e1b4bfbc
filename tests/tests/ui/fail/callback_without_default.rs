// A callback whose return type has no default needs `on_panic`.

use std::ptr::NonNull;

#[ffi_guard::guard]
extern "C" fn no_default() -> NonNull<u8> {
    NonNull::dangling()
}

#[ffi_guard::guard(on_panic = "text")]
extern "C" fn other_type() -> i32 {
    0
}

fn main() {
    no_default();
    other_type();
}
