//! Types that work by where they lie, so that C is never given a copy: locks, and what may change
//! behind a `&`.

use std::cell::{Cell, OnceCell, RefCell, UnsafeCell};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};
use std::sync::{Barrier, Condvar, Mutex, Once, OnceLock, RwLock};

/// A lock of std's or of the C library's, as `libc` declares it, or a cell. A declaration of the
/// program's own is another type, and nothing tells what it is.
#[allow(unnameable_types, reason = "a bound of what generated code resolves methods by")]
pub trait Lock {}

macro_rules! locks {
    ($($ty:ty)*) => { $(impl Lock for $ty {})* };
}
locks! {
    AtomicBool AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize
    Barrier Condvar Once
}
impl<T> Lock for AtomicPtr<T> {}
impl<T> Lock for Cell<T> {}
impl<T> Lock for Mutex<T> {}
impl<T> Lock for OnceCell<T> {}
impl<T> Lock for OnceLock<T> {}
impl<T> Lock for RefCell<T> {}
impl<T> Lock for RwLock<T> {}
impl<T> Lock for UnsafeCell<T> {}
