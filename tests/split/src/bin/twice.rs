//! Two shared libraries that define the same functions.
ffi_guard_tests_split::program!();
