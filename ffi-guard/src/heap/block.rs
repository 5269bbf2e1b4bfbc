//! What is known of a block at one moment: a plain record, for a report or to be looked up again.

use super::trace::TraceId;

/// What the table knows of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// First byte that the program was given.
    pub(crate) start: usize,
    /// Bytes that the program asked for.
    pub(crate) size: usize,
    /// Alignment that it asked for.
    pub(crate) align: usize,
    /// Live, or freed and not given out again.
    pub(crate) live: bool,
    /// Counts the uses of this place: another block at the same address has another generation.
    pub(crate) generation: u32,
    /// Where it was allocated.
    pub(crate) allocated: TraceId,
    /// The thread that allocated it; 0 if not known.
    pub(crate) allocated_by: u32,
    /// Where it was freed.
    pub(crate) freed: TraceId,
    /// The thread that freed it; 0 if not known.
    pub(crate) freed_by: u32,
}
