//! The attribute's errors: each misuse, as rustc prints it.
//!
//! The `.stderr` files are rustc 1.95's; another version words its own part differently.
//! `TRYBUILD=overwrite` writes them again: look at the diff after. Programs that must compile are
//! tests of their own, in `accepted/`: here, ffi-guard is checked and not built once more.

#[test]
#[cfg_attr(miri, ignore)]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
}
