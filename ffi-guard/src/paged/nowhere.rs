//! A fault of C's in the first pages, where an argument of the call under way leads: the call gave
//! C the address of an empty slice, and C took it for memory. Runs in a signal handler.
//!
//! The process ends as it would have without us; only the report is ours.

use std::ffi::c_void;

use super::fault::{PATIENCE, is_first, next, owner};
use super::who::{CodePlace, whose};
use crate::call::nowhere::{self, CallWithNowhere};
use crate::call::scopes;
use crate::call::site::Site;
use crate::facts::{ArgumentFacts, By, Call, FRAMES, Facts, Finding, Nowhere, Tells, Violation};
use crate::heap::trace;
use crate::platform::fault::{Access, Answer, Fault, in_a_copy};
use crate::platform::process::say;
use crate::platform::thread;
use crate::reentry::{self, Reentry};
use crate::report;
use crate::rule::{Rule, Severity};

/// What the copy of the process is told.
struct Seen<'a> {
    call: CallWithNowhere,
    parameter: usize,
    pointer: usize,
    address: usize,
    access: Access,
    severity: Severity,
    frames: &'a [usize],
    thread: u32,
}

/// The answer to a fault. It is never settled here: whoever had the signal before us gets it.
pub(super) fn answer(fault: &Fault) -> Answer {
    let Some((call, parameter, pointer)) = nowhere::leading_to(fault.address) else { return Answer::NotMine };
    if reentry::inside() || !scopes::is_in_call() {
        return Answer::NotMine;
    }
    let site = Site { function: call.function, location: call.location };
    let severity = site.severity(Rule::DanglingPointer, Some(parameter));
    let mut addresses = [0; FRAMES];
    let len = trace::of_fault(fault.ip, fault.sp, fault.bp, &mut addresses);
    let frames = addresses.get(..len).unwrap_or_default();
    // The C library's `strlen` works for whoever calls it: for C, unless C has called back.
    let place = CodePlace::of(fault.ip);
    let by = if scopes::is_in_callback() { Some(owner(&place.code(), frames).0) } else { whose(&place.code()) };
    if severity == Severity::Allow || by == Some(By::Rust) {
        return Answer::NotMine;
    }
    let _inside = Reentry::enter();
    if !is_first() {
        return Answer::GoOn;
    }
    let (address, access) = (fault.address, fault.access);
    let seen = Seen { call, parameter, pointer, address, access, severity, frames, thread: thread::id() };
    if !in_a_copy(in_the_copy, (&raw const seen).cast_mut().cast(), PATIENCE) {
        let (name, at) = (call.function.declaration.name, call.location);
        say(format_args!("dangling_pointer: C touched {address:#x}, where an argument of `{name}` leads"));
        say(format_args!("summary: dangling_pointer in {name} at {}:{}", at.file(), at.line()));
    }
    next();
    Answer::NotMine
}

/// Prints the report, and appends it to the file. May allocate.
fn in_the_copy(seen: *mut c_void) -> bool {
    // SAFETY: `answer` passes a `Seen`, and keeps it until this returns.
    let seen = unsafe { &*seen.cast::<Seen<'_>>() };
    let &Seen { call: CallWithNowhere { function, location, .. }, parameter, pointer, address, access, thread, .. } =
        seen;
    let call = Call { function, parameter: Some(parameter), site: location, thread, thread_name: None };
    let violation = Violation::new(Facts {
        finding: Finding::Nowhere(Nowhere { address, pointer, access, touched: trace::of_frames(seen.frames), thread }),
        severity: seen.severity,
        call: Some(call),
        lent_by: None,
        also: Vec::new(),
        argument: Some(ArgumentFacts { address: pointer, extent: 0, pointee: "_", tells: Tells::Nothing }),
        memory: None,
        c_allocated: None,
    });
    report::file(&violation);
    report::print(&violation);
    true
}
