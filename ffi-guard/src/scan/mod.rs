//! Where C could keep a pointer, and the search of it.

/// A word found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Address of the word.
    pub(crate) location: usize,
    /// The word.
    pub(crate) word: usize,
}
