//! `retained_pointer`: C still holds a pointer it was only lent, after the call returned (cgo's second rule).
//!
//! C: `static struct s *kept; void store(struct s *p) { kept = p; }`. Rust: `store(&mut *boxed); drop(boxed);`, and the next
//! call that reads `kept` reads whatever lives there then.

use super::held;
use crate::facts::{Allocation, Finding, Place};
use crate::heap::Block;
use crate::platform::process;
use crate::scan::Hit;

/// A word in memory of C's that leads into what was lent. `None` where it is Rust's own.
///
/// `absent_before` tells that the word was seen to be absent before the call; else it was absent at the last sweep.
/// `rust_ran` tells whether Rust code may have run during the call (a callback): without symbols, a word in the
/// executable is only C's doing where Rust had no part in it.
pub(crate) fn check(hit: Hit, rust_ran: bool, absent_before: bool) -> Option<Finding> {
    // Where nothing tells whose a variable is, what the call itself changed is C's doing if no Rust code ran meanwhile: not
    // on this thread, and there is no other.
    let place = held::place(hit, || absent_before && !rust_ran && process::thread_count() == Some(1))?;
    Some(Finding::RetainedPointer { place, word: hit.word, absent_before })
}

/// A word that C stored in another Rust block of the same call, and that leads into what was lent. It was not there before.
pub(crate) fn left_in(holder: &Block, parameter: &str, field: Option<String>, address: usize, word: usize) -> Finding {
    let place = Place::RustBlock {
        address: holder.start,
        size: holder.size,
        allocated_at: Allocation { trace: holder.allocated, thread: holder.allocated_by },
        offset: address.wrapping_sub(holder.start),
        parameter: parameter.to_owned(),
        field,
    };
    Finding::RetainedPointer { place, word, absent_before: true }
}
