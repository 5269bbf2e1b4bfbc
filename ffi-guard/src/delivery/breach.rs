//! From a rule's finding to its delivery: looks up the severity, gathers the facts, delivers.

use std::panic::Location;

use crate::call::argument::Argument;
use crate::call::loan::Loan;
use crate::call::scopes;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::facts::{Allocation, ArgumentFacts, BlockFacts, Call, Facts, Finding, LastLoan, Memory, Violation};
use crate::heap;
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::report;
use crate::report::Outcome;
use crate::retention::{self, Found, Note, damage};
use crate::rule::Severity;
use crate::scan;

/// A violation that ends the call: the caller unwinds with it.
pub struct Stop(pub(crate) Box<Violation>);

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

    /// Delivers a finding about the declaration itself.
    #[cold]
    pub(crate) fn breach_of_declaration(&self, parameter: Option<usize>, finding: Finding) -> Result<(), Stop> {
        let severity = self.severity_or(finding.rule(), parameter, finding.default_severity());
        if severity == Severity::Allow {
            return Ok(());
        }
        let call = self.call(parameter);
        deliver(finding, severity, (Some(call), None), None, (None, Vec::new()))
    }

    /// The call, on this thread.
    fn call(&self, parameter: Option<usize>) -> Call {
        let inside = Reentry::enter();
        let thread_name = scan::thread_name();
        drop(inside);
        Call { function: self.function, parameter, site: self.location, thread: thread::id(), thread_name }
    }

    fn breach_on_this_thread(
        &self,
        parameter: Option<usize>,
        finding: Finding,
        about: ArgumentFacts,
        memory: Option<Memory>,
    ) -> Result<(), Stop> {
        // Before the thread's name, which costs a walk of the stack: what is allowed costs nothing.
        let severity = self.severity_or(finding.rule(), parameter, finding.default_severity());
        if severity == Severity::Allow {
            return Ok(());
        }
        let _errno = Errno::keep();
        let call = self.call(parameter);
        let lent_by = if self.function.declaration.callback { lent_by(memory.as_ref()) } else { None };
        deliver(finding, severity, (Some(call), Some(about)), memory, (lent_by, Vec::new()))
    }
}

/// The last guarded call that lent C this memory, as far as it is remembered: for what C hands to
/// Rust.
fn lent_by(memory: Option<&Memory>) -> Option<Call> {
    let _inside = Reentry::enter();
    let facts = memory.and_then(Memory::block)?;
    let block = heap::lookup(facts.address).filter(|block| block.start == facts.address)?;
    if let Some(note) = damage::last_lent(&block).first() {
        let Site { function, location: site } = note.site;
        let parameter = Some(note.loan.parameter);
        return Some(Call { function, parameter, site, thread: note.thread, thread_name: None });
    }
    // Below level 2, and for the fault handler, the call alone is noted.
    let LastLoan { function, location: site, thread } = retention::lent_by::last(&block)?;
    Some(Call { function, parameter: None, site, thread, thread_name: None })
}

/// Delivers what a sweep, a free or a look found, naming the latest call that lent the memory.
pub(crate) fn tell(Found { finding, block, lent, .. }: Found) -> Result<(), Stop> {
    let memory = Memory::Heap(BlockFacts::of(&block));
    let Some(latest) = lent.first() else { return without_a_call(finding, memory) };
    let mut also: Vec<_> = lent.iter().map(|note| note.site.location).collect();
    also.dedup();
    also.retain(|location| *location != latest.site.location);
    breach_of_note(latest, finding, memory, also)
}

/// Delivers what was found after the call of `note` had ended, perhaps on another thread. `also`:
/// the other calls that lent the memory since it was last seen clean.
pub(crate) fn breach_of_note(
    note: &Note,
    finding: Finding,
    memory: Memory,
    also: Vec<&'static Location<'static>>,
) -> Result<(), Stop> {
    let severity = note.site.severity_or(finding.rule(), Some(note.loan.parameter), finding.default_severity());
    if severity == Severity::Allow {
        return Ok(());
    }
    let thread_name = if note.thread == thread::id() { scan::thread_name() } else { None };
    let Site { function, location: site } = note.site;
    let call = Call { function, parameter: Some(note.loan.parameter), site, thread: note.thread, thread_name };
    deliver(finding, severity, (Some(call), Some(ArgumentFacts::of(&note.loan))), Some(memory), (None, also))
}

/// Delivers a finding without a guarded call: about memory that was pinned and never lent.
fn without_a_call(finding: Finding, memory: Memory) -> Result<(), Stop> {
    let severity = config::settings().severity_of(finding.rule());
    if severity == Severity::Allow {
        return Ok(());
    }
    deliver(finding, severity, (None, None), Some(memory), (None, Vec::new()))
}

/// Delivers a finding, where there is room for it.
fn deliver(
    finding: Finding,
    severity: Severity,
    (call, argument): (Option<Call>, Option<ArgumentFacts>),
    memory: Option<Memory>,
    others: (Option<Call>, Vec<&'static Location<'static>>),
) -> Result<(), Stop> {
    thread::with_room(|| deliver_here(finding, severity, (call, argument), memory, others))
}

fn deliver_here(
    finding: Finding,
    severity: Severity,
    (call, argument): (Option<Call>, Option<ArgumentFacts>),
    memory: Option<Memory>,
    (lent_by, also): (Option<Call>, Vec<&'static Location<'static>>),
) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let inside = Reentry::enter();
    let mut facts = Facts { finding, severity, call, lent_by, also, argument, memory, c_allocated: None };
    facts.c_allocated = facts.lent().and_then(c_allocated);
    let violation = Box::new(Violation::new(facts));
    drop(inside);
    hand_over(violation)
}

/// Who allocated this memory, if it is a block of C's heap.
#[cfg(feature = "c-heap")]
fn c_allocated(memory: &Memory) -> Option<Allocation> {
    let Memory::Foreign { address, .. } = memory else { return None };
    let block = heap::lookup_c(*address)?;
    Some(Allocation { trace: block.allocated, thread: block.allocated_by })
}

#[cfg(not(feature = "c-heap"))]
fn c_allocated(_: &Memory) -> Option<Allocation> {
    None
}

/// Delivers a violation: as a value inside `catch`, else as severity and settings say.
pub(crate) fn hand_over(violation: Box<Violation>) -> Result<(), Stop> {
    if scopes::asserting() {
        return asserted(violation);
    }
    if violation.severity() == Severity::Deny && scopes::catching() {
        report::record(&violation);
        return Err(Stop(violation));
    }
    match report::deliver(&violation) {
        Outcome::GoOn => Ok(()),
        Outcome::Stop => Err(Stop(violation)),
    }
}

/// Delivers a violation inside `assert_clean!`, whose end tells it, a warning too.
fn asserted(violation: Box<Violation>) -> Result<(), Stop> {
    if !report::record_failure(&violation) {
        return Ok(());
    }
    if violation.severity() == Severity::Deny && scopes::catching() {
        return Err(Stop(violation));
    }
    report::until_catch_ends::push(violation);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::argument::Passing;
    use crate::call::declaration::{Declaration, Function};
    use crate::call::shape::{Role, Shape, TypeInfo};
    use crate::call::validity::Validity;
    use crate::facts::NullPointer;
    use crate::rule::{Rule, Severities};
    use crate::scan::WALKS;

    static INFO: TypeInfo = TypeInfo {
        size: 4,
        align: 4,
        shape: Shape::Plain,
        frozen: true,
        dense: true,
        role: Role::Other,
        value: Validity::Any,
        name: || "i32",
    };

    #[test]
    fn what_is_allowed_costs_no_walk_of_the_stack() {
        static ALLOWED: Function = Function::new(&Declaration {
            severities: Severities::NONE.with(Rule::NullPointer, Severity::Allow),
            ..Declaration::internal("allowed")
        });
        static DENIED: Function = Function::new(&Declaration::internal("denied"));
        // Not on the first thread, whose name is known without a walk.
        std::thread::spawn(|| {
            let argument = Argument::new(0, Passing::Const, &INFO);
            let walks_of = |function: &'static Function| {
                let site = Site { function, location: Location::caller() };
                let before = WALKS.get();
                let outcome = site.breach(None, Finding::NullPointer(NullPointer::Declared), (&argument, 4), None);
                (outcome.is_ok(), WALKS.get() - before)
            };
            assert_eq!(walks_of(&ALLOWED), (true, 0));
            let (told, walks) = walks_of(&DENIED);
            assert!(!told && walks > 0, "the name of the thread is in a report");
        })
        .join()
        .unwrap();
    }
}
