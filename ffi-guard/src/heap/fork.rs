//! A process that is copied while other threads are in the heap.
//!
//! The child has one thread, and whatever lock another one held would stay held for ever. So the forking thread takes every
//! lock before, in the order in which the heap nests them, and lets go of them after, on both sides. The slots in the caches
//! of the threads that the child does not have are lost to it.

use super::{START, c_ranges, cache, fields, finding, quarantine, run, sampled, slab, trace};
use crate::own;
use crate::platform::thread;

/// Registers the three. Where the system cannot, a fork is as safe as its luck.
pub(super) fn set_up() {
    thread::at_fork(before, after, after);
}

unsafe extern "C" fn before() {
    START.hold();
    cache::hold();
    quarantine::hold();
    sampled::hold();
    finding::hold();
    c_ranges::hold();
    slab::hold();
    fields::hold();
    run::hold();
    trace::hold();
    own::hold();
}

unsafe extern "C" fn after() {
    own::let_go();
    trace::let_go();
    run::let_go();
    fields::let_go();
    slab::let_go();
    c_ranges::let_go();
    finding::let_go();
    sampled::let_go();
    quarantine::let_go();
    cache::let_go();
    START.let_go();
}
