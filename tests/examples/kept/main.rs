//! The README's program: C keeps a pointer to a `Box` that then dies.
//!
//! `cargo run --example kept`. The C side is `storeReference` in `c-fixtures/c/slides.c`.
//! Tests compare the README with this code and with the report that a run prints.

use std::ffi::c_int;

use c_fixtures as _;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[derive(ffi_guard::Plain)]
#[repr(C)]
struct SomeStruct {
    a: c_int,
    b: c_int,
    c: c_int,
}

#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "storeReference"]
    fn store_reference(s: *mut SomeStruct);
}

fn main() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: `some` lives longer than the call.
    unsafe { store_reference(&mut *some) };
    drop(some);
    println!("{} bytes are freed, and C still holds their address", size_of::<SomeStruct>());
}
