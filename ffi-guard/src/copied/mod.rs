//! Copies of what is lent, each at the end of pages of its own between pages without access.
//!
//! ```text
//!   no access │ canary … canary │ the copy │ up to 15 bytes of canary │ no access
//!             └──────────────── pages of this copy alone ─────────────┘
//! ```
//! C works on the copy while the call lasts. Reading or writing behind it faults at once; what it
//! writes into the canary is seen when it returns; and from then on the pages have no access any
//! more, so that a pointer that C kept faults where it is used. Java's `-Xcheck:jni` has done so
//! for decades.
//!
//! | file | |
//! |---|---|
//! | `pages` | the range of addresses that all copies lie in, given out in a ring |
//! | `records` | whose copy an address was: readable in a signal handler |
//! | `copy` | one copy: made, compared, brought home |
//!
//! Which arguments are copied is the boundary's to decide: `boundary/copies`.

mod copy;
mod pages;
mod records;

pub(crate) use copy::{Copy, Run};
pub(crate) use pages::{contains, most, open};
pub(crate) use records::{Record, of};

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::platform::fault::{self, Answer, Fault};

/// What tells faults in copies, and runs in a signal handler.
static TELLS: OnceLock<fn(&Fault) -> Answer> = OnceLock::new();

/// Has faults in copies told by `answer`, from the first copy on. Allocates nothing.
pub(crate) fn tell_faults_by(answer: fn(&Fault) -> Answer) {
    let _ = TELLS.set(answer);
}

/// Has faults in copies told: one is about to be made, for the calling thread.
pub(crate) fn watch_faults() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Ordering::Relaxed) {
        if let Some(&answer) = TELLS.get() {
            fault::add_owner(answer);
        }
        fault::install();
    }
    fault::give_stack();
}
