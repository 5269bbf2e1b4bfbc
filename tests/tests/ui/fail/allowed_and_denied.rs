// A rule both allowed and denied, in one place.

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(allow(nested_pointer), deny(nested_pointer))]
    fn f(#[guard(warn(null_pointer, out_of_bounds))] #[guard(allow(out_of_bounds))] p: *const u8);
    #[guard(allow())]
    fn g();
}

fn main() {}
