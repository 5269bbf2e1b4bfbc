//! One shared library.
ffi_guard_tests_split::program!();
