// A function that is skipped has nothing else to say.

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(skip, keep_abi)]
    fn f();
    #[guard(skip)]
    fn g(#[guard(cstr)] p: *const u8);
}

#[ffi_guard::guard(skip, deny(double_free))]
unsafe extern "C" {
    fn h();
}

fn main() {}
