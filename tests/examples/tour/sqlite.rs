//! Slide 33: a wrapper type over SQLite, and real work for it.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use ffi_guard::Rule;
use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

use libsqlite3_sys::{SQLITE_OK, sqlite3};

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[33..=33],
        what: "100,000 rows through real SQLite, GUARD=1",
        plan: Plan::At("1", hundred_thousand_rows, Expected::Clean),
    },
    Row {
        slides: &[33..=33],
        what: "100,000 rows through real SQLite, GUARD=2",
        plan: Plan::At("2", hundred_thousand_rows, Expected::Clean),
    },
    Row {
        slides: &[33..=33],
        what: "the talk's own leak: a CString that nobody frees",
        plan: Plan::Here(leaks_its_name, Expected::Violates(Rule::LeakedOwnership, "never taken back")),
    },
    Row { slides: &[33..=33], what: "the same, lent", plan: Plan::Here(lends_its_name, Expected::Clean) },
];

#[ffi_guard::guard]
unsafe extern "C" {
    /// As the slide has it: `C.CString(filename)` is C's from here on. SQLite copies it and frees
    /// nothing.
    #[link_name = "sqlite3_open"]
    #[guard(deny(leaked_ownership))]
    fn open_given(#[guard(cstr, owned)] filename: *const c_char, #[guard(out)] db: *mut *mut sqlite3) -> c_int;
    fn sqlite3_close(db: *mut sqlite3) -> c_int;
}

fn leaks_its_name() -> String {
    let (name, mut db) = (CString::new(":memory:").expect("no NUL"), ptr::null_mut());
    // SAFETY: a C string, which lives for ever after this; a place of this frame for the database,
    // which is closed once.
    unsafe {
        assert_eq!(open_given(name.into_raw(), &raw mut db), SQLITE_OK, "a database in memory opens");
        sqlite3_close(db);
    }
    ffi_guard::checkpoint();
    "opened and closed; the name is nobody's".into()
}

fn lends_its_name() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    drop(db);
    ffi_guard::checkpoint();
    "opened and closed by the wrapper, which drops the name when SQLite has read it".into()
}

const ROW_COUNT: u32 = 100_000;

fn hundred_thousand_rows() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    let sum = write_and_read_back(&db, ROW_COUNT).expect("SQLite writes and reads");
    drop(db);
    assert_eq!(sum, expected_sum(ROW_COUNT), "what was read is what was written");
    format!("{ROW_COUNT} rows written, read back and summed to {sum}, as they should be; closed")
}
