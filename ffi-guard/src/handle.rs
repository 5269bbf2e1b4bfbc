//! `Handle`: a Rust value that C carries around as a number.

mod cookie;
pub(crate) mod slot;
pub(crate) mod stale;
pub(crate) mod table;

use crate::facts::ParkedType;
use std::any::{TypeId, type_name};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::Location;
use std::{fmt, ptr};

use stale::{Staleness, Through};
use table::{From, Use};

/// The atomics that the slots are made of. A test compiles `slot` against loom's instead.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
}

/// A value parked in a table. C gets a number of pointer size that stands for it.
///
/// The user data of a callback is often a Rust value. Its address must not be given away: C may
/// hand it back after the value is gone, and the address does not show that. A handle is looked up
/// when it comes back: the slot, its generation and its type must fit. A handle that was released,
/// one of another type, and a number that never was a handle are all found, and never lead to
/// another value. Not even after 2<sup>32</sup> handles: a slot whose generations are used up is
/// not used again.
///
/// The number is no address on any machine (x86-64 and arm64 fault on it in every mode), and
/// neither null nor -1.
///
/// ```
/// use std::ffi::c_void;
/// use std::sync::atomic::{AtomicI32, Ordering};
/// use ffi_guard::Handle;
///
/// # unsafe fn each_row(f: unsafe extern "C" fn(*mut c_void, i32), user: *mut c_void) { unsafe { f(user, 1); f(user, 2) } }
/// unsafe extern "C" fn row(user: *mut c_void, n: i32) {
///     let _ = Handle::<AtomicI32>::with(user, |sum| sum.fetch_add(n, Ordering::Relaxed));
/// }
///
/// let user = Handle::new(AtomicI32::new(0)).into_raw();
/// // SAFETY: C calls `row` with what it was given.
/// unsafe { each_row(row, user) };
/// let sum = Handle::<AtomicI32>::take(user).expect("it was not taken before");
/// assert_eq!(sum.into_inner(), 3);
/// ```
///
/// # Threads
///
/// [`new`](Handle::new) asks for `Send + Sync`: C may hand the number back on any thread, and
/// several threads may use the value at once. [`local`](Handle::local) takes any type. Only the
/// thread that parked the value can use it then; another thread is refused. A lookup takes no lock
/// and never waits, so [`with`](Handle::with) may be called in a signal handler. `new`, `local`,
/// `take` and a drop may not.
///
/// # Dropping
///
/// A `Handle` owns its value: dropping it releases the value. [`into_raw`](Handle::into_raw) gives
/// the ownership to C, and [`take`](Handle::take) brings it back. A value that is in use when it is
/// released (by `with` on another thread, or by a `with` further up the stack) is dropped when its
/// last user is done, and can no longer be found from the release on.
pub struct Handle<T: 'static> {
    raw: usize,
    /// Owns a `T`, and is `Send` and `Sync` as `T` is.
    value: PhantomData<T>,
}

/// How a `T` is parked: in a box.
struct ParkedValue<T>(PhantomData<T>);

impl<T> ParkedValue<T> {
    const KIND: &'static ParkedType = &ParkedType { name: type_name::<T>, drop: Self::drop };

    unsafe fn drop(value: *mut ()) {
        // SAFETY: of a value parked with this kind, which is a `Box<T>`; once.
        drop(unsafe { Box::from_raw(value.cast::<T>()) });
    }
}

impl<T: 'static> Handle<T> {
    /// Parks a value that any thread may use.
    ///
    /// # Panics
    /// If 33 million values are parked already.
    #[must_use = "dropping a handle releases the value"]
    #[track_caller]
    pub fn new(value: T) -> Handle<T>
    where
        T: Send + Sync,
    {
        Handle::park(value, false)
    }

    /// Parks a value that only this thread may use. Another thread is refused, as if it were no
    /// handle.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use ffi_guard::Handle;
    ///
    /// let rows = Rc::new(RefCell::new(Vec::<i32>::new()));
    /// let handle = Handle::local(Rc::clone(&rows));
    /// Handle::<Rc<RefCell<Vec<i32>>>>::with(handle.as_raw(), |rows| rows.borrow_mut().push(7)).unwrap();
    /// assert_eq!(*rows.borrow(), [7]);
    /// ```
    ///
    /// # Panics
    /// If 33 million values are parked already.
    #[must_use = "dropping a handle releases the value"]
    #[track_caller]
    pub fn local(value: T) -> Handle<T> {
        Handle::park(value, true)
    }

    #[track_caller]
    fn park(value: T, bound: bool) -> Handle<T> {
        let value = Box::into_raw(Box::new(value)).cast();
        let raw = table::park(value, TypeId::of::<T>(), ParkedValue::<T>::KIND, bound, Location::caller());
        Handle { raw, value: PhantomData }
    }

    /// The number for C to use while this handle lives.
    #[must_use]
    pub fn as_raw(&self) -> *mut c_void {
        ptr::without_provenance_mut(self.raw)
    }

    /// The number for C to own: the value stays until [`take`](Handle::take).
    #[must_use = "only this leads to the value"]
    pub fn into_raw(self) -> *mut c_void {
        let raw = self.as_raw();
        std::mem::forget(self);
        raw
    }

    /// Runs a closure with the value.
    ///
    /// The closure may do anything with handles. If it takes this very one, the handle is released
    /// at once, and the value is dropped when the closure returns.
    ///
    /// # Errors
    /// `raw` is no handle to a `T` that is parked, and `stale_handle` is not denied or the level is
    /// 0.
    ///
    /// # Panics
    /// With the report, if `stale_handle` is denied, as it is by default from level 1 on.
    #[track_caller]
    #[inline]
    pub fn with<R>(raw: *mut c_void, f: impl FnOnce(&T) -> R) -> Result<R, StaleHandle> {
        match table::enter(raw.addr(), TypeId::of::<T>(), From::ItsThread) {
            Ok(entered) => {
                // SAFETY: parked as a `T`, which stays until `entered` is dropped. Shared with
                // other threads only where it was parked by `new`, which wants `Sync`.
                Ok(f(unsafe { &*entered.value().cast::<T>() }))
            }
            Err(refused) => {
                Err(StaleHandle(Box::new(stale::tell(raw.addr(), type_name::<T>(), refused, Through::With))))
            }
        }
    }

    /// Takes the value back, and releases the handle.
    ///
    /// # Errors
    /// Those of [`with`](Handle::with); and [`TakeError::InUse`] if the value is in use. Then the
    /// handle is released all the same, and the last user drops the value.
    ///
    /// # Panics
    /// Those of [`with`](Handle::with).
    #[track_caller]
    pub fn take(raw: *mut c_void) -> Result<T, TakeError> {
        let here = Location::caller();
        let entered = table::enter(raw.addr(), TypeId::of::<T>(), From::ItsThread);
        match entered.and_then(|entered| entered.release(Some(here))) {
            // SAFETY: parked as a `Box<T>`, and only this owner has it now. `T` is `Send`, or
            // this is its thread.
            Ok(Some(value)) => Ok(*unsafe { Box::from_raw(value.cast::<T>()) }),
            Ok(None) => Err(TakeError::InUse),
            Err(refused) => {
                let stale = stale::tell(raw.addr(), type_name::<T>(), refused, Through::Take);
                Err(TakeError::Stale(StaleHandle(Box::new(stale))))
            }
        }
    }
}

impl<T: 'static> Drop for Handle<T> {
    fn drop(&mut self) {
        // From anywhere: a handle that came to another thread holds a `T` that is `Send`. If `take`
        // released it before, nothing is left to drop.
        let entered = table::enter(self.raw, TypeId::of::<T>(), From::Anywhere);
        if let Ok(Some(value)) = entered.and_then(|entered: Use| entered.release(None)) {
            // SAFETY: parked as a `Box<T>`, and only this owner has it now.
            drop(unsafe { Box::from_raw(value.cast::<T>()) });
        }
    }
}

impl<T: 'static> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.as_raw()).finish()
    }
}

/// A number that came back from C and does not lead to a value of the wanted type.
pub struct StaleHandle(Box<Staleness>);

impl StaleHandle {
    /// The number.
    #[must_use]
    pub fn raw(&self) -> *mut c_void {
        ptr::without_provenance_mut(self.0.raw)
    }

    /// The place where the value was parked, if it is known.
    #[must_use]
    pub fn made_at(&self) -> Option<&'static Location<'static>> {
        self.0.life().map(|life| life.made)
    }

    /// The place where it was released: by [`Handle::take`], or by the drop of a `Callback`. `None`
    /// if a destructor released it, and if that is no longer remembered.
    #[must_use]
    pub fn released_at(&self) -> Option<&'static Location<'static>> {
        self.0.tombstone().and_then(|tombstone| tombstone.released)
    }
}

impl fmt::Display for StaleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.sentence())
    }
}

impl fmt::Debug for StaleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaleHandle({self})")
    }
}

impl std::error::Error for StaleHandle {}

/// The reason why [`Handle::take`] gave no value.
#[derive(Debug)]
pub enum TakeError {
    /// The number leads to no value of this type.
    Stale(StaleHandle),
    /// The value is in use. The handle is released, and the last user drops the value.
    InUse,
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TakeError::Stale(stale) => stale.fmt(f),
            TakeError::InUse => f.write_str("the value is in use; it is dropped when its last user is done"),
        }
    }
}

impl std::error::Error for TakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TakeError::Stale(stale) => Some(stale),
            TakeError::InUse => None,
        }
    }
}
