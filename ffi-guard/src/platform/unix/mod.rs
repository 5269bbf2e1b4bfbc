//! Any Unix, by POSIX's calls.
#![cfg_attr(
    not(platform = "unix"),
    allow(dead_code, unused_imports, reason = "a more special platform replaces parts")
)]

pub(crate) mod c_memory;
pub(crate) mod clock;
#[cfg(test)]
pub(crate) mod library;
pub(crate) mod loaded;
pub(crate) mod mapped;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod read;
#[cfg(test)]
pub(crate) mod signal;
pub(crate) mod thread;
mod write;

#[cfg(not(feature = "c-heap"))]
pub(crate) use super::other::c_allocator;
pub(crate) use super::other::{abort, fault, modules, stack};
