//! Threads by POSIX's calls.

use std::ffi::c_void;
use std::sync::atomic::Ordering;

pub(crate) use crate::platform::other::thread::{is_first, pointer, single_threaded, wait, wake};
use crate::platform::thread::AtExit;

/// Has `hook` run when the calling thread ends, after the destructors of Rust's thread-locals, with
/// `value`, which is not null. The module must stay loaded until then (`loaded`). All callers with
/// the same `at_exit` pass the same `hook`. False if the system has no key left.
pub(crate) fn on_exit(at_exit: &'static AtExit, hook: unsafe extern "C" fn(*mut c_void), value: *mut c_void) -> bool {
    let mut key = at_exit.key.load(Ordering::Acquire);
    if key == 0 {
        let mut made: libc::pthread_key_t = 0;
        // SAFETY: writes the key into the place given.
        if unsafe { libc::pthread_key_create(&raw mut made, Some(hook)) } != 0 {
            return false;
        }
        let made_plus = made as u32 + 1;
        key = match at_exit.key.compare_exchange(0, made_plus, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => made_plus,
            Err(theirs) => {
                // Another thread was first; ours never got a value.
                // SAFETY: the key was made above, and no one else knows it.
                unsafe { libc::pthread_key_delete(made) };
                theirs
            }
        };
    }
    // SAFETY: the key was made by pthread_key_create and is never deleted.
    unsafe { libc::pthread_setspecific((key - 1) as libc::pthread_key_t, value) == 0 }
}

/// Has the three functions run around every `fork`: before it, and after it in the parent and in
/// the child.
pub(crate) fn at_fork(
    prepare: unsafe extern "C" fn(),
    parent: unsafe extern "C" fn(),
    child: unsafe extern "C" fn(),
) -> bool {
    // SAFETY: the three are functions of this program, which outlive every fork.
    unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) == 0 }
}
