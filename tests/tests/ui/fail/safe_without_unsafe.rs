// What rustc refuses stays refused: qualifiers need `unsafe extern`.

#[ffi_guard::guard]
extern "C" {
    safe fn f();
}

fn main() {}
