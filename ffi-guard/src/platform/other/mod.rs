//! An unknown platform: all names, by the standard library alone, or with the answer that it cannot
//! be had.

pub(crate) mod abort;
#[cfg(not(feature = "c-heap"))]
pub(crate) mod c_allocator;
pub(crate) mod c_memory;
pub(crate) mod clock;
pub(crate) mod fault;
pub(crate) mod loaded;
pub(crate) mod mapped;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod process;
pub(crate) mod read;
pub(crate) mod stack;
pub(crate) mod thread;
