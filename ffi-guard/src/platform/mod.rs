//! Every call into the operating system.
//!
//! A platform is a folder. All have the same names; if a platform does something no better than a
//! more general one, it re-exports that one's:
//!
//! ```text
//! linux/  ──>  unix/ (POSIX)  ──>  other/ (the standard library, or "cannot be had")
//! windows/                    ──>  other/
//! ```
//!
//! `capabilities.rs` says which folder a target takes, and lists what the folder can do. The files
//! here name all they need of the folder (`os`), so that a missing name is a compile error, and add
//! the parts that are common to all platforms.

#[cfg(platform = "linux")]
mod linux;
#[cfg_attr(not(platform = "other"), allow(dead_code, reason = "a more special platform replaces parts"))]
mod other;
#[cfg(any(platform = "linux", platform = "unix"))]
mod unix;
#[cfg(platform = "windows")]
mod windows;

#[cfg(platform = "linux")]
use linux as os;
#[cfg(platform = "other")]
use other as os;
#[cfg(platform = "unix")]
use unix as os;
#[cfg(platform = "windows")]
use windows as os;

pub(crate) mod abort;
pub(crate) mod clock;
pub(crate) mod fault;
pub(crate) mod fork_gate;
pub(crate) mod lock;
pub(crate) mod locks;
pub(crate) mod mapped;
mod maps;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod read;
pub(crate) mod say;
#[cfg(sections)]
pub(crate) mod section;
mod segments;
pub(crate) mod symbols;
pub(crate) mod thread;

#[cfg(not(feature = "c-heap"))]
pub(crate) use os::c_allocator;
#[cfg(c_heap)]
pub(crate) use os::c_library;
#[cfg(test)]
pub(crate) use os::library;
#[cfg(all(test, fast_trace))]
pub(crate) use os::signal;
#[cfg(fast_trace)]
pub(crate) use os::unwind;
pub(crate) use os::{c_memory, loaded, modules, stack};
