//! Threads, as far as Rust's standard library goes.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::platform::thread::AtExit;

pub(crate) fn single_threaded() -> Option<*mut AtomicU8> {
    None
}

pub(crate) fn pointer() -> Option<usize> {
    None
}

pub(crate) fn on_exit(_: &'static AtExit, _hook: unsafe extern "C" fn(*mut c_void), _value: *mut c_void) -> bool {
    false
}

pub(crate) fn at_fork(_: unsafe extern "C" fn(), _: unsafe extern "C" fn(), _: unsafe extern "C" fn()) -> bool {
    false
}

pub(crate) fn is_first() -> bool {
    false
}

pub(crate) fn wait(word: &AtomicU32, value: u32) {
    if word.load(Ordering::Relaxed) == value {
        std::thread::yield_now();
    }
}

pub(crate) fn wake(_word: &AtomicU32) {}
