//! Blocks that are stacks: of coroutines, and of threads whose creator brought the stack. A `Vec`,
//! or with `c-heap` what `malloc` returned.
//!
//! What lies in such a block are the variables of the functions that run on it, Rust's among them;
//! and whoever switches stacks keeps addresses in it. So it is no memory in which C keeps a
//! pointer, and C may keep addresses of it.

use std::ops::Range;

use super::block::Block;
use super::region::{self, Spot};

/// The slot or run that an address of either half of the region leads into.
fn spot(address: usize) -> Option<Spot> {
    if region::contains(address) {
        return region::spot(address);
    }
    #[cfg(feature = "c-heap")]
    if region::contains_c(address) {
        return region::spot_c(address);
    }
    None
}

fn live(address: usize) -> Option<(Spot, Block)> {
    let spot = spot(address)?;
    let block = spot.entry.read(spot.base).filter(|block| block.live)?;
    (block.start..block.start + block.size).contains(&address).then_some((spot, block))
}

/// Notes that a thread runs on a stack that this address is in, and returns the block that it is.
/// `None` if the address is in no live block.
pub(crate) fn mark(address: usize) -> Option<Range<usize>> {
    let (spot, block) = live(address)?;
    spot.entry.be_stack(block.generation).then_some(block.start..block.start + block.size)
}

/// Whether an address is in a live block that is, or was, a stack.
pub(crate) fn contain(address: usize) -> bool {
    live(address).is_some_and(|(spot, block)| spot.entry.is_stack(block.generation))
}

/// The live block that an address is in.
pub(crate) fn live_around(address: usize) -> Option<Range<usize>> {
    live(address).map(|(_, block)| block.start..block.start + block.size)
}
