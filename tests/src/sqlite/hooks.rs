//! Callbacks while SQLite works: it waits for a lock, or a row changes.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr;

use ffi_guard::guard;
use libsqlite3_sys::{SQLITE_DELETE, SQLITE_INSERT, SQLITE_OK};

use super::Db;
use super::declarations::{sqlite3_busy_handler, sqlite3_update_hook};

/// The kind of a row's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Insert,
    /// It has other values.
    Update,
    /// It is gone.
    Delete,
}

/// Closures in a box of their own, whose address stays while the database moves.
type OnBusy = Box<dyn Fn(i32) -> bool>;
type OnUpdate = Box<dyn Fn(Change, &CStr, i64)>;

/// The closures that SQLite holds a pointer to. Dropped after the connection is closed.
#[derive(Default)]
pub(super) struct Hooks {
    busy: RefCell<Option<Box<OnBusy>>>,
    update: RefCell<Option<Box<OnUpdate>>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Db {
    /// Has `on_busy` called while another connection holds the lock, with the number of calls so
    /// far; false gives up.
    ///
    /// # Panics
    ///
    /// If SQLite does not take it.
    pub fn on_busy(&self, on_busy: impl Fn(i32) -> bool + 'static) {
        let mut new: Box<OnBusy> = Box::new(Box::new(on_busy));
        // SAFETY: the connection is open; the closure is kept until another takes its place, or the
        // connection is closed.
        let code = unsafe { sqlite3_busy_handler(self.db, Some(busy), ptr::from_mut(&mut *new).cast()) };
        assert_eq!(code, SQLITE_OK, "an open database takes any handler");
        // The old one is dropped here, when SQLite has let go of it.
        self.hooks.busy.replace(Some(new));
    }

    /// Has `on_update` called for each row that changes, with its table and its number.
    pub fn on_update(&self, on_update: impl Fn(Change, &CStr, i64) + 'static) {
        let mut new: Box<OnUpdate> = Box::new(Box::new(on_update));
        // SAFETY: as for `on_busy`.
        let old = unsafe { sqlite3_update_hook(self.db, Some(update), ptr::from_mut(&mut *new).cast()) };
        let known = self.hooks.update.replace(Some(new));
        assert_eq!(known.map_or(ptr::null(), |known| ptr::from_ref(&*known).cast()), old.cast_const());
    }
}

/// The callback while SQLite waits. If it panics, SQLite gives up.
#[guard(on_panic = 0)]
unsafe extern "C" fn busy(#[guard(opaque, nonnull)] user: *mut c_void, times: c_int) -> c_int {
    // SAFETY: `on_busy` keeps the closure while SQLite has it.
    let on_busy = unsafe { &*user.cast::<OnBusy>() };
    c_int::from(on_busy(times))
}

#[guard]
unsafe extern "C" fn update(
    #[guard(opaque, nonnull)] user: *mut c_void,
    what: c_int,
    #[guard(cstr)] _database: *const c_char,
    #[guard(cstr, nonnull)] table: *const c_char,
    row: i64,
) {
    // SAFETY: as for `busy`; the table's name is a C string that lives through this call.
    let (on_update, table) = unsafe { (&*user.cast::<OnUpdate>(), CStr::from_ptr(table)) };
    let change = match what {
        SQLITE_INSERT => Change::Insert,
        SQLITE_DELETE => Change::Delete,
        _ => Change::Update,
    };
    on_update(change, table, row);
}
