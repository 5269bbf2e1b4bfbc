//! Slide 45.

use c_fixtures::slides::{ComplexStruct, SomeStruct, process_complex_struct};

pub(crate) fn run() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: &mut *some, y: std::ptr::null_mut() });
    // SAFETY: both boxes live longer than the call.
    unsafe { process_complex_struct(&*complex) };
}
