//! Linux, with glibc or musl.

#[cfg(aborts)]
pub(crate) mod abort;
#[cfg(all(not(feature = "c-heap"), faults))]
pub(crate) mod c_allocator;
#[cfg(c_heap)]
pub(crate) mod c_library;
#[cfg(faults)]
mod copy;
#[cfg(faults)]
pub(crate) mod fault;
#[cfg(target_pointer_width = "64")]
pub(crate) mod loaded;
mod locks;
pub(crate) mod mapped;
pub(crate) mod memory;
#[cfg(globals)]
pub(crate) mod modules;
pub(crate) mod process;
pub(crate) mod read;
#[cfg(fast_trace)]
mod roomy;
pub(crate) mod stack;
#[cfg(globals)]
mod static_locals;
pub(crate) mod thread;
#[cfg(fast_trace)]
pub(crate) mod unwind;

#[cfg(not(aborts))]
pub(crate) use super::other::abort;
#[cfg(all(not(feature = "c-heap"), not(faults)))]
pub(crate) use super::other::c_allocator;
#[cfg(not(faults))]
pub(crate) use super::other::fault;
#[cfg(not(globals))]
pub(crate) use super::other::modules;
#[cfg(not(target_pointer_width = "64"))]
pub(crate) use super::unix::loaded;
pub(crate) use super::unix::{c_memory, clock};
#[cfg(test)]
pub(crate) use super::unix::{library, signal};
