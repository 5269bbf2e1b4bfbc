// A type that does not exist is reported once, at the type.

#[ffi_guard::guard]
unsafe extern "C" {
    fn f(p: *const Missing, n: usize) -> usize;
}

fn main() {
    let _: () = unsafe { f(std::ptr::null(), 1u8) };
}
