//! What was found: plain records, without the words that tell it and without the looks that find
//! it.

mod change;
mod declared;
mod finding;
mod memory;
mod place;
mod staleness;
mod touch;
mod violation;
mod wrong_free;

pub(crate) use change::Change;
pub(crate) use declared::{AbiMismatch, ClashingDeclaration, Contrast, Difference, Part, SplitLibrary};
pub(crate) use finding::*;
pub(crate) use memory::{BlockFacts, Memory};
pub use place::{Allocation, CSource, Place};
pub(crate) use staleness::{Life, ParkedType, StaleReason, Staleness, Through, Tombstone};
pub(crate) use touch::{By, Code, FRAMES, GivenTo, LastLoan, Touch};
pub use violation::Violation;
pub(crate) use violation::{ArgumentFacts, Call, Facts, Tells};
pub(crate) use wrong_free::{Asked, Ending, Why, WrongFree};
