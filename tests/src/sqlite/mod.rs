//! A thin wrapper over the real SQLite, whose functions are declared under the guard: slide 33 in
//! full.

mod declarations;
mod exec;
mod function;
mod hooks;
mod rows;
mod statement;

use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt;
use std::ptr;

use libsqlite3_sys::{SQLITE_OK, sqlite3};

use declarations::{sqlite3_close, sqlite3_errmsg, sqlite3_next_stmt, sqlite3_open};
pub use exec::OnRow;
pub use hooks::Change;
pub use rows::{expected_sum, write_and_read_back};
pub use statement::Statement;

/// An error of SQLite's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteError {
    /// The result code.
    pub code: c_int,
    /// Its message.
    pub message: String,
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for SqliteError {}

/// An open database.
#[derive(Debug)]
pub struct Db {
    /// From `sqlite3_open`; not null, and open until the drop.
    db: *mut sqlite3,
    /// The closures that SQLite calls, which live as long as the connection.
    hooks: hooks::Hooks,
}

impl Db {
    /// Opens or creates a database; `:memory:` is one without a file.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    ///
    /// # Panics
    ///
    /// If the name holds a NUL.
    pub fn open(filename: &str) -> Result<Db, SqliteError> {
        // The slide passes `C.CString(filename)` and frees it nowhere. This one is dropped at the
        // end of the function: SQLite copies the name.
        let filename = CString::new(filename).expect("a file name holds no NUL");
        let mut db = ptr::null_mut();
        // SAFETY: the name is a C string, and `db` a place to write a pointer to; both outlive the
        // call.
        let code = unsafe { sqlite3_open(filename.as_ptr(), &raw mut db) };
        assert!(!db.is_null(), "SQLite had no memory for a connection");
        // An open that fails still leaves a connection, which holds the message and must be closed.
        let db = Db { db, hooks: hooks::Hooks::default() };
        if code == SQLITE_OK { Ok(db) } else { Err(db.error(code)) }
    }

    /// Compiles one statement.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    pub fn prepare(&self, sql: &str) -> Result<Statement<'_>, SqliteError> {
        Statement::new(self, sql)
    }

    /// True if every statement is finalized.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { sqlite3_next_stmt(self.db, ptr::null_mut()) }.is_null()
    }

    /// The connection's last error, under this code.
    fn error(&self, code: c_int) -> SqliteError {
        // SAFETY: the connection is open; the message is its own, and it is copied before the next
        // call can change it.
        let message = unsafe { copy(sqlite3_errmsg(self.db)) };
        SqliteError { code, message }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // SAFETY: the connection is open and not used after this; each `Statement` borrows the
        // `Db`, so all are finalized.
        let code = unsafe { sqlite3_close(self.db) };
        // A panic that came in the middle of a statement's end leaves that one open.
        debug_assert!(
            code == SQLITE_OK || std::thread::panicking(),
            "nothing is left open in a database that is dropped"
        );
    }
}

/// A message of SQLite's, as a string of ours.
///
/// # Safety
///
/// - `message` is null or a C string that lives through the call.
unsafe fn copy(message: *const c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}
