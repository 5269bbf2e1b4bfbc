// Errors of rustc stay errors: edition 2024 requires `unsafe extern`.

#[ffi_guard::guard]
extern "C" {
    fn f();
}

fn main() {}
