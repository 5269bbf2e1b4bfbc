// The lint speaks of the type, once, where the user wrote it.

#![deny(improper_ctypes, improper_ctypes_definitions)]

#[ffi_guard::guard]
unsafe extern "C" {
    fn f(s: &str) -> [u8; 4];
    #[guard(keep_abi)]
    fn g(s: String);
}

fn main() {}
