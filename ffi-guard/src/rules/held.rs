//! Where C holds a pointer: shared by the rules about what C keeps.

use crate::report::violation::Place;
use crate::scan::{self, Global, Hit, Owner};

/// The place of a word that was found in a module's data; `None` where it is Rust's own. Where nothing tells C's variables
/// from Rust's (stripped, or linked so), `take_unknown` decides.
pub(super) fn place(hit: Hit, take_unknown: impl FnOnce() -> bool) -> Option<Place> {
    let global = match scan::owner(hit.location) {
        Owner::C(global) => global,
        Owner::Unknown(global) if take_unknown() => global,
        Owner::Unknown(_) | Owner::Rust | Owner::Nowhere => return None,
    };
    let Global { module, symbol, offset, .. } = global;
    Some(Place::Global { module, symbol, offset, address: hit.location })
}

/// Whether a word leads into a block, its one-past-the-end address left out.
pub(crate) fn leads_into(word: usize, start: usize, size: usize) -> bool {
    word.wrapping_sub(start) < size
}
