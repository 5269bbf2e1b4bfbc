//! `sqlite3_exec`: slides 52 to 55, in Rust instead of Go.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use ffi_guard::{Handle, guard};
use libsqlite3_sys::{SQLITE_ABORT, SQLITE_OK};

use super::declarations::{sqlite3_exec, sqlite3_free};
use super::{Db, SqliteError, copy};

/// A closure that gets each row; false stops.
type Each<'a> = dyn FnMut(&[Option<&CStr>]) -> bool + 'a;

/// A function that gets each row and a value; false stops.
pub type OnRow<T> = fn(&mut T, &[Option<&CStr>]) -> bool;

/// The value behind a handle of [`Db::exec_with`].
type Parked<T> = (RefCell<T>, OnRow<T>);

/// The callback for each row.
type RowCallback = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;

/// An error text of SQLite's, freed with its own `sqlite3_free` however the call ends. (The slide
/// frees it with C's `free`, and only if it is read.)
struct Message(*mut c_char);

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: SQLite's allocation and ours to free; null is fine.
        unsafe { sqlite3_free(self.0.cast()) };
    }
}

impl Db {
    /// Runs statements that return no rows.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    ///
    /// # Panics
    ///
    /// If the SQL holds a NUL.
    pub fn exec(&self, sql: &str) -> Result<(), SqliteError> {
        self.exec_each(sql, |_| true)
    }

    /// Runs statements, and calls `each` with every row, until it says false.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports. If `each` returns false, this is that the query was aborted.
    ///
    /// # Panics
    ///
    /// If the SQL holds a NUL. A panic of `each` comes out of here as it was thrown, after
    /// SQLite has ended the statement.
    pub fn exec_each(&self, sql: &str, mut each: impl FnMut(&[Option<&CStr>]) -> bool) -> Result<(), SqliteError> {
        let mut each: &mut Each<'_> = &mut each;
        // SAFETY: the user pointer leads to the closure, which outlives the call.
        unsafe { self.run(sql, row, (&raw mut each).cast::<c_void>()) }
    }

    /// Runs statements like [`exec_each`](Db::exec_each), with a value in a handle table, as on
    /// slide 56: SQLite carries a number around, which leads to this value or to nothing, even if
    /// SQLite used it later. Returns the value after the last row.
    ///
    /// # Errors
    ///
    /// As [`exec_each`](Db::exec_each).
    ///
    /// # Panics
    ///
    /// As [`exec_each`](Db::exec_each).
    pub fn exec_with<T: 'static>(&self, sql: &str, value: T, each: OnRow<T>) -> Result<T, SqliteError> {
        let handle = Handle::local((RefCell::new(value), each));
        // SAFETY: the callback is for a handle to this type.
        unsafe { self.run(sql, row_of_handle::<T>, handle.as_raw()) }?;
        let taken = Handle::<Parked<T>>::take(handle.into_raw());
        Ok(taken.expect("nobody else has it").0.into_inner())
    }

    /// # Safety
    ///
    /// - `user` is what `on_row` takes it for, as long as this runs.
    unsafe fn run(&self, sql: &str, on_row: RowCallback, user: *mut c_void) -> Result<(), SqliteError> {
        let sql = CString::new(sql).expect("SQL holds no NUL");
        let mut message = Message(ptr::null_mut());
        // SAFETY: the connection is open, the SQL a C string; the user pointer is the caller's
        // promise; the message is written to a place that outlives the call.
        let code = unsafe { sqlite3_exec(self.db, sql.as_ptr(), Some(on_row), user, &raw mut message.0) };
        if code == SQLITE_OK {
            return Ok(());
        }
        // SAFETY: SQLite says what went wrong, in a C string of its own or not at all.
        Err(SqliteError { code, message: unsafe { copy(message.0) } })
    }
}

/// The callback for each row. If it panics, the query is aborted.
#[guard(contract = "sqlite3_exec.callback", on_panic = SQLITE_ABORT)]
unsafe extern "C" fn row(
    #[guard(nonnull)] user: *mut c_void,
    count: c_int,
    columns: *mut *mut c_char,
    _names: *mut *mut c_char,
) -> c_int {
    // SAFETY: `exec_each` lends its closure for the call, and SQLite hands it back.
    let each = unsafe { &mut *user.cast::<&mut Each<'_>>() };
    // SAFETY: as SQLite calls it.
    let texts = unsafe { texts(count, columns) };
    if each(&texts) { 0 } else { 1 }
}

/// The callback for each row, for a user pointer that is a handle.
#[guard(on_panic = SQLITE_ABORT)]
unsafe extern "C" fn row_of_handle<T: 'static>(
    #[guard(opaque, nonnull)] user: *mut c_void,
    count: c_int,
    #[guard(counted_by = count)] columns: *mut *mut c_char,
    _names: *mut *mut c_char,
) -> c_int {
    // SAFETY: as SQLite calls it.
    let texts = unsafe { texts(count, columns) };
    let goes_on = Handle::<Parked<T>>::with(user, |(value, each)| each(&mut value.borrow_mut(), &texts));
    c_int::from(!goes_on.unwrap_or(false))
}

/// The texts of a row.
///
/// # Safety
///
/// - `columns` leads to `count` pointers, each null or a C string that lives through the callback.
unsafe fn texts<'row>(count: c_int, columns: *mut *mut c_char) -> Vec<Option<&'row CStr>> {
    let text = |index| {
        // SAFETY: one of those that the caller vouches for.
        let text = unsafe { *columns.add(index) };
        // SAFETY: as above.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    };
    (0..usize::try_from(count).unwrap_or(0)).map(text).collect()
}
