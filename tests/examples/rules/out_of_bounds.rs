//! Bytes for elements.

use c_fixtures::out_of_bounds::ok_sum_ints;

pub(crate) fn run() {
    let values = vec![1, 2, 3, 4, 5, 6];
    let count = size_of_val(values.as_slice());
    // SAFETY: wrong: that many bytes, and the function counts integers.
    unsafe { ok_sum_ints(values.as_ptr(), count as i32) };
}
