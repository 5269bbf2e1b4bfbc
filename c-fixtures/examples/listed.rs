//! Prints the guarded functions that it links, of which it calls one: `tests/tests/release.rs` and
//! `.ci/optional/builds.sh` run it as it is linked for release, and statically.

use c_fixtures::slides::{SomeStruct, forget_reference, store_reference};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    let mut functions: Vec<_> =
        ffi_guard::functions().iter().map(|function| (function.crate_name(), function.name())).collect();
    functions.sort_unstable();
    for (krate, name) in functions {
        println!("{krate} {name}");
    }
    if std::env::args().len() > 5 {
        // SAFETY: the pointer is forgotten before the box dies.
        unsafe { store_reference(&raw mut *Box::new(SomeStruct { a: 1, b: 2, c: 3 })) };
        forget_reference();
    }
}
