//! From facts to words: nothing here looks anything up but what it was given.

pub(crate) mod violation;
