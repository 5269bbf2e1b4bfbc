//! Windows, by functions of its kernel library, which are declared here, and of C's library.

pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod read;
pub(crate) mod stack;
pub(crate) mod thread;

#[cfg(not(feature = "c-heap"))]
pub(crate) use super::other::c_allocator;
pub(crate) use super::other::{abort, c_memory, clock, fault, loaded, mapped, modules};
