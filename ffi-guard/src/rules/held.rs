//! Where C holds a pointer: shared by the rules about what C keeps.

#[cfg(feature = "c-heap")]
use crate::facts::Allocation;
use crate::facts::{CSource, Place};
use crate::scan::{self, Global, Hit, Owner};

/// The place of a word that was found in C's memory; `None` if it is Rust's own. If nothing tells
/// C's variables from Rust's (stripped, or linked that way), `take_unknown` decides. Thread-local
/// variables are left out then: Rust, and its standard library, have many of them.
pub(super) fn place(hit: Hit, take_unknown: impl FnOnce() -> bool) -> Option<Place> {
    match scan::owner(hit.location) {
        // Thread-local variables of a library that `dlopen` loaded lie in C's heap too: the arm for
        // C's variables has those.
        #[cfg(feature = "c-heap")]
        Owner::Nowhere if crate::heap::contains_c(hit.location) => c_heap(hit),
        Owner::C(variable) => Some(variable_of_c(variable, hit.location)),
        Owner::Unknown(variable) if variable.thread.is_none() && take_unknown() => {
            Some(variable_of_c(variable, hit.location))
        }
        Owner::Unknown(_) | Owner::Rust | Owner::Nowhere => None,
    }
}

/// A word in a live block of C's heap. A word in a freed block, or in the slack after a block, is
/// not held; and one on a stack belongs to whoever runs there.
#[cfg(feature = "c-heap")]
fn c_heap(hit: Hit) -> Option<Place> {
    if scan::is_stack(hit.location) {
        return None;
    }
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

/// Whether a word leads into a block, its one-past-the-end address left out.
pub(crate) fn leads_into(word: usize, start: usize, size: usize) -> bool {
    word.wrapping_sub(start) < size
}
