//! From what a rule saw to what becomes of it: the severity here, the violation's facts, delivery.

use crate::call::scopes;
use crate::call::site::Site;
use crate::scan;
use std::panic::Location;

use crate::call::argument::Argument;
use crate::call::thread;
use crate::config;
use crate::facts::{ArgumentFacts, Call, Facts, Finding, Memory, Violation};
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::report::{self, Outcome};
use crate::rule::Severity;

/// A violation that ends the call: the caller unwinds with it.
pub(crate) struct Stop(pub(crate) Box<Violation>);

impl Site {
    /// Delivers what a rule saw. `Err` where the call must not go on.
    #[cold]
    pub(crate) fn breach(
        &self,
        parameter: Option<usize>,
        finding: Finding,
        about: (&Argument, usize),
        memory: Option<Memory>,
    ) -> Result<(), Stop> {
        let _errno = Errno::keep();
        let inside = Reentry::enter();
        let thread_name = scan::thread_name();
        drop(inside);
        self.deliver(Told { parameter, finding, about, memory, thread: thread::id(), thread_name, also: Vec::new() })
    }

    /// The same for what was found after its call, perhaps on another thread.
    pub(crate) fn deliver(&self, told: Told<'_>) -> Result<(), Stop> {
        let _errno = Errno::keep();
        let inside = Reentry::enter();
        let Told { parameter, finding, about: (argument, extent), memory, thread, thread_name, also } = told;
        let severity = self.severity(finding.rule(), parameter);
        if severity == Severity::Allow {
            return Ok(());
        }
        let violation = Box::new(Violation::new(Facts {
            finding,
            severity,
            call: Some(Call { function: self.function, parameter, site: self.location, thread, thread_name }),
            also,
            argument: Some(ArgumentFacts { address: argument.address, extent, pointee: (argument.info.name)() }),
            memory,
        }));
        drop(inside);
        hand_over(violation)
    }
}

/// Delivers what is about no guarded call: memory that was pinned and never lent.
pub(crate) fn without_a_call(finding: Finding, memory: Option<Memory>) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let inside = Reentry::enter();
    let severity = config::settings().severities.get(finding.rule()).unwrap_or(Severity::Deny);
    if severity == Severity::Allow {
        return Ok(());
    }
    let facts = Facts { finding, severity, call: None, also: Vec::new(), argument: None, memory };
    let violation = Box::new(Violation::new(facts));
    drop(inside);
    hand_over(violation)
}

fn hand_over(violation: Box<Violation>) -> Result<(), Stop> {
    if violation.severity() == Severity::Deny && scopes::catching() {
        report::record(&violation);
        return Err(Stop(violation));
    }
    match report::deliver(&violation) {
        Outcome::GoOn => Ok(()),
        Outcome::Stop => Err(Stop(violation)),
    }
}

/// What is known of a breach when it is delivered.
pub(crate) struct Told<'a> {
    /// Which parameter; `None` for the result.
    pub(crate) parameter: Option<usize>,
    pub(crate) finding: Finding,
    /// The argument, and the bytes that C may touch.
    pub(crate) about: (&'a Argument, usize),
    pub(crate) memory: Option<Memory>,
    /// The thread that called.
    pub(crate) thread: u32,
    pub(crate) thread_name: Option<String>,
    /// Other calls that lent the same memory since it was last seen clean.
    pub(crate) also: Vec<&'static Location<'static>>,
}
