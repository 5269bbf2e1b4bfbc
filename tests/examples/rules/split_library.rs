//! A library of another version than the declarations are of.

use c_fixtures::split_library::bad_meter_add;

pub(crate) fn run() {
    println!("{}", bad_meter_add(5));
}
