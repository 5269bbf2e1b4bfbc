//! A bundled SQLite in the program, and another that a C library shows.
ffi_guard_tests_split::sqlite_program!();
