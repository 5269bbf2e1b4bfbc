//! The library in the program, and another copy that a shared library shows.
ffi_guard_tests_split::program!();
