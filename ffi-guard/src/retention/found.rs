//! What a sweep, a free or a look found, on its way to whoever delivers it.

use super::notes::Note;
use crate::facts::Finding;
use crate::heap::Block;

/// A word that was found after its call, with the calls that lent what it leads into.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    /// The block as it is now: it may be freed by this time.
    pub(crate) block: Block,
    /// The latest first. Empty only of a block that was pinned and never lent.
    pub(crate) lent: Vec<Note>,
    /// The thread that is to be told; 0 for any.
    pub(crate) whose: u32,
}
