//! From what a rule says (`rules::words`) to what the reader gets: the layout of the text, its
//! colours, the lines of source and the frames in it; the syntax of JSON; the raw form of a signal
//! handler; and the delivery.
//!
//! It decides nothing about what is a violation. It looks up sources, symbols and the modules of
//! the process, and nothing of the program's memory.

mod colour;
pub(crate) mod compared;
pub(crate) mod deliver;
mod enclosing;
pub(crate) mod face;
pub(crate) mod fault;
pub(crate) mod frames;
mod identity;
mod json;
mod ledger;
mod lines;
mod paths;
mod picture;
mod source;
mod story;
mod suppress;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod until_catch_ends;
mod width;

pub(crate) use deliver::{Outcome, abort, deliver, file, print, record, record_failure, record_statistics};
pub(crate) use lines::record_of_child;
