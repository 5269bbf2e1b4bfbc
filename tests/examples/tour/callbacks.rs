//! Slides 52 to 55: `sqlite3_exec` with a callback exported from Go, here from Rust.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use c_fixtures::callbacks::bare::ffg_register_step;
use c_fixtures::callbacks::fire;
use c_fixtures::returned_pointer::name_length;
use ffi_guard::Rule;
use ffi_guard_tests::sqlite::Db;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[52..=55],
        what: "sqlite3_exec calls a closure with each row",
        plan: Plan::Here(rows, Expected::Clean),
    },
    Row {
        slides: &[52..=55],
        what: "an error text, read and freed by sqlite3_free",
        plan: Plan::Here(error_text, Expected::Clean),
    },
    Row {
        slides: &[52..=55],
        what: "a panic at row 500 of 1,000 surfaces in Rust",
        plan: Plan::Here(panics, Expected::Clean),
    },
    Row {
        slides: &[52..=55],
        what: "user data that is dropped before C calls",
        plan: Plan::Here(late, Expected::Violates(Rule::DanglingPointer, "`user` of `count`")),
    },
    Row {
        slides: &[52..=55],
        what: "a callback that hands C a Rust string",
        plan: Plan::Here(hands_out, Expected::Violates(Rule::ReturnedPointer, "`name_of`")),
    },
];

const NUMBERS: &str =
    "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000) SELECT n FROM up";

fn rows() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    let mut sum = 0;
    db.exec_each(NUMBERS, |columns| {
        sum += columns[0].and_then(|text| text.to_str().ok()?.parse::<i64>().ok()).expect("a number");
        true
    })
    .expect("SQLite counts");
    assert_eq!(sum, 500_500);
    format!("1000 rows came to Rust and summed to {sum}")
}

fn error_text() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    let error = db.exec("SELECT a FROM nowhere").expect_err("there is no such table");
    format!("SQLite says: {error}")
}

fn panics() -> String {
    let db = Db::open(":memory:").expect("a database in memory opens");
    let mut rows = 0;
    let surfaced = catch_unwind(AssertUnwindSafe(|| {
        db.exec_each(NUMBERS, |_| {
            rows += 1;
            if rows == 500 {
                // Without the hook, which would print the expected panic.
                std::panic::resume_unwind(Box::new(rows));
            }
            true
        })
    }));
    let payload = surfaced.expect_err("the panic");
    assert_eq!((payload.downcast_ref(), rows), (Some(&500), 500), "as it was thrown, and SQLite stopped");
    assert!(db.is_idle(), "the statement is finalized");
    db.exec("SELECT 1").expect("the database is usable");
    "the panic came out of sqlite3_exec with its payload; SQLite ended the statement and goes on".into()
}

fn late() -> String {
    #[ffi_guard::guard]
    unsafe extern "C" fn count(#[guard(opaque)] user: *mut c_void, number: c_int) -> c_int {
        // SAFETY: a count; if it is not, the guard stops the callback before.
        unsafe { *user.cast::<c_int>() += number };
        0
    }
    /// Has C forget it, however the row ends.
    struct Forget;
    impl Drop for Forget {
        fn drop(&mut self) {
            // SAFETY: no user data.
            unsafe { ffg_register_step(None, ptr::null_mut()) };
        }
    }
    let _forget = Forget;
    let mut sum = Box::new(0);
    // SAFETY: alive, so far. Declared nowhere under the guard, as a library is whose users know it
    // is safe.
    unsafe { ffg_register_step(Some(count), ptr::from_mut(&mut *sum).cast()) };
    drop(sum);
    // SAFETY: not sound, and that is the point: C calls with an address that is no more.
    unsafe { fire(1) };
    "C wrote into a block that was freed and nobody noticed".into()
}

fn hands_out() -> String {
    #[ffi_guard::guard]
    unsafe extern "C" fn name_of(user: *mut c_void) -> *const c_char {
        // SAFETY: a string that ends in a NUL.
        unsafe { &*user.cast::<String>() }.as_ptr().cast()
    }
    let mut name = String::from("Gopher\0");
    // SAFETY: the string outlives the call.
    let length = unsafe { name_length(name_of, ptr::from_mut(&mut name).cast()) };
    format!("C measured a Rust string to {length} and nobody noticed")
}
