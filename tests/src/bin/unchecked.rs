//! A program without `GuardAlloc` that makes a guarded call.

use c_fixtures::slides::{SomeStruct, process_struct};

fn main() {
    let some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: the box outlives the call.
    let sum = unsafe { process_struct(&raw const *some) };
    println!("sum {sum}, level {}", ffi_guard::level() as u8);
}
