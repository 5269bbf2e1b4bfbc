//! The places where C could keep a pointer, and the search of them.
//!
//! [`words`] reads memory, [`globals`] all that loaded modules may write, [`other_threads`] the
//! thread-local variables of other threads; [`owner`] says whose variable a word was found in: C's,
//! or a Rust static, which is never reported.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod c_heap;
mod dwarf;
mod dwarf_stack;
mod dwarf_types;
mod elf;
mod frames;
mod globals;
mod hit;
mod layout;
mod left_frames;
mod names;
mod owner;
#[cfg_attr(any(target_arch = "aarch64", target_arch = "x86_64"), allow(dead_code, reason = "there are faster loops"))]
mod portable;
mod search;
mod shared_frames;
mod stack_like;
mod stack_variable;
mod symbols;
mod thread_locals;
mod wanted;
mod whose_frame;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(test)]
mod testing;

#[cfg(target_arch = "aarch64")]
use aarch64 as machine;
#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
use portable as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

#[cfg(feature = "c-heap")]
pub(crate) use c_heap::c_heap;
pub(crate) use elf::fingerprint_of;
pub(crate) use elf::named::function_at;
#[cfg(test)]
pub(crate) use frames::WALKS;
pub(crate) use frames::{Between, between, called_by_c, thread_name};
pub(crate) use globals::globals_len;
pub(crate) use hit::Hit;
pub(crate) use layout::can_be_pointer;
pub(crate) use left_frames::{callers_frame, is_left};
pub(crate) use names::is_rust;
pub(crate) use owner::{Global, Owner};
pub(crate) use search::words;
pub(crate) use shared_frames::may_be_shared;
pub(crate) use stack_like::is_stack;
pub(crate) use stack_variable::stack_variable;
pub(crate) use thread_locals::{know_calling_thread, other_threads};
pub(crate) use wanted::Wanted;
pub(crate) use whose_frame::{in_rust_frame, is_c_stack};

use crate::call::thread;
use crate::platform::fork_gate;
use crate::reentry::Reentry;

/// Finds every aligned word that lies in a wanted range, wherever C could keep one. Returns the
/// bytes of C's heap that were read.
pub(crate) fn c_memory(wanted: &Wanted, hits: &mut Vec<Hit>) -> usize {
    globals::globals(wanted, hits);
    let bytes = c_heap::c_heap(wanted, hits);
    if bytes > 0 {
        // Thread-local variables of a module that `dlopen` loaded lie in C's heap, and were found
        // there already.
        hits.sort_unstable_by_key(|hit| hit.location);
        hits.dedup_by_key(|hit| hit.location);
    }
    bytes
}

/// True if the address is in C's heap.
pub(crate) fn is_in_c_heap(address: usize) -> bool {
    #[cfg(feature = "c-heap")]
    return crate::heap::contains_c(address);
    #[cfg(not(feature = "c-heap"))]
    {
        let _ = address;
        false
    }
}

/// The owner of the variable that the address is in.
pub(crate) fn owner(address: usize) -> Owner {
    // Its lock must not be taken inside the gate: see `fork_gate`.
    let _inside = Reentry::enter();
    let threads = thread_locals::threads();
    thread::with_room(|| fork_gate::run(|| owner::owner(address, &threads)))
}
