//! A value that C gives back twice, and Rust drops twice.

use c_fixtures::double_free::{bad_yield_up, hold};

pub(crate) fn run() {
    // SAFETY: none, which is what this is about: both are the same block.
    unsafe {
        hold(Box::into_raw(Box::new(7)));
        let (first, second) = (bad_yield_up(), bad_yield_up());
        drop(Box::from_raw(first));
        drop(Box::from_raw(second));
    }
}
