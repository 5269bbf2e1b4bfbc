//! An object with all functions but one, which a shared library has, with all the others too.
ffi_guard_tests_split::program!();
