//! A Rust string for a C one.

use c_fixtures::unterminated_string::bad_count_spaces;

pub(crate) fn run() {
    let text = String::from("lent to C");
    // SAFETY: wrong: a `String` does not end in NUL.
    unsafe { bad_count_spaces(text.as_ptr().cast()) };
}
