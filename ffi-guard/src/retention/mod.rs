//! What C may still hold after a call: looked for at once while that is cheap, else noted and settled by a sweep.
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
//! A sweep reads each place where C could keep a pointer once, whatever the number of notes; docs/design/retention.md.

mod budget;
mod notes;
mod seen;
mod sweep;

pub(crate) use budget::{Sample, looked, may_look, sample};
pub(crate) use notes::lend;
pub(crate) use seen::remember;

use crate::heap;
use crate::platform::{thread, written};
use crate::scan::ledger;
pub(crate) use sweep::{Found, found_late, is_due, put_back, sweep};

/// Has the heap ask before it gives a noted block out again, and a fork leave the child with open locks; with the first note.
fn set_up() {
    unsafe extern "C" fn before() {
        sweep::hold();
        notes::hold();
        seen::hold();
        ledger::hold();
    }
    unsafe extern "C" fn after() {
        ledger::let_go();
        seen::let_go();
        notes::let_go();
        sweep::let_go();
    }
    // Handlers that came last run first before a fork: these locks are taken before the heap's, as in a sweep.
    thread::at_fork(before, after, after);
    written::note_forks();
    heap::sweep::before_reuse(sweep::sweep_before_reuse);
}
