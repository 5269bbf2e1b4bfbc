//! A declaration whose first parameter is shorter than C's.

use c_fixtures::abi_mismatch::bad_scale;

pub(crate) fn run() {
    // SAFETY: wrong: C takes 8 bytes, of which 4 are what was in the register before.
    let product = unsafe { bad_scale(-3, 2) };
    println!("{product}");
}
