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
pub(crate) use notes::{Note, is_settled, lend};
pub(crate) use seen::remember;
pub(crate) use sweep::{Found, found_late, is_due, sweep, sweep_before_reuse};

/// Around a fork: the child must find the locks open.
pub(crate) fn hold() {
    sweep::hold();
    notes::hold();
    seen::hold();
}

/// The second half of [`hold`].
pub(crate) fn let_go() {
    seen::let_go();
    notes::let_go();
    sweep::let_go();
}
