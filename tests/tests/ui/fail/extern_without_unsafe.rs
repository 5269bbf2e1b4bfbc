// What rustc refuses stays refused: edition 2024 wants `unsafe extern`.

#[ffi_guard::guard]
extern "C" {
    fn f();
}

fn main() {}
