// A count that is no integer is reported at the attribute.

#[ffi_guard::guard]
unsafe extern "C" {
    fn f(#[guard(counted_by = ratio)] p: *const u8, ratio: f64);
}

fn main() {}
