// Errors of rustc stay errors: qualifiers need `unsafe extern`.

#[ffi_guard::guard]
extern "C" {
    safe fn f();
}

fn main() {}
