//! A last look at all blocks when the process is about to die by `abort` or by a fault: what C, or
//! unsafe Rust, wrote beside a block or into a freed one is often why it dies. A process that ends
//! by `exit` looks in `deferred`.
//!
//! The look is made in a copy of the process, since a signal handler may not allocate, and once:
//! programs that live on faults, such as virtual machines, are stopped at the first alone.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use super::breach::{self, Stop};
use crate::level::{Level, level};
use crate::platform::fault::{self, Answer, Fault};
use crate::reentry::{self, Reentry};
use crate::report;
use crate::retention::damage;

/// Seconds of the processor's that it may take.
const PATIENCE: u32 = 30;

/// Has faults that no owner of memory claims, and with C's heap over ours every abort, looked at.
pub(crate) fn watch() {
    fault::add_owner(of_a_fault);
    #[cfg(feature = "c-heap")]
    crate::platform::abort::install(|_| before_the_end());
}

/// The answer to a fault: it is somebody else's.
fn of_a_fault(_: &Fault) -> Answer {
    before_the_end();
    Answer::NotMine
}

/// Reports the damage that was not reported yet. For a signal handler, the first time it is called.
pub(crate) fn before_the_end() {
    static LOOKED: AtomicBool = AtomicBool::new(false);
    if level() < Level::Full || reentry::inside() || LOOKED.swap(true, Ordering::Relaxed) {
        return;
    }
    let _inside = Reentry::enter();
    // What cannot be looked at is not told: the process says itself that it dies.
    let _ = fault::in_a_copy(look, null_mut(), PATIENCE);
}

fn look(_: *mut c_void) -> bool {
    for found in damage::look_at_all() {
        if let Err(Stop(violation)) = breach::tell(found) {
            report::print(&violation);
        }
    }
    true
}
