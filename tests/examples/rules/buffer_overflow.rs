//! A label that C ends with a NUL, of which Rust knows nothing.

use c_fixtures::buffer_overflow::bad_label;

pub(crate) fn run() {
    let mut label = vec![0_u8; 24];
    // SAFETY: wrong: C writes one byte more than it says.
    unsafe { bad_label(label.as_mut_ptr().cast(), label.len()) };
}
