// A block that is not C's.

#[ffi_guard::guard]
unsafe extern "Rust" {
    fn f();
}

fn main() {}
