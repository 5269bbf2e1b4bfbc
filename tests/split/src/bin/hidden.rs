//! The library in the program, and another copy that a shared library keeps to itself.
ffi_guard_tests_split::program!();
