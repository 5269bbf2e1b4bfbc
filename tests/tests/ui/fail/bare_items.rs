// Statics and types in the block cannot be guarded.

#[ffi_guard::guard]
unsafe extern "C" {
    #[guard(skip)]
    static environ: *const *const std::ffi::c_char;
}

fn main() {}
