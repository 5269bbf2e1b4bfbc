// Settings that are given twice.

#[ffi_guard::guard(keep_abi, keep_abi)]
unsafe extern "C" {
    fn f(#[guard(cstr, cstr)] p: *const u8);
    fn g(#[guard(nonnull)] #[guard(nonnull)] p: *const u8);
    #[guard(deny(double_free, double_free))]
    fn h();
}

fn main() {}
