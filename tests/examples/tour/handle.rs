//! Slide 56: user data for C is a number that a table knows, and no address.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Mutex;

use c_fixtures::stale_handle::{subscribe, tick, unsubscribe};
use ffi_guard::{CText, Callback, Handle, Rule};
use libsqlite3_sys::{self as ffi, sqlite3};

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[56..=56],
        what: "a handle for sqlite3_exec's user data",
        plan: Plan::Here(rows_by_handle, Expected::Clean),
    },
    Row { slides: &[56..=56], what: "the same with a closure", plan: Plan::Here(rows_by_closure, Expected::Clean) },
    Row {
        slides: &[56..=56],
        what: "a stale one: C calls after the handle is gone",
        plan: Plan::Here(stale, Expected::Violates(Rule::StaleHandle, "a handle that was released")),
    },
    Row {
        slides: &[56..=56],
        what: "a stale closure: C calls after it is dropped",
        plan: Plan::Here(stale_closure, Expected::Violates(Rule::StaleHandle, "made here")),
    },
    Row {
        slides: &[56..=56],
        what: "a stale handle without the guard, GUARD=0: an error, not a crash",
        plan: Plan::At("0", stale_unguarded, Expected::Clean),
    },
];

#[ffi_guard::guard]
unsafe extern "C" {
    fn sqlite3_open(#[guard(cstr)] filename: *const c_char, #[guard(out)] db: *mut *mut sqlite3) -> c_int;
    fn sqlite3_close(db: *mut sqlite3) -> c_int;
    fn sqlite3_exec(
        db: *mut sqlite3,
        #[guard(cstr)] sql: *const c_char,
        callback: ffi::sqlite3_callback,
        #[guard(opaque)] user: *mut c_void,
        #[guard(out)] message: *mut *mut c_char,
    ) -> c_int;
    fn sqlite3_free(p: *mut c_void);
}

const SQL: &CStr =
    c"WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000) SELECT n FROM up";

/// Runs the statement with this callback.
fn exec(callback: ffi::sqlite3_callback, user: *mut c_void) {
    let (mut db, mut message) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: places of this frame for the results; the database is closed once, and the message
    // freed by SQLite.
    unsafe {
        assert_eq!(sqlite3_open(c":memory:".as_ptr(), &raw mut db), ffi::SQLITE_OK, "a database in memory opens");
        let status = sqlite3_exec(db, SQL.as_ptr(), callback, user, &raw mut message);
        let message = CText::from_raw_with(message, sqlite3_free);
        assert_eq!(status, ffi::SQLITE_OK, "{message:?}");
        sqlite3_close(db);
    }
}

/// The number in the first column.
///
/// # Safety
/// - `values` is what SQLite passes to a row callback.
unsafe fn number(values: *mut *mut c_char) -> i64 {
    // SAFETY: as promised: a row has a column, whose text ends in a NUL.
    let text = unsafe { CStr::from_ptr(*values) };
    text.to_str().ok().and_then(|text| text.parse().ok()).expect("a number")
}

#[ffi_guard::guard]
unsafe extern "C" fn row(
    #[guard(opaque)] user: *mut c_void,
    _: c_int,
    values: *mut *mut c_char,
    _: *mut *mut c_char,
) -> c_int {
    // SAFETY: called by SQLite.
    let n = unsafe { number(values) };
    let pushed = Handle::<Mutex<Vec<i64>>>::with(user, |rows| rows.lock().expect("no panic in it").push(n));
    c_int::from(pushed.is_err())
}

fn rows_by_handle() -> String {
    let user = Handle::new(Mutex::new(Vec::<i64>::new())).into_raw();
    exec(Some(row), user);
    let rows = Handle::<Mutex<Vec<i64>>>::take(user).expect("C has handed it back unchanged");
    let rows = rows.into_inner().expect("no panic in it");
    format!("user data {user:?}: {} rows with the sum {}", rows.len(), rows.iter().sum::<i64>())
}

fn rows_by_closure() -> String {
    let mut sum = 0;
    Callback::scoped(
        |_: c_int, values: *mut *mut c_char, _: *mut *mut c_char| -> c_int {
            // SAFETY: called by SQLite.
            sum += unsafe { number(values) };
            0
        },
        |row| exec(row.function(), row.data()),
    );
    format!("a closure summed the rows to {sum}")
}

#[ffi_guard::guard]
unsafe extern "C" fn on_tick(#[guard(opaque)] user: *mut c_void) {
    let _ = Handle::<String>::with(user, |name| println!("{name} ticks"));
}

/// Takes the subscriber from C at the end, also where the guard stops the program.
struct Unsubscribe;

impl Drop for Unsubscribe {
    fn drop(&mut self) {
        unsubscribe();
    }
}

fn stale() -> String {
    let _end = Unsubscribe;
    let handle = Handle::new(String::from("Gopher"));
    // SAFETY: with an address for user data, it would be the bug; the number leads nowhere once it
    // is stale.
    unsafe { subscribe(Some(on_tick), handle.as_raw()) };
    drop(handle);
    tick();
    "C called with what was released, and nobody noticed".into()
}

fn stale_closure() -> String {
    let _end = Unsubscribe;
    let callback = Callback::new(|| ());
    // SAFETY: as above.
    unsafe { subscribe(callback.function(), callback.data()) };
    drop(callback);
    tick();
    "C called what was dropped, and nobody noticed".into()
}

fn stale_unguarded() -> String {
    let raw = Handle::new(String::from("Gopher")).into_raw();
    let name = Handle::<String>::take(raw).expect("parked");
    let error = Handle::<String>::with(raw, String::len).expect_err("taken");
    format!("{name} is taken, and then: {error}")
}
