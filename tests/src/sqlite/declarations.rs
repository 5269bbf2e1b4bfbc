//! SQLite's functions under the guard, with the annotations that their contracts need.
//!
//! What a contract needs, and why no more:
//!
//! - `sqlite3*` and `sqlite3_stmt*` are opaque and C's own: nothing to say.
//! - Text that comes without a length is `cstr`; text and blobs that come with one are `sized_by` it. The length is an
//!   `int`: a negative one would mean "up to the NUL", which the wrapper never asks for.
//! - What C fills in is `out`.
//! - `sqlite3_exec` hands its user pointer to the callback and never looks at it: `opaque`.
//! - Little is `retained`. The SQL is compiled and copied, the file name copied, and what is bound with
//!   `SQLITE_TRANSIENT` copied before the call returns. With `SQLITE_STATIC`, SQLite keeps the text until the statement is
//!   bound anew or finalized; that is another contract and has another declaration of the same function.

use std::ffi::{c_char, c_int, c_void};

use libsqlite3_sys::{sqlite3, sqlite3_callback, sqlite3_destructor_type, sqlite3_stmt};

#[ffi_guard::guard]
unsafe extern "C" {
    pub(super) fn sqlite3_open(
        #[guard(cstr, nonnull)] filename: *const c_char,
        #[guard(out, nonnull)] db: *mut *mut sqlite3,
    ) -> c_int;

    pub(super) fn sqlite3_close(db: *mut sqlite3) -> c_int;

    pub(super) fn sqlite3_errmsg(db: *mut sqlite3) -> *const c_char;

    pub(super) fn sqlite3_exec(
        db: *mut sqlite3,
        #[guard(cstr)] sql: *const c_char,
        callback: sqlite3_callback,
        #[guard(opaque)] user: *mut c_void,
        #[guard(out)] message: *mut *mut c_char,
    ) -> c_int;

    pub(super) fn sqlite3_free(memory: *mut c_void);

    /// `tail` gets a pointer to the first byte of `sql` that was not compiled: C would store the address of one argument
    /// in the memory of another, where it stays after the return. That is the contract of a caller who asks for it; this
    /// crate never does and passes null.
    pub(super) fn sqlite3_prepare_v2(
        db: *mut sqlite3,
        #[guard(sized_by = bytes)] sql: *const c_char,
        bytes: c_int,
        #[guard(out, nonnull)] statement: *mut *mut sqlite3_stmt,
        #[guard(out)] tail: *mut *const c_char,
    ) -> c_int;

    pub(super) fn sqlite3_bind_int64(statement: *mut sqlite3_stmt, index: c_int, value: i64) -> c_int;

    pub(super) fn sqlite3_bind_text(
        statement: *mut sqlite3_stmt,
        index: c_int,
        #[guard(sized_by = bytes)] text: *const c_char,
        bytes: c_int,
        destructor: sqlite3_destructor_type,
    ) -> c_int;

    /// The same with `SQLITE_STATIC`: SQLite keeps the text until the parameter is bound anew or the statement finalized.
    #[link_name = "sqlite3_bind_text"]
    pub(super) fn sqlite3_bind_static_text(
        statement: *mut sqlite3_stmt,
        index: c_int,
        #[guard(sized_by = bytes, retained)] text: *const c_char,
        bytes: c_int,
        destructor: sqlite3_destructor_type,
    ) -> c_int;

    pub(super) fn sqlite3_bind_blob(
        statement: *mut sqlite3_stmt,
        index: c_int,
        #[guard(sized_by = bytes)] blob: *const c_void,
        bytes: c_int,
        destructor: sqlite3_destructor_type,
    ) -> c_int;

    pub(super) fn sqlite3_step(statement: *mut sqlite3_stmt) -> c_int;

    pub(super) fn sqlite3_reset(statement: *mut sqlite3_stmt) -> c_int;

    pub(super) fn sqlite3_column_int64(statement: *mut sqlite3_stmt, column: c_int) -> i64;

    pub(super) fn sqlite3_column_text(statement: *mut sqlite3_stmt, column: c_int) -> *const u8;

    pub(super) fn sqlite3_column_blob(statement: *mut sqlite3_stmt, column: c_int) -> *const c_void;

    pub(super) fn sqlite3_column_bytes(statement: *mut sqlite3_stmt, column: c_int) -> c_int;

    pub(super) fn sqlite3_finalize(statement: *mut sqlite3_stmt) -> c_int;
}
