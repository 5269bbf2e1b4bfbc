//! The variable of the calling thread's stack that an address lies in, if the debug information of
//! the function in whose frame it is tells.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::dwarf_stack::{Base, FrameVariable};
use super::frames::each_frame;
use super::thread_locals;
use super::{dwarf_stack, symbols};
use crate::heap::trace;
use crate::platform::fork_gate;
use crate::reentry::Reentry;

/// A variable on the stack.
#[derive(Clone, Debug)]
pub(crate) struct StackVariable {
    /// Where it lies now.
    pub(crate) range: Range<usize>,
    /// As the source has it; empty if it has none.
    pub(crate) name: &'static str,
}

/// The variables of a function that goes on at an address.
type Known = (usize, &'static [FrameVariable]);

/// Those that were asked for, each read once: that takes milliseconds.
static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// The variable that an address of the calling thread's stack lies in. `None` if that is not known.
/// If there are several, as where one was moved to another's place, the one that ends last.
pub(crate) fn stack_variable(address: usize) -> Option<StackVariable> {
    let _inside = Reentry::enter();
    let (begins, ends, ip) = frame_of(address)?;
    let place = |variable: &FrameVariable| {
        let base = if variable.base == Base::Frame { begins } else { ends };
        let start = base.wrapping_add_signed(variable.offset);
        start..start.saturating_add(variable.size)
    };
    let at = variables(ip).iter().map(|variable| (place(variable), variable));
    let (range, variable) = at.filter(|(range, _)| range.contains(&address)).max_by_key(|(range, _)| range.end)?;
    Some(StackVariable { range, name: &variable.name })
}

/// Where the frame that an address lies in begins and ends, and where its function goes on.
fn frame_of(address: usize) -> Option<(usize, usize, usize)> {
    let mut last = (0, 0);
    let mut found = None;
    let mut visit = |begins: usize, ip: usize| {
        let (below, at) = last;
        if below != 0 && below < begins && (below..begins).contains(&address) {
            found = Some((below, begins, at));
        }
        last = (begins, ip);
        found.is_none()
    };
    if !trace::each_frame(&mut visit) && found.is_none() {
        last = (0, 0);
        each_frame(&mut |begins, ip| {
            let (below, at) = last;
            if below != 0 && below < begins && (below..begins).contains(&address) {
                found = Some((below, begins, at));
            }
            last = (begins, ip);
            found.is_none()
        });
    }
    found
}

fn variables(ip: usize) -> &'static [FrameVariable] {
    // A module may come to another's place, where functions return to the same addresses.
    let keeps = trace::stays(ip);
    let known = || {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(at, _)| *at == ip).map(|(_, variables)| *variables)
    };
    if !keeps {
        return &[];
    }
    if let Some(variables) = fork_gate::run(known) {
        return variables;
    }
    // Its lock must not be taken inside the gate: see `fork_gate`.
    let threads = thread_locals::threads();
    fork_gate::run(|| {
        let found = symbols::code_at(ip, &threads)
            .and_then(|(symbols, at)| symbols.with_file(|elf| dwarf_stack::variables(elf, at)));
        let found: &'static [FrameVariable] = Box::leak(found.flatten().unwrap_or_default().into_boxed_slice());
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).push((ip, found));
        found
    })
}
