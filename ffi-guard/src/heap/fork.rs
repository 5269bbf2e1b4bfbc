//! A process that is copied while other threads are in the heap.
//!
//! The child has one thread, and a lock that another one held would stay held for ever. So the
//! forking thread takes every lock of the heap before, and releases them after, on both sides. The
//! slots in the caches of the threads that the child does not have are lost to it.

use super::{cache, fields, finding, quarantine, resting, run, slab, spare, trace, warm};
use crate::own;
use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::{symbols, thread};

/// Held by the thread that sets the heap up.
pub(super) static START: Locked<()> = Locked::new(());

/// The heap's locks in the order in which they nest, and those of the guard's own memory.
static LOCKS: &[&dyn HeldInFork] = &[
    &START,
    &cache::COMMON,
    &cache::IDLE,
    &quarantine::QUEUE,
    &resting::FREED,
    &finding::FOUND,
    &warm::WARM,
    &spare::SPARE,
    &run::C_ACCESS,
    &slab::CLASSES,
    &fields::FREE,
    &run::RUNS,
    &trace::GROWTH,
    &own::OWN,
    &symbols::SET_ASIDE,
];

/// Registers the handlers. Where the system cannot, a child forked while another thread is in the
/// heap may wait for ever.
pub(super) fn set_up() {
    thread::at_fork(before, after, after);
}

unsafe extern "C" fn before() {
    LOCKS.hold();
}

unsafe extern "C" fn after() {
    LOCKS.let_go();
}
