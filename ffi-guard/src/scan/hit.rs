//! A word that a search found.

/// Bytes of a word.
pub(super) const WORD: usize = size_of::<usize>();

/// A word found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The address of the word.
    pub(crate) location: usize,
    /// The value of the word.
    pub(crate) word: usize,
}
