// An item that is not an extern block cannot be guarded; the item itself stays.

#[ffi_guard::guard]
#[derive(Clone)]
pub struct Struct;

#[ffi_guard::guard]
impl Struct {
    fn method(&self) {}
}

#[ffi_guard::guard]
pub const unsafe fn rust_function() {}

#[ffi_guard::guard]
extern crate std as other;

#[ffi_guard::guard]
mod module {}

fn main() {
    Struct.clone().method();
    unsafe { rust_function() };
}
