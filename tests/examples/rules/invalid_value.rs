//! A number of C's that is declared as a `bool`.

use c_fixtures::invalid_value::bad_is_open;

pub(crate) fn run() {
    if bad_is_open(2) {
        println!("open");
    }
}
