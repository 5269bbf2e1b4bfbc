//! A bundled SQLite in the program, and another that a C library keeps to itself.
ffi_guard_tests_split::sqlite_program!();
