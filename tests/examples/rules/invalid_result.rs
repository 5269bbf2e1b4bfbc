//! A blob of no bytes, for which C returns null, as a slice.

use c_fixtures::invalid_result::bad_blob;

pub(crate) fn run() {
    let mut length = 0;
    // SAFETY: the length is there.
    let blob = unsafe { bad_blob(0, &raw mut length) };
    // SAFETY: wrong: a slice is never at null, whatever its length.
    let bytes = unsafe { std::slice::from_raw_parts(blob, usize::try_from(length).unwrap_or(0)) };
    println!("{} bytes", bytes.len());
}
