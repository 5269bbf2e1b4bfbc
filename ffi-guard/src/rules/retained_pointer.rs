//! `retained_pointer`: C still holds a pointer it was only lent, after the call returned (cgo's second rule).
//!
//! C: `static struct s *kept; void store(struct s *p) { kept = p; }`. Rust: `store(&mut *boxed); drop(boxed);`, and the next
//! call that reads `kept` reads whatever lives there then.

use super::held;
use crate::platform::process;
use crate::report::violation::Finding;
use crate::scan::Hit;

/// A word in a module's data that leads into what was lent. `None` where it is Rust's own.
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
