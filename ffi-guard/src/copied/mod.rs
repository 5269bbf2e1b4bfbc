//! Copies of lent memory, each at the end of its own pages, between pages without access.
//!
//! ```text
//!   no access │ canary … canary │ the copy │ up to 15 bytes of canary │ no access
//!             └──────────────── pages of this copy alone ─────────────┘
//! ```
//! C works on the copy while the call lasts. Reading or writing after it faults at once; what C
//! writes into the canary is seen when it returns; and from then on the pages have no access, so
//! that a pointer that C kept faults when it is used. Java's `-Xcheck:jni` has done so for decades.
//!
//! | file | |
//! |---|---|
//! | `pages` | the range of addresses that all copies lie in, given out in a ring |
//! | `records` | the copy that an address belonged to: readable in a signal handler |
//! | `copy` | a copy: made, compared, copied back |
//!
//! `boundary/copies` decides which arguments are copied.

mod copy;
mod pages;
mod records;

pub(crate) use copy::{Copy, Run};
pub(crate) use pages::{contains, most, open};
pub(crate) use records::{CopyRecord, of};

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::platform::fault::{self, Answer, Fault};

/// Handler that reports faults in copies; runs in a signal handler.
static TELLS: OnceLock<fn(&Fault) -> Answer> = OnceLock::new();

/// Registers `answer` to report faults in copies, from the first copy on. Allocates nothing.
pub(crate) fn tell_faults_by(answer: fn(&Fault) -> Answer) {
    let _ = TELLS.set(answer);
}

/// Installs the fault handler, before the calling thread makes a copy.
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
