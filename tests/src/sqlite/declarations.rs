//! SQLite's functions under the guard, with the annotations that their contracts need.
//!
//! The attributes that each contract needs, and why no others:
//!
//! - `sqlite3*` and `sqlite3_stmt*` are opaque and belong to C: no attribute.
//! - Text that comes without a length is `cstr`; text and blobs that come with one are `sized_by`
//!   it. The length is an `int`: a negative one would mean "up to the NUL", which the wrapper never
//!   asks for.
//! - A place that C fills in is `out`.
//! - `sqlite3_exec` hands its user pointer to the callback and never looks at it: `opaque`.
//! - The user data of functions and hooks is `retained`, because SQLite keeps it until it is told
//!   otherwise, and `opaque`, because SQLite only hands it back.
//! - Little else is `retained`. Before the call returns, SQLite compiles and copies the SQL, and
//!   copies the file name and a value bound with `SQLITE_TRANSIENT`. With `SQLITE_STATIC` it keeps
//!   the text until the statement is bound again or finalized; that is another contract and has
//!   another declaration of the same function.

use std::ffi::{c_char, c_int, c_void};

use libsqlite3_sys::{
    sqlite3, sqlite3_callback, sqlite3_context, sqlite3_destructor_type, sqlite3_stmt, sqlite3_value,
};

/// The callback for each value of a function.
pub(super) type Scalar =
    Option<unsafe extern "C" fn(context: *mut sqlite3_context, count: c_int, values: *mut *mut sqlite3_value)>;
/// The callback while another connection has the lock; 0 gives up.
pub(super) type Busy = Option<unsafe extern "C" fn(user: *mut c_void, times: c_int) -> c_int>;
/// The callback for each row that changes.
pub(super) type Update = Option<
    unsafe extern "C" fn(user: *mut c_void, what: c_int, database: *const c_char, table: *const c_char, row: i64),
>;

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

    /// `tail` gets a pointer to the first byte of `sql` that was not compiled: C would store the
    /// address of one argument in the memory of another, where it stays after the return. That is
    /// the contract of a caller who asks for it; this crate never does and passes null.
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

    /// Binds a text with `SQLITE_STATIC`: SQLite keeps it until the parameter is bound again or the
    /// statement finalized.
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

    /// With null, the first statement that is not finalized.
    pub(super) fn sqlite3_next_stmt(db: *mut sqlite3, statement: *mut sqlite3_stmt) -> *mut sqlite3_stmt;

    /// If it fails, SQLite calls `destroy` at once.
    pub(super) fn sqlite3_create_function_v2(
        db: *mut sqlite3,
        #[guard(cstr, nonnull)] name: *const c_char,
        count: c_int,
        flags: c_int,
        #[guard(retained, opaque)] user: *mut c_void,
        call: Scalar,
        step: Scalar,
        finish: Option<unsafe extern "C" fn(context: *mut sqlite3_context)>,
        destroy: sqlite3_destructor_type,
    ) -> c_int;

    pub(super) fn sqlite3_user_data(context: *mut sqlite3_context) -> *mut c_void;

    pub(super) fn sqlite3_value_int64(value: *mut sqlite3_value) -> i64;

    pub(super) fn sqlite3_result_int64(context: *mut sqlite3_context, value: i64);

    /// The text is copied.
    pub(super) fn sqlite3_result_error(
        context: *mut sqlite3_context,
        #[guard(sized_by = bytes)] text: *const c_char,
        bytes: c_int,
    );

    pub(super) fn sqlite3_busy_handler(
        db: *mut sqlite3,
        handler: Busy,
        #[guard(retained, opaque)] user: *mut c_void,
    ) -> c_int;

    /// Returns the user data that was there before.
    pub(super) fn sqlite3_update_hook(
        db: *mut sqlite3,
        hook: Update,
        #[guard(retained, opaque)] user: *mut c_void,
    ) -> *mut c_void;

    pub(super) fn sqlite3_finalize(statement: *mut sqlite3_stmt) -> c_int;
}
