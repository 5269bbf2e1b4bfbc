//! Nothing, where something was asked for.

use c_fixtures::null_pointer::bad_first;

pub(crate) fn run() {
    let values: Option<&i32> = None;
    // SAFETY: wrong: C reads the first value without asking whether there is one.
    unsafe { bad_first(values.map_or(std::ptr::null(), std::ptr::from_ref)) };
}
