//! An SQL function written in Rust.

use std::ffi::{CString, c_int, c_void};

use ffi_guard::guard;
use libsqlite3_sys::{SQLITE_DETERMINISTIC, SQLITE_OK, SQLITE_UTF8, sqlite3_context, sqlite3_value};

use super::declarations::{
    sqlite3_create_function_v2, sqlite3_result_error, sqlite3_result_int64, sqlite3_user_data, sqlite3_value_int64,
};
use super::{Db, SqliteError};

impl Db {
    /// Defines a function of one integer. SQLite owns the closure from then on, and drops it when
    /// the function is replaced or the database closed.
    ///
    /// # Errors
    ///
    /// The error that SQLite reports.
    ///
    /// # Panics
    ///
    /// If the name holds a NUL.
    pub fn create_function<F: Fn(i64) -> i64 + 'static>(&self, name: &str, function: F) -> Result<(), SqliteError> {
        let name = CString::new(name).expect("a name holds no NUL");
        let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
        let user = Box::into_raw(Box::new(function)).cast::<c_void>();
        // SAFETY: the connection is open, the name a C string; the closure lives until SQLite calls
        // `destroy`, which it does even where this call fails.
        let code = unsafe {
            sqlite3_create_function_v2(
                self.db,
                name.as_ptr(),
                1,
                flags,
                user,
                Some(call::<F>),
                None,
                None,
                Some(destroy::<F>),
            )
        };
        if code == SQLITE_OK { Ok(()) } else { Err(self.error(code)) }
    }
}

/// The callback for each value. If it panics, the statement fails.
#[guard(on_panic = fail(context))]
unsafe extern "C" fn call<F: Fn(i64) -> i64>(
    context: *mut sqlite3_context,
    #[allow(unused_variables)] count: c_int,
    #[guard(counted_by = count, nonnull)] values: *mut *mut sqlite3_value,
) {
    // SAFETY: the context is SQLite's; the user data is what `create_function` gave; there is one
    // value.
    unsafe {
        let function = &*sqlite3_user_data(context).cast::<F>();
        sqlite3_result_int64(context, function(sqlite3_value_int64(*values)));
    }
}

fn fail(context: *mut sqlite3_context) {
    const TEXT: &str = "the function panicked";
    // SAFETY: the context of the call that goes on; SQLite copies the text.
    unsafe { sqlite3_result_error(context, TEXT.as_ptr().cast(), c_int::try_from(TEXT.len()).unwrap_or(0)) };
}

/// The callback when SQLite is done with the closure.
#[guard]
unsafe extern "C" fn destroy<F>(#[guard(owned, nonnull)] user: *mut c_void) {
    // SAFETY: from `Box::into_raw`, and SQLite gives it back once.
    drop(unsafe { Box::from_raw(user.cast::<F>()) });
}
