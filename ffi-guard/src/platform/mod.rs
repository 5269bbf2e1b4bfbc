//! Every call into the operating system. A platform that lacks something says so here and nowhere else.

#[cfg(not(feature = "c-heap"))]
pub(crate) mod abort;
#[cfg(not(feature = "c-heap"))]
pub(crate) mod c_allocator;
pub(crate) mod c_memory;
pub(crate) mod clock;
pub(crate) mod fault;
#[cfg(test)]
pub(crate) mod library;
pub(crate) mod mapped;
pub(crate) mod memory;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod modules;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
#[path = "modules_absent.rs"]
pub(crate) mod modules;
pub(crate) mod process;
pub(crate) mod read;
pub(crate) mod say;
pub(crate) mod stack;
pub(crate) mod thread;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_pointer_width = "64"))]
pub(crate) mod unwind;
