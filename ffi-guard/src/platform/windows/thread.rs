//! Threads by functions of the kernel library.

use std::ffi::c_void;
use std::sync::atomic::Ordering;

pub(crate) use crate::platform::other::thread::{is_first, pointer, single_threaded, wait, wake};
use crate::platform::thread::AtExit;

/// What runs with a value when a thread ends; on 64 bits every calling convention is C's.
type Hook = unsafe extern "C" fn(*mut c_void);

#[link(name = "kernel32")]
unsafe extern "system" {
    fn FlsAlloc(hook: Option<Hook>) -> u32;
    fn FlsFree(index: u32) -> i32;
    fn FlsSetValue(index: u32, value: *mut c_void) -> i32;
}

/// The index that stands for none.
const NONE: u32 = u32::MAX;

/// Has `hook` run when the calling thread ends, with `value`, which is not null. Destructors of
/// Rust's thread-locals may run after it. All callers with the same `at_exit` pass the same `hook`.
/// False if the system has no index left.
pub(crate) fn on_exit(at_exit: &'static AtExit, hook: Hook, value: *mut c_void) -> bool {
    let mut key = at_exit.key.load(Ordering::Acquire);
    if key == 0 {
        // SAFETY: the hook takes what `FlsSetValue` is given.
        let made = unsafe { FlsAlloc(Some(hook)) };
        if made == NONE {
            return false;
        }
        key = match at_exit.key.compare_exchange(0, made + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made + 1,
            Err(theirs) => {
                // Another thread was first; ours never got a value.
                // SAFETY: the index was made above, and no one else knows it.
                unsafe { FlsFree(made) };
                theirs
            }
        };
    }
    // SAFETY: the index was made by `FlsAlloc`, and one that has got a value is never freed.
    unsafe { FlsSetValue(key - 1, value) != 0 }
}

/// Does nothing: no process is made by a copy of another.
pub(crate) fn at_fork(_: unsafe extern "C" fn(), _: unsafe extern "C" fn(), _: unsafe extern "C" fn()) -> bool {
    true
}
