// Attributes that are not written as they should be.

#[ffi_guard::guard(crate = "ffi_guard")]
unsafe extern "C" {
    fn a(#[guard(counted_by)] p: *const u8, n: usize);
    fn b(#[guard(cstr = true)] p: *const u8);
    fn c(#[guard(counted_by = )] p: *const u8);
    fn d(#[guard] p: *const u8);
    fn e(#[guard(cstr nonnull)] p: *const u8);
    fn f(#[guard("cstr")] p: *const u8);
    #[guard(allow = nested_pointer)]
    fn g();
    #[guard()]
    fn h();
    #[guard(returns(borrowed))]
    fn i() -> *mut u8;
}

fn main() {}
