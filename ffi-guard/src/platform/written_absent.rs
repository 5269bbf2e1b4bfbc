//! Where no kernel tells which pages were written.

use std::ops::Range;

/// The answer cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// Nothing to note.
pub(crate) fn note_forks() {}

/// Never made.
#[derive(Debug)]
pub(crate) enum Tracking {}

impl Tracking {
    /// Never.
    pub(crate) fn start() -> Option<Tracking> {
        None
    }

    /// Never asked.
    pub(crate) fn is_whole(&self) -> bool {
        match *self {}
    }

    /// Never asked.
    ///
    /// # Errors
    /// None.
    pub(crate) fn watch(&self, _range: &Range<usize>) -> Result<(), Unknown> {
        match *self {}
    }

    /// Never asked.
    ///
    /// # Errors
    /// None.
    pub(crate) fn written(&self, _range: Range<usize>, _visit: &mut dyn FnMut(Range<usize>)) -> Result<(), Unknown> {
        match *self {}
    }
}
