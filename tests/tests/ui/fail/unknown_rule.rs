// A misspelt rule.

#[ffi_guard::guard(deny(retained))]
unsafe extern "C" {
    #[guard(allow(nested_pointers))]
    fn f(#[guard(warn(NullPointer, unicorn))] p: *const u8);
}

fn main() {}
