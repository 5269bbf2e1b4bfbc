//! A fault in C's allocator, which was given a block of Rust's to free: `alloc_dealloc_mismatch`, or `double_free`. Runs in a signal
//! handler.
//!
//! An allocator finds what it knows of a block in the bytes before it. Before a block of Rust's on pages of its own there are
//! none, or the canary, which glibc refuses (`refusal/aborted.rs`), but for `malloc_usable_size`, which follows it to nowhere.

use std::ffi::c_void;

use super::fault::{About, tell_once};
use crate::config::settings;
use crate::heap::{self, Block, trace};
use crate::platform::fault::{Answer, Fault};
use crate::reentry;
use crate::refusal;
use crate::report::touch::Touch;
use crate::rule::{Rule, Severity};

/// Bytes before a block that an allocator looks at first.
const HEADER: usize = 16;

/// The function of C's allocator that was given this block, and faults before it.
pub(super) fn call(fault: &Fault, block: &Block) -> Option<&'static str> {
    let before = block.start.wrapping_sub(fault.address);
    if (1..=HEADER).contains(&before) { call_under_way(fault).map(|(call, _)| call) } else { None }
}

/// The function of C's allocator that is under way, and how many functions it has called to get to the fault.
fn call_under_way(fault: &Fault) -> Option<(&'static str, usize)> {
    let mut frames = [0; 4];
    let len = trace::of_fault(fault.ip, fault.sp, fault.bp, &mut frames);
    refusal::call_in(frames.get(..len)?)
}

/// The answer to such a fault.
pub(super) fn answer(fault: &Fault, block: &Block, call: &'static str, opened: impl FnOnce() -> Answer) -> Answer {
    let rule = if block.live { Rule::AllocDeallocMismatch } else { Rule::DoubleFree };
    let severity = settings().severities.get(rule).unwrap_or(Severity::Deny);
    if severity == Severity::Allow {
        // It reads a size of zero there, and refuses that.
        return opened();
    }
    tell_once(fault, About { given_to: Some(call), ..About::of(block) }, severity, opened)
}

/// The answer to a fault at an address that is none of Rust's: of one of these functions that still has the block in its hands.
pub(super) fn answer_elsewhere(fault: &Fault) -> Answer {
    let block = heap::contains(fault.argument).then(|| heap::lookup(fault.argument)).flatten();
    let Some(block) = block.filter(|block| block.start == fault.argument && !reentry::inside()) else {
        return Answer::NotMine;
    };
    // In another function the register has another meaning.
    let Some((call, 0)) = call_under_way(fault) else { return Answer::NotMine };
    answer(fault, &block, call, || Answer::NotMine)
}

/// Tells of it in full. In a copy of the process.
pub(super) fn in_the_copy(touch: *mut c_void) -> bool {
    // SAFETY: what `fault::tell` passes, which waits for this.
    let touch = unsafe { &*touch.cast::<Touch<'_>>() };
    refusal::tell_faulted(touch);
    true
}
