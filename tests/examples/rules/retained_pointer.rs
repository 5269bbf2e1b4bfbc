//! Slide 21.

use c_fixtures::slides::{SomeStruct, store_reference};

pub(crate) fn run() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: `some` lives longer than the call, though not as long as C keeps it.
    unsafe { store_reference(&mut *some) };
}
