//! The struct is alive, and what its field leads to is not.

use std::ffi::CString;

use c_fixtures::dangling_field::{Label, bad_label_length};

fn label(text: &str) -> Label {
    let owner = CString::new(text).expect("no NUL in it");
    Label { width: 20, text: owner.as_ptr() }
}

pub(crate) fn run() {
    let label = label("session");
    // SAFETY: wrong: the string died when `label` returned.
    unsafe { bad_label_length(&raw const label) };
}
