//! `retained_pointer`: C still holds a pointer it was only lent, after the call returned (cgo's second rule).
//!
//! C: `static struct s *kept; void store(struct s *p) { kept = p; }`. Rust: `store(&mut *boxed); drop(boxed);`, and the next
//! call that reads `kept` reads whatever lives there then.

use crate::heap::Block;
use crate::platform::process;
use crate::report::place::{Allocation, CSource};
use crate::report::violation::{Finding, Place};
use crate::scan::{self, Global, Hit, Owner};

/// A word in memory of C's that leads into what was lent. `None` where it is Rust's own.
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
    let place = match scan::owner(hit.location) {
        Owner::C(variable) => variable_of_c(variable, hit.location),
        // Stripped, or linked so that nothing tells C's variables from Rust's. What the call itself changed is C's doing
        // if no Rust code ran meanwhile: not on this thread, and there is no other. Thread-local variables are left out:
        // Rust has many of them, and its standard library does.
        Owner::Unknown(variable)
            if variable.thread.is_none() && absent_before && !rust_ran && process::thread_count() == Some(1) =>
        {
            variable_of_c(variable, hit.location)
        }
        Owner::Unknown(_) | Owner::Rust | Owner::Nowhere => return None,
    };
    Some(place)
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

fn variable_of_c(variable: Global, address: usize) -> Place {
    let Global { module, symbol, offset, source, .. } = variable;
    let source = source.map(|(file, line)| CSource { file, line });
    match variable.thread {
        Some(thread) => Place::Tls { module, symbol, offset, address, thread, source },
        None => Place::Global { module, symbol, offset, address, source },
    }
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

/// Whether a word leads into a block, its one-past-the-end address left out.
pub(crate) fn leads_into(word: usize, start: usize, size: usize) -> bool {
    word.wrapping_sub(start) < size
}
