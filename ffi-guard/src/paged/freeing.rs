//! A fault in C's allocator, which was given a Rust block to free: `alloc_dealloc_mismatch`, or
//! `double_free`. Runs in a signal handler.
//!
//! An allocator keeps its record of a block in the bytes before it. A Rust block on pages of its
//! own has none before it, or the canary. glibc refuses the canary (`refusal/aborted.rs`), except
//! in `malloc_usable_size`, which follows it to nowhere.

use std::ffi::c_void;

use super::fault::{About, tell_once};
use super::who::CodePlace;
use crate::config::settings;
use crate::facts::{GivenTo, Touch};
use crate::heap::{self, Block, trace};
use crate::platform::c_allocator;
use crate::platform::fault::{Answer, Fault};
use crate::reentry;
use crate::refusal;
use crate::rule::{Rule, Severity};

/// Bytes before a block that an allocator looks at first.
const HEADER: usize = 16;

/// The function of C's allocator that was given this block and faults before it.
pub(super) fn given_to(fault: &Fault, block: &Block) -> Option<GivenTo> {
    let before = block.start.wrapping_sub(fault.address);
    if (1..=HEADER).contains(&before) { under_way(fault) } else { None }
}

/// Frames that are searched for the allocator's function.
const DEEP: usize = 3;

/// The function of C's allocator that is running.
fn under_way(fault: &Fault) -> Option<GivenTo> {
    let mut frames = [0; DEEP];
    let len = trace::of_fault(fault.ip, fault.sp, fault.bp, &mut frames);
    frames.iter().take(len).enumerate().find_map(|(frame, &address)| {
        let call = match frame {
            0 => c_allocator::function_at(address).or_else(|| named(address)),
            // The call, which ends before the return address.
            _ => c_allocator::function_at(address.checked_sub(1)?),
        };
        call.map(|call| GivenTo { call, frame })
    })
}

/// The function by its symbol, for a C library without tables of function bounds, such as musl.
fn named(address: usize) -> Option<&'static str> {
    let place = CodePlace::of(address);
    let (name, _) = place.code().function?;
    match name.trim_start_matches('_').trim_start_matches("libc_") {
        "free" | "cfree" => Some("free"),
        "realloc" => Some("realloc"),
        "malloc_usable_size" => Some("malloc_usable_size"),
        _ => None,
    }
}

/// Answers a fault in the function `to`, which was given this block.
pub(super) fn answer(fault: &Fault, block: &Block, to: GivenTo, opened: impl FnOnce() -> Answer) -> Answer {
    let rule = if block.live { Rule::AllocDeallocMismatch } else { Rule::DoubleFree };
    let severity = settings().severity_of(rule);
    if severity == Severity::Allow {
        // It reads a size of zero there, and refuses that.
        return opened();
    }
    tell_once(fault, About { given_to: Some(to), ..About::of(block) }, severity, opened)
}

/// Answers a fault at an address outside Rust's memory, if one of these functions still has the
/// block in its hands.
pub(super) fn answer_elsewhere(fault: &Fault) -> Answer {
    let block = heap::contains(fault.argument).then(|| heap::lookup(fault.argument)).flatten();
    let Some(block) = block.filter(|block| block.start == fault.argument && !reentry::inside()) else {
        return Answer::NotMine;
    };
    // In another function the register has another meaning.
    match under_way(fault) {
        Some(to) if to.frame == 0 => answer(fault, &block, to, || Answer::NotMine),
        _ => Answer::NotMine,
    }
}

/// Reports it in full, in a copy of the process.
pub(super) fn in_the_copy(touch: *mut c_void) -> bool {
    // SAFETY: `fault::tell` passes a `Touch`, and keeps it until this returns.
    let touch = unsafe { &*touch.cast::<Touch<'_>>() };
    if let Some(to) = touch.given_to {
        refusal::tell_faulted(touch, to);
    }
    true
}
