//! From facts to words. Nothing here looks at the program's memory, and nothing here decides what is a violation.

mod beats;
mod bound;
mod callback;
mod colour;
pub(crate) mod deliver;
pub(crate) mod face;
pub(crate) mod frames;
mod freed;
mod headline;
mod help;
mod json;
mod kept;
mod leaked;
mod notes;
mod picture;
pub(crate) mod raw;
mod source;
pub(crate) mod stale;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod touch;
pub(crate) mod touched;
pub(crate) mod until_catch_ends;
mod words;
mod written;
pub(crate) mod wrong_free;

#[cfg(not(feature = "c-heap"))]
pub(crate) use deliver::file;
pub(crate) use deliver::{Outcome, deliver, print, record};
