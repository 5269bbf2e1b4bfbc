//! Findings of a sweep, a free or a look, on their way to delivery.

use super::notes::Note;
use crate::facts::Finding;
use crate::heap::Block;

/// A finding made after its call, with the calls that lent the memory.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    /// The block as it is now: it may be freed already.
    pub(crate) block: Block,
    /// Those calls, the latest first. Empty only for a block that was pinned and never lent.
    pub(crate) lent: Vec<Note>,
    /// Number of the thread that gets the report; 0 for any.
    pub(crate) whose: u32,
}
