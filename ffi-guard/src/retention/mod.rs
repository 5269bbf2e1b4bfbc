//! What C may still hold after a call: looked for at once while that is cheap, else noted and
//! settled by a sweep.
//!
//! ```text
//!                    budget allows                      word absent before, present after
//!  call lends ──┬──> look before and after the call ──> retained_pointer, at the call's exit
//!               │
//!               └──> note the loan ──> sweep ──> word new since the last sweep, into a noted block
//!                    budget is spent      │      ──> retained_pointer, naming the calls that lent it
//!                                         └ when notes pile up, before a noted block leaves quarantine,
//!                                           at `checkpoint()`, at exit
//! ```
//! What C was *allowed* to keep (`retained`, `owned`, pinned) is recorded, and looked for when Rust
//! frees it (`frees`).
//!
//! A sweep reads each place in which C could keep a pointer once, whatever the number of notes; see
//! docs/design/retention.md.

mod budget;
pub(crate) mod damage;
mod found;
mod frees;
pub(crate) mod given_by_c;
mod kept;
mod leaks;
pub(crate) mod lent_by;
pub(crate) mod let_go;
mod lost;
mod notes;
mod outer;
pub(crate) mod pins;
mod ready;
mod seen;
pub(crate) mod stack_loans;
mod sweep;
pub(crate) mod untold;
#[cfg(feature = "c-heap")]
mod witness;

pub(crate) use budget::{ONE_IN, Sample, looked, may_look, sample};
pub(crate) use found::Found;
pub(crate) use frees::{given_back, release_held_back, settle_held_back};
pub(crate) use kept::lend as let_keep;
pub(crate) use leaks::{leaked, lost};
pub(crate) use notes::{Note, is_among_the_last, lend, lend_held};
pub(crate) use outer::Outer;
pub(crate) use seen::remember;
pub(crate) use sweep::{are_many, is_due, sweep};
#[cfg(feature = "c-heap")]
pub(crate) use witness::note as witness;

use crate::heap;
use crate::platform::fork_gate;
use crate::platform::lock::HeldInFork;
use crate::platform::thread;
use crate::scan;

/// Registers the set-up before anything is noted: the heap asks before it reuses a noted block and
/// reports frees, and a fork leaves the child with open locks. Run with the first note, pin, or
/// block that C may keep.
pub(crate) fn prepare() {
    let _ = ready::SET_UP.set(set_up);
}

/// Locks of this folder, in the order in which they nest.
static LOCKS: &[&dyn HeldInFork] = &[
    &untold::LOOKING,
    &sweep::SWEEPING,
    &frees::WAITING,
    &notes::NOTES,
    &seen::SEEN,
    &kept::KEPT,
    &let_go::ENDS,
    &stack_loans::LENT,
    &pins::PINS,
    &untold::UNTOLD,
    &damage::TOLD,
];

fn set_up() {
    unsafe extern "C" fn before() {
        LOCKS.hold();
    }
    unsafe extern "C" fn after() {
        LOCKS.let_go();
    }
    unsafe extern "C" fn after_in_child() {
        frees::forget_other_threads();
        stack_loans::forget_other_threads();
        // SAFETY: this runs after a fork, as `after` must.
        unsafe { after() };
        leaks::told_by_the_parent();
    }
    // The last handlers to be registered run first before a fork: so these locks are taken before
    // the one of the known threads, the fork gate and the heap's locks, as in a sweep.
    scan::know_calling_thread();
    fork_gate::run(|| ());
    thread::at_fork(before, after, after_in_child);
    heap::sweep::before_reuse(sweep::sweep_before_reuse);
    heap::sweep::at_free(frees::told);
}
