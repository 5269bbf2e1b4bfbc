//! The Rust region: one range of addresses that all program memory comes from, so that any address
//! shows whose it is.
//!
//! Each file uses files further down in this table, none further up:
//!
//! | file | |
//! |---|---|
//! | `c_side` | C's half: what `malloc` stands on |
//! | `resize` | resizing blocks |
//! | `level1`, `level2` | giving out and taking back: the common paths of the two levels |
//! | `give` | both off the common paths |
//! | `survey` | a look at every block for damage |
//! | `start` | setting the heap up |
//! | `fork` | all locks, held around a fork |
//! | `cache` | the free and the freed blocks of a thread |
//! | `reuse` | the end of a freed block's wait |
//! | `lookup` | one question about an address |
//! | `block_ref` | a block that was found once, and can be asked again |
//! | `sampled` | one block in n on pages of its own |
//! | `resting` | freed blocks on pages of their own that wait |
//! | `paged`, `fields`, `slack` | blocks on pages of their own, their units, their slack |
//! | `stacks` | blocks that are stacks |
//! | `ranges` | where the blocks lie, for the search |
//! | `large`, `slab`, `run` | where large and small blocks come from; runs of pages |
//! | `warm` | freed runs that keep their pages |
//! | `spare` | pages that go from freed large blocks to the next ones |
//! | `lender` | the last call that a block was lent to |
//! | `under` | the calls under way, under which C frees |
//! | `quarantine` | freed blocks that wait, for the whole process |
//! | `fresh` | what fresh memory holds |
//! | `finding` | damage that was found and is to be reported |
//! | `sweep` | what is asked before a noted block is given out again |
//! | `region` | the reservation, and the arithmetic from an address to its entry |
//! | `table` | what is known of each block: states, generations, notes |
//! | `placement` | where a block lies in its run |
//! | `block` | what is known of a block at one moment, as a plain record |
//! | `redzone`, `unit` | canary and poison, sixteen bytes at a time |
//! | `stretch` | long stretches of poison |
//! | `class` | size classes |
//! | `trace` | backtraces, each kept once |

mod block;
mod block_ref;
#[cfg(feature = "c-heap")]
mod c_side;
mod cache;
mod class;
mod fields;
pub(crate) mod finding;
mod fork;
pub(crate) mod fresh;
mod give;
mod large;
pub(crate) mod lender;
mod level1;
mod level2;
mod lookup;
mod paged;
mod placement;
mod quarantine;
#[cfg(feature = "c-heap")]
mod ranges;
mod redzone;
mod region;
mod resize;
mod resting;
mod reuse;
mod run;
mod sampled;
mod slab;
mod slack;
mod spare;
pub(crate) mod stacks;
mod start;
mod stretch;
mod survey;
pub(crate) mod sweep;
mod table;
pub(crate) mod trace;
#[cfg(feature = "c-heap")]
pub(crate) mod under;
mod unit;
mod warm;

pub(crate) use self::block::Block;
pub(crate) use self::block_ref::{BlockRef, FoundBlock, Refers};
#[cfg(feature = "c-heap")]
pub(crate) use self::c_side::{
    allocate_c, allocate_c_zeroed, free_c, freed_under, is_freed_c, is_whole_c, lookup_c, reallocate_c, size_c,
};
pub(crate) use self::give::{FreeError, tell_damage_of};
pub(crate) use self::level1::{allocate, allocate_zeroed, free};
pub(crate) use self::lookup::{
    around, canary_damage, exempt, identity, is_doubtful, is_exempt, is_pinned, is_whole, lend, loans, lookup,
    lookup_in_either, may_be_retained, note_loan, noted, open, open_around, overrun_from, renew_canary, rest_and_kind,
    rest_of_live, retain, set_pinned, unlend, was_open,
};
#[cfg(feature = "c-heap")]
pub(crate) use self::ranges::{rust_ranges, with_c_ranges};
pub(crate) use self::redzone::{Damage, canary_bytes};
pub(crate) use self::region::{bounds, contains, range as region};
#[cfg(feature = "c-heap")]
pub(crate) use self::region::{c_range as c_region, contains_c};
pub(crate) use self::resize::reallocate;
#[cfg(test)]
pub(crate) use self::start::ready;
pub(crate) use self::survey::each_damaged;
#[cfg(feature = "c-heap")]
pub(crate) use self::trace::let_unwind;

#[cfg(test)]
mod tests;
