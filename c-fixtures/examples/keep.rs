//! Lends C a pointer that it keeps: `tests/tests/release.rs` builds it as a release is built, and
//! runs it.

use c_fixtures::slides::{SomeStruct, forget_reference, store_reference};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: the box outlives the call, and the pointer is forgotten before it dies.
    unsafe { store_reference(&raw mut *some) };
    forget_reference();
    println!("the end");
}
