//! The functions and lines of code addresses, from the symbol tables and the debug information of
//! the modules, by the crate `backtrace`.
//!
//! Debug information is parsed into memory of the guard's, much of it: a hundred megabytes for a
//! program of some size. Where the address space is limited (`ulimit -v`), there may not be as
//! much, and Rust's lists abort the process when they cannot grow. So there some of it is set aside
//! from the start, for the files and the stack of a look-up, and each address is looked up in a
//! copy of the process first, if there can be one. If the copy dies of it, nothing is looked up any
//! more, and reports have addresses alone.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::lock::Locked;
use super::{fault, fork_gate, memory, say};

/// Seconds of the processor's that a look-up may take in the copy.
const PATIENCE: u32 = 30;
/// Addresses remembered that were looked up well.
const KEPT: usize = 256;
/// Bytes set aside at most, and the share of a limited address space (a sixteenth is 16).
const ASIDE: usize = 64 << 20;
const SHARE: usize = 16;

/// Start and length of what is set aside; 0 for nothing.
pub(crate) static SET_ASIDE: Locked<(usize, usize)> = Locked::new((0, 0));

/// Sets address space aside for the look-ups of reports, if it is limited.
pub(crate) fn set_aside() {
    if memory::address_space_limit().is_some() {
        SET_ASIDE.with(|aside| {
            if aside.1 == 0 {
                *aside = memory::reserve_up_to(ASIDE, memory::PAGE, memory::PAGE, SHARE).unwrap_or((0, 0));
            }
        });
    }
}

/// Gives the system what was set aside: the look-up that follows maps files.
fn use_what_was_set_aside() {
    let (start, len) = SET_ASIDE.with(std::mem::take);
    memory::release(start..start + len);
}

/// Calls `visit` for each function at a return address, inlined ones first. Not at all if nothing
/// is known.
pub(crate) fn resolve(address: usize, mut visit: impl FnMut(&backtrace::Symbol)) {
    let is_limited = fault::SUPPORTED && memory::address_space_limit().is_some();
    if !is_limited || is_affordable(address) {
        fork_gate::run(|| backtrace::resolve(std::ptr::with_exposed_provenance_mut(address), &mut visit));
    }
    if is_limited {
        set_aside();
    }
}

/// True if there is memory to look an address up.
#[cold]
fn is_affordable(address: usize) -> bool {
    static KNOWN: [AtomicUsize; KEPT] = [const { AtomicUsize::new(0) }; KEPT];
    static NEVER: AtomicBool = AtomicBool::new(false);
    if NEVER.load(Ordering::Relaxed) {
        return false;
    }
    let Some(known) = KNOWN.get(address % KEPT) else { return false };
    if known.load(Ordering::Relaxed) == address {
        return true;
    }
    use_what_was_set_aside();
    fn look_up(address: *mut c_void) -> bool {
        super::process::close_stderr();
        backtrace::resolve(address, |_| ());
        true
    }
    if fault::in_a_copy(look_up, std::ptr::with_exposed_provenance_mut(address), PATIENCE) {
        known.store(address, Ordering::Relaxed);
        return true;
    }
    NEVER.store(true, Ordering::Relaxed);
    say::say_once(
        "the address space is limited (ulimit -v), and there is no room for debug information: reports have addresses \
         in place of names and lines",
    );
    false
}
