//! Slides 7 to 18: the pictures of the two memories, and a slice that crosses.

use c_fixtures::slides::some_func;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[Row {
    slides: &[7..=18],
    what: "a Vec<u8> is lent to C, written to, and returned",
    plan: Plan::Here(lent_and_returned, Expected::Clean),
}];

const PICTURE: &str = "
     Rust memory                              C memory
   +---------------------------+            +---------------------------+
   | Vec<u8>                   |            | some_func                 |
   |   1024 bytes              |<---lent----|   data, for the call      |
   +---------------------------+            +---------------------------+

     Rust memory                              C memory
   +---------------------------+            +---------------------------+
   | Vec<u8>                   |            | returned:                 |
   |   1024 bytes, C's work in |            |   nothing is kept         |
   +---------------------------+            +---------------------------+";

fn lent_and_returned() -> String {
    let mut bytes = b"gopher! ".repeat(128);
    // SAFETY: the length is the slice's own.
    let checksum = unsafe { some_func(bytes.as_mut_ptr(), bytes.len()) };
    assert!(bytes.starts_with(b"GOPHER! "), "C wrote into the slice");
    format!("C summed 1024 bytes to {checksum:#010x} and wrote them in upper case\n{PICTURE}")
}
