//! `retained_pointer`: C still holds a pointer it was only lent, after the call returned (cgo's second rule).
//!
//! C: `static struct s *kept; void store(struct s *p) { kept = p; }`. Rust: `store(&mut *boxed); drop(boxed);`, and the next
//! call that reads `kept` reads whatever lives there then.

use crate::platform::process;
#[cfg(feature = "c-heap")]
use crate::report::place::Allocation;
use crate::report::violation::{Finding, Place};
use crate::scan::{self, Global, Hit, Owner};

/// A word in a module's data that leads into what was lent. `None` where it is Rust's own.
///
/// `absent_before` tells that the word was seen to be absent before the call; else it was absent at the last sweep.
/// `rust_ran` tells whether Rust code may have run during the call (a callback): without symbols, a word in the
/// executable is only C's doing where Rust had no part in it.
pub(crate) fn check(hit: Hit, rust_ran: bool, absent_before: bool) -> Option<Finding> {
    let place = place(hit, rust_ran, absent_before)?;
    Some(Finding::RetainedPointer { place, word: hit.word, absent_before })
}

fn place(hit: Hit, rust_ran: bool, absent_before: bool) -> Option<Place> {
    #[cfg(feature = "c-heap")]
    if crate::heap::contains_c(hit.location) {
        return c_heap(hit);
    }
    let global = match scan::owner(hit.location) {
        Owner::C(global) => global,
        // Stripped, or linked so that nothing tells C's variables from Rust's. What the call itself changed is C's doing
        // if no Rust code ran meanwhile: not on this thread, and there is no other.
        Owner::Unknown(global) if absent_before && !rust_ran && process::thread_count() == Some(1) => global,
        Owner::Unknown(_) | Owner::Rust | Owner::Nowhere => return None,
    };
    let Global { module, symbol, offset, .. } = global;
    Some(Place::Global { module, symbol, offset, address: hit.location, source: None })
}

/// A word in a live block of C's heap. What lies in a freed one, or in the slack behind one, nobody holds.
#[cfg(feature = "c-heap")]
fn c_heap(hit: Hit) -> Option<Place> {
    let block = crate::heap::lookup_c(hit.location)?;
    let offset = hit.location - block.start;
    let held = block.live && offset + size_of::<usize>() <= block.size;
    let allocated_at = Allocation { trace: block.allocated, thread: block.allocated_by };
    held.then_some(Place::CHeap { address: block.start, size: block.size, allocated_at, offset })
}

/// Whether a word leads into a block, its one-past-the-end address left out.
pub(crate) fn leads_into(word: usize, start: usize, size: usize) -> bool {
    word.wrapping_sub(start) < size
}
