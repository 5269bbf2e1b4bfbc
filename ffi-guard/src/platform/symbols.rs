//! The functions and lines of code addresses, from the symbol tables and the debug information of
//! the modules, by the crate `backtrace`.
//!
//! Debug information is parsed into memory of the guard's, much of it: a hundred megabytes for a
//! program of some size. Where the address space is limited (`ulimit -v`), there may not be as much,
//! and Rust's lists abort the process when they cannot grow. So there each address is looked up in a
//! copy of the process first, if there can be one. If the copy dies of it, nothing is looked up any more, and reports have
//! addresses alone.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::fork_gate;
use super::{fault, memory, say};

/// Seconds that a look-up may take in the copy.
const PATIENCE: u32 = 30;
/// Addresses remembered that were looked up well.
const KEPT: usize = 256;

/// Calls `visit` for each function at a return address, inlined ones first. Not at all if nothing is
/// known.
pub(crate) fn resolve(address: usize, mut visit: impl FnMut(&backtrace::Symbol)) {
    if !fault::SUPPORTED || memory::address_space_limit().is_none() || is_affordable(address) {
        fork_gate::run(|| backtrace::resolve(std::ptr::with_exposed_provenance_mut(address), &mut visit));
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
