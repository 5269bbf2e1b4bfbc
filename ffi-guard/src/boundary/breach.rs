//! From a rule's finding to its delivery: looks up the severity, gathers the facts, delivers.

use std::panic::Location;

use crate::call::argument::Argument;
use crate::call::loan::Loan;
use crate::call::scopes;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::facts::{ArgumentFacts, BlockFacts, Call, Facts, Finding, Memory, Violation};
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::report;
use crate::report::Outcome;
use crate::retention::{Found, Note};
use crate::rule::Severity;
use crate::scan;

/// A violation that ends the call: the caller unwinds with it.
pub(crate) struct Stop(pub(crate) Box<Violation>);

impl Site {
    /// Delivers a rule's finding about an argument or a result (`parameter`: `None`), of which C
    /// may touch `extent` bytes. `Err` if the call must not go on.
    #[cold]
    pub(crate) fn breach(
        &self,
        parameter: Option<usize>,
        finding: Finding,
        (argument, extent): (&Argument, usize),
        memory: Option<Memory>,
    ) -> Result<(), Stop> {
        let about = ArgumentFacts::of(&Loan::of(argument, parameter.unwrap_or(0), extent));
        self.breach_on_this_thread(parameter, finding, about, memory)
    }

    /// Delivers a rule's finding about something that this call lends.
    #[cold]
    pub(crate) fn breach_of(&self, loan: &Loan, finding: Finding, memory: Memory) -> Result<(), Stop> {
        self.breach_on_this_thread(Some(loan.parameter), finding, ArgumentFacts::of(loan), Some(memory))
    }

    fn breach_on_this_thread(
        &self,
        parameter: Option<usize>,
        finding: Finding,
        about: ArgumentFacts,
        memory: Option<Memory>,
    ) -> Result<(), Stop> {
        // What is allowed is not to cost: the thread's name takes a walk of its frames.
        if self.severity(finding.rule(), parameter) == Severity::Allow {
            return Ok(());
        }
        let _errno = Errno::keep();
        let inside = Reentry::enter();
        let thread_name = scan::thread_name();
        drop(inside);
        let call = Call { function: self.function, parameter, site: self.location, thread: thread::id(), thread_name };
        deliver(finding, Some((self, call, about)), memory, Vec::new())
    }
}

/// Delivers what a sweep, a free or a look found, naming the latest call that lent the memory.
pub(super) fn tell(Found { finding, block, lent, .. }: Found) -> Result<(), Stop> {
    let memory = Memory::Heap(BlockFacts::of(&block));
    let Some(latest) = lent.first() else { return without_a_call(finding, memory) };
    let mut also: Vec<_> = lent.iter().map(|note| note.site.location).collect();
    also.dedup();
    also.retain(|location| *location != latest.site.location);
    breach_of_note(latest, finding, memory, also)
}

/// Delivers what was found after the call of `note` had ended, perhaps on another thread. `also`:
/// the other calls that lent the memory since it was last seen clean.
fn breach_of_note(
    note: &Note,
    finding: Finding,
    memory: Memory,
    also: Vec<&'static Location<'static>>,
) -> Result<(), Stop> {
    let thread_name = if note.thread == thread::id() { scan::thread_name() } else { None };
    let Site { function, location: site } = note.site;
    let call = Call { function, parameter: Some(note.loan.parameter), site, thread: note.thread, thread_name };
    deliver(finding, Some((&note.site, call, ArgumentFacts::of(&note.loan))), Some(memory), also)
}

/// Delivers a finding without a guarded call: about memory that was pinned and never lent.
fn without_a_call(finding: Finding, memory: Memory) -> Result<(), Stop> {
    deliver(finding, None, Some(memory), Vec::new())
}

/// Delivers a finding, where there is room for it.
fn deliver(
    finding: Finding,
    call: Option<(&Site, Call, ArgumentFacts)>,
    memory: Option<Memory>,
    also: Vec<&'static Location<'static>>,
) -> Result<(), Stop> {
    thread::with_room(|| deliver_here(finding, call, memory, also))
}

fn deliver_here(
    finding: Finding,
    call: Option<(&Site, Call, ArgumentFacts)>,
    memory: Option<Memory>,
    also: Vec<&'static Location<'static>>,
) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let inside = Reentry::enter();
    let severity = match &call {
        Some((site, call, _)) => site.severity(finding.rule(), call.parameter),
        None => config::settings().severities.get(finding.rule()).unwrap_or(Severity::Deny),
    };
    if severity == Severity::Allow {
        return Ok(());
    }
    let (call, argument) = call.map(|(_, call, about)| (call, about)).unzip();
    let violation = Box::new(Violation::new(Facts { finding, severity, call, also, argument, memory }));
    drop(inside);
    hand_over(violation)
}

/// Delivers a violation: as a value inside `catch`, else as severity and settings say.
pub(crate) fn hand_over(violation: Box<Violation>) -> Result<(), Stop> {
    if violation.severity() == Severity::Deny && scopes::catching() {
        report::record(&violation);
        return Err(Stop(violation));
    }
    match report::deliver(&violation) {
        Outcome::GoOn => Ok(()),
        Outcome::Stop => Err(Stop(violation)),
    }
}
