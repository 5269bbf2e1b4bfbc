//! A prepared statement.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr;

use libsqlite3_sys::{SQLITE_DONE, SQLITE_OK, SQLITE_ROW, SQLITE_STATIC, SQLITE_TRANSIENT, sqlite3_stmt};

use super::declarations::{
    sqlite3_bind_blob, sqlite3_bind_int64, sqlite3_bind_static_text, sqlite3_bind_text, sqlite3_column_blob,
    sqlite3_column_bytes, sqlite3_column_int64, sqlite3_column_text, sqlite3_finalize, sqlite3_prepare_v2,
    sqlite3_reset, sqlite3_step,
};
use super::{Db, SqliteError};

/// A compiled statement of an open database.
#[derive(Debug)]
pub struct Statement<'db> {
    /// From `sqlite3_prepare_v2`; not null, and good until the drop.
    statement: *mut sqlite3_stmt,
    /// The database of the statement.
    db: &'db Db,
}

/// The row that a statement stands on.
#[derive(Debug)]
pub struct Row<'row> {
    /// The statement, which stays on its row while this lives, because it is borrowed mutably.
    statement: *mut sqlite3_stmt,
    borrow: PhantomData<&'row mut ()>,
}

impl<'db> Statement<'db> {
    pub(super) fn new(db: &'db Db, sql: &str) -> Result<Statement<'db>, SqliteError> {
        let mut statement = ptr::null_mut();
        // SAFETY: the connection is open, the SQL has that many bytes, `statement` is a place to
        // write a pointer to, and the tail is not asked for.
        let code = unsafe {
            sqlite3_prepare_v2(db.db, sql.as_ptr().cast(), length(sql.len()), &raw mut statement, ptr::null_mut())
        };
        if code != SQLITE_OK {
            return Err(db.error(code));
        }
        assert!(!statement.is_null(), "{sql:?} is not a statement");
        Ok(Statement { statement, db })
    }

    /// Binds a number to parameter `index`, from 1.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    pub fn bind_int(&mut self, index: c_int, value: i64) -> Result<(), SqliteError> {
        // SAFETY: the statement is good.
        self.done(unsafe { sqlite3_bind_int64(self.statement, index, value) })
    }

    /// Binds a text to parameter `index`, from 1.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    pub fn bind_text(&mut self, index: c_int, text: &str) -> Result<(), SqliteError> {
        let bytes = length(text.len());
        // SAFETY: the statement is good, the text has that many bytes, and SQLite copies them.
        self.done(unsafe { sqlite3_bind_text(self.statement, index, text.as_ptr().cast(), bytes, SQLITE_TRANSIENT()) })
    }

    /// Binds a text to parameter `index`, from 1, without a copy: SQLite keeps the pointer.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    ///
    /// # Safety
    ///
    /// - The text stays alive and in place until the parameter is bound again or the statement
    ///   dropped.
    pub unsafe fn bind_static_text(&mut self, index: c_int, text: &str) -> Result<(), SqliteError> {
        let (start, bytes) = (text.as_ptr().cast(), length(text.len()));
        // SAFETY: the statement is good, the text has that many bytes and lives as long as SQLite
        // keeps it.
        self.done(unsafe { sqlite3_bind_static_text(self.statement, index, start, bytes, SQLITE_STATIC()) })
    }

    /// Binds a text without a copy through a declaration that does not say so, as a careless
    /// wrapper would.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    ///
    /// # Safety
    ///
    /// - As for [`bind_static_text`](Statement::bind_static_text).
    pub unsafe fn lend_static_text(&mut self, index: c_int, text: &str) -> Result<(), SqliteError> {
        let (start, bytes) = (text.as_ptr().cast(), length(text.len()));
        // SAFETY: as above.
        self.done(unsafe { sqlite3_bind_text(self.statement, index, start, bytes, SQLITE_STATIC()) })
    }

    /// Binds a blob to parameter `index`, from 1.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    pub fn bind_blob(&mut self, index: c_int, blob: &[u8]) -> Result<(), SqliteError> {
        let bytes = length(blob.len());
        // SAFETY: the statement is good, the blob has that many bytes, and SQLite copies them.
        self.done(unsafe { sqlite3_bind_blob(self.statement, index, blob.as_ptr().cast(), bytes, SQLITE_TRANSIENT()) })
    }

    /// Goes to the next row; `None` at the end.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    pub fn step(&mut self) -> Result<Option<Row<'_>>, SqliteError> {
        // SAFETY: the statement is good; no `Row` of it lives, for that would borrow it.
        match unsafe { sqlite3_step(self.statement) } {
            SQLITE_ROW => Ok(Some(Row { statement: self.statement, borrow: PhantomData })),
            SQLITE_DONE => Ok(None),
            code => Err(self.db.error(code)),
        }
    }

    /// Back to the start; what is bound stays bound.
    ///
    /// # Errors
    ///
    /// The error of the last step, again.
    pub fn reset(&mut self) -> Result<(), SqliteError> {
        // SAFETY: the statement is good.
        self.done(unsafe { sqlite3_reset(self.statement) })
    }

    fn done(&self, code: c_int) -> Result<(), SqliteError> {
        if code == SQLITE_OK { Ok(()) } else { Err(self.db.error(code)) }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement is good and not used after this. The code is that of the last step:
        // known already.
        unsafe { sqlite3_finalize(self.statement) };
    }
}

impl Row<'_> {
    /// Column `column` as a number, from 0.
    #[must_use]
    pub fn int(&self, column: c_int) -> i64 {
        // SAFETY: the statement stands on a row.
        unsafe { sqlite3_column_int64(self.statement, column) }
    }

    /// Column `column` as a text, from 0.
    ///
    /// # Panics
    ///
    /// If it is no UTF-8, which SQLite does not promise.
    #[must_use]
    pub fn text(&self, column: c_int) -> &str {
        // SAFETY: the statement stands on a row; the pointer is SQLite's own and good until the
        // next step.
        let bytes = unsafe { bytes(sqlite3_column_text(self.statement, column), self.length(column)) };
        std::str::from_utf8(bytes).expect("text of ours is UTF-8")
    }

    /// Column `column` as a blob, from 0.
    #[must_use]
    pub fn blob(&self, column: c_int) -> &[u8] {
        // SAFETY: the statement stands on a row; the pointer is SQLite's own and good until the
        // next step.
        unsafe { bytes(sqlite3_column_blob(self.statement, column).cast(), self.length(column)) }
    }

    /// Bytes of a text or blob. Call it after the pointer was fetched, which may convert the value.
    fn length(&self, column: c_int) -> usize {
        // SAFETY: the statement stands on a row.
        let bytes = unsafe { sqlite3_column_bytes(self.statement, column) };
        usize::try_from(bytes).expect("a length of SQLite's is not negative")
    }
}

/// A slice of SQLite's memory, whose pointer is null if it is empty.
///
/// # Safety
///
/// - `start` is null or good for `length` bytes, for as long as the caller keeps the slice.
unsafe fn bytes<'row>(start: *const u8, length: usize) -> &'row [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, length) }
}

/// A length as SQLite takes it.
fn length(bytes: usize) -> c_int {
    c_int::try_from(bytes).expect("SQLite takes no 2 GiB at once")
}
