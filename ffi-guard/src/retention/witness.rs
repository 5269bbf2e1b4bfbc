//! Evidence that C still holds a pointer in memory that a library divides (feature `c-heap`).
//!
//! SQLite's lookaside, memory pools, an interpreter's arenas: one block of the C heap, in which the
//! library gives out and takes back pieces that the guard does not know. A piece that was taken
//! back keeps its content, so a word in it does not prove that C holds it. It is proof if C held
//! the word when the call that lent it returned, and has not touched the bytes around it since. So
//! these are noted at the exit, and compared when the memory is freed. If they were not noted, or
//! have changed, nothing is reported.

use super::kept;
use crate::heap::{self, Block};
use crate::platform::read;
use crate::scan::{self, Hit, Wanted};

/// Largest C block that is taken for one object, freed as a whole.
const ONE_OBJECT: usize = 4096;
/// Bytes compared on either side of the word. A library that takes back a piece links its beginning
/// to the next free one; SQLite's have up to 1,200 bytes, of which it writes nothing else.
const AROUND: usize = 2048;
/// Number of places that are noted of each block that C was allowed to keep.
pub(super) const PLACES: usize = 4;

/// A word that C held, with a hash of the bytes around it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Witness {
    location: usize,
    around: u64,
}

impl Witness {
    fn of(hit: Hit, holder: &Block) -> Option<Witness> {
        let start = hit.location.saturating_sub(AROUND).max(holder.start);
        let end = (hit.location + size_of::<usize>() + AROUND).min(holder.start + holder.size);
        let mut bytes = [0; 2 * AROUND + size_of::<usize>()];
        let bytes = bytes.get_mut(..end.checked_sub(start)?)?;
        read::read(start, bytes)?;
        // FNV-1a.
        let around = bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Some(Witness { location: hit.location, around })
    }
}

/// The C block that a word lies in, if a library may have divided it.
fn divided(hit: Hit) -> Option<Block> {
    heap::lookup_c(hit.location).filter(|holder| holder.live && holder.size > ONE_OBJECT)
}

/// Notes where C holds these blocks, after a call that let C keep them. Returns the number of bytes
/// searched.
pub(crate) fn note(blocks: &[Block]) -> usize {
    let wanted = Wanted::new(blocks.iter().map(|block| block.start..block.start + block.size));
    let mut hits = Vec::new();
    let bytes = scan::c_heap(&wanted, &mut hits);
    for block in blocks {
        let inside = |hit: &&Hit| hit.word.wrapping_sub(block.start) < block.size;
        let seen = hits.iter().filter(inside).filter_map(|&hit| Witness::of(hit, &divided(hit)?));
        let mut witnesses = [Witness::default(); PLACES];
        for (place, witness) in witnesses.iter_mut().zip(seen) {
            *place = witness;
        }
        kept::witness(block, witnesses);
    }
    bytes
}

/// True if C holds the word, as far as is known: it lies in no divided block, or nothing around it
/// has changed.
pub(super) fn holds(hit: Hit, witnesses: &[Witness; PLACES]) -> bool {
    let Some(holder) = divided(hit) else { return true };
    Witness::of(hit, &holder).is_some_and(|now| witnesses.contains(&now))
}
