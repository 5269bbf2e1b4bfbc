//! Level 3: catches and names the very instruction that touches freed or foreign bytes of the heap:
//! of Rust's blocks, and with `c-heap` of C's.
//!
//! The heap puts blocks on pages of their own and takes the pages of freed ones away
//! (`heap/paged.rs`); the processor stops whoever touches them; `platform/fault.rs` catches that
//! and asks here.
//!
//! ```text
//!  C touches a page without access
//!    └─> SIGSEGV ─> fault::answer: whose block?   none: the handler that was there before
//!                     │
//!                     ├─ report/fault.rs: the facts, line by line, nothing allocated
//!                     ├─ in a copy of the process: names, source, help, the JSON object
//!                     └─ the summary line, and the process ends by the signal; or, as a warning, the page is opened
//! ```

mod fault;
#[cfg(not(feature = "c-heap"))]
mod freeing;
#[cfg(feature = "c-heap")]
#[path = "freeing_absent.rs"]
mod freeing;
mod nowhere;
mod strayed;
mod who;

use crate::config::settings;
use crate::copied;
use crate::level::{self, Level};
use crate::platform;
use crate::retention::lent_by;

/// True if some blocks have pages of their own.
fn are_any() -> bool {
    match level::tracking() {
        Level::Off => false,
        Level::Arguments | Level::Full => settings().sample != 0,
        Level::Paged => true,
    }
}

/// Has faults in the heap's memory reported, if blocks have pages of their own. Called once it is
/// settled which memory is tracked; allocates nothing.
pub(crate) fn set_up() {
    copied::tell_faults_by(strayed::answer);
    if level::tracking() >= Level::Full {
        platform::fault::add_owner(nowhere::answer);
    }
    if are_any() {
        platform::fault::add_owner(fault::answer);
        lent_by::begin();
    }
}
