//! `sqlite3_exec`: slides 52 to 55, with Rust for Go.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use ffi_guard::guard;
use libsqlite3_sys::{SQLITE_ABORT, SQLITE_OK};

use super::declarations::{sqlite3_exec, sqlite3_free};
use super::{Db, SqliteError, copy};

/// What is done with a row: false stops.
type Each<'a> = dyn FnMut(&[Option<&CStr>]) -> bool + 'a;

/// An error text of SQLite's, freed with its own `sqlite3_free` however the call ends. (The slide frees it with C's `free`,
/// and only where it is read.)
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
    /// What SQLite says.
    ///
    /// # Panics
    ///
    /// Where the SQL holds a NUL.
    pub fn exec(&self, sql: &str) -> Result<(), SqliteError> {
        self.exec_each(sql, |_| true)
    }

    /// Runs statements, and calls `each` with every row, until it says false.
    ///
    /// # Errors
    ///
    /// What SQLite says; that the query was aborted where `each` says false.
    ///
    /// # Panics
    ///
    /// Where the SQL holds a NUL. A panic of `each` comes out of here as it was thrown, after SQLite has ended the statement.
    pub fn exec_each(&self, sql: &str, mut each: impl FnMut(&[Option<&CStr>]) -> bool) -> Result<(), SqliteError> {
        let sql = CString::new(sql).expect("SQL holds no NUL");
        let mut message = Message(ptr::null_mut());
        let mut each: &mut Each<'_> = &mut each;
        let user = (&raw mut each).cast::<c_void>();
        // SAFETY: the connection is open, the SQL a C string; the user pointer leads to the closure, which outlives the
        // call; the message is written to a place that does so too.
        let code = unsafe { sqlite3_exec(self.db, sql.as_ptr(), Some(row), user, &raw mut message.0) };
        if code == SQLITE_OK {
            return Ok(());
        }
        // SAFETY: SQLite says what went wrong, in a C string of its own or not at all.
        Err(SqliteError { code, message: unsafe { copy(message.0) } })
    }
}

/// What SQLite calls for each row. Where it panics, the query is aborted.
#[guard(on_panic = SQLITE_ABORT)]
unsafe extern "C" fn row(
    #[guard(opaque, nonnull)] user: *mut c_void,
    count: c_int,
    #[guard(counted_by = count)] columns: *mut *mut c_char,
    _names: *mut *mut c_char,
) -> c_int {
    // SAFETY: `exec_each` lends its closure for the call, and SQLite hands it back.
    let each = unsafe { &mut *user.cast::<&mut Each<'_>>() };
    let text = |index| {
        // SAFETY: SQLite says how many columns there are.
        let text = unsafe { *columns.add(index) };
        // SAFETY: each is null or a C string that lives through this call.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    };
    let texts: Vec<Option<&CStr>> = (0..usize::try_from(count).unwrap_or(0)).map(text).collect();
    if each(&texts) { 0 } else { 1 }
}
