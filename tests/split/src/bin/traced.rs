//! One shared library, and one that stands before a function of it.
ffi_guard_tests_split::program!();
