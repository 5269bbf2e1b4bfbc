// Attributes that belong elsewhere.

#[ffi_guard::guard(cstr)]
unsafe extern "C" {
    #[guard(counted_by = n)]
    fn f(#[guard(keep_abi)] p: *const u8, n: usize);
}

fn main() {}
