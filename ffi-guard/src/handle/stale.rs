//! A number that came back from C and leads nowhere: told as any violation is.

use std::panic::Location;

use crate::call::declaration::{Contract, Declaration, Function, Parameter};
use crate::call::thread;
use crate::config;
use crate::delivery::breach::{Stop, hand_over};
use crate::delivery::raise::raise;
use crate::facts::{ArgumentFacts, Call, Facts, Finding, StaleReason, Tells, Violation};
use crate::heap::trace::{self, TraceId};
use crate::level::{Level, level};
use crate::platform::process::Errno;
use crate::reentry::{self, Reentry};
use crate::rule::{Rule, Severities, Severity};
use crate::rules;
use crate::scan;

pub(crate) use crate::facts::{Staleness, Through};

/// A function of this crate as the reports tell of the foreign ones.
macro_rules! ours {
    ($name:literal, $parameter:literal) => {
        Function::new(&Declaration {
            parameters: &[Parameter {
                name: $parameter,
                ty: "*mut c_void",
                extent: "",
                contract: Contract::NONE.opaque(),
                stale: &[],
                severities: Severities::NONE,
            }],
            ..Declaration::internal($name)
        })
    };
}

pub(crate) static WITH: Function = ours!("Handle::with", "raw");
static TAKE: Function = ours!("Handle::take", "raw");
pub(crate) static CALLBACK: Function = ours!("Callback", "user");

/// Tells of it, from level 1 on.
///
/// # Panics
/// With the report, where the rule is denied.
#[cold]
#[track_caller]
pub(crate) fn tell(raw: usize, wanted: &'static str, refused: StaleReason, through: Through) -> Staleness {
    let location = Location::caller();
    // Who called a callback, only C's frames tell.
    let called = if through == Through::Callback { trace::capture() } else { TraceId::default() };
    let staleness = rules::stale_handle::check(raw, wanted, refused, through, (thread::id(), called));
    if level() == Level::Off || reentry::inside() {
        return staleness;
    }
    if let Err(stop) = deliver(&staleness, location) {
        raise(stop, true);
    }
    staleness
}

fn deliver(staleness: &Staleness, location: &'static Location<'static>) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let severity = config::settings().severity_of(Rule::StaleHandle);
    if severity == Severity::Allow {
        return Ok(());
    }
    let inside = Reentry::enter();
    // C calls a callback from a place that Rust does not know: the story begins where it was made.
    let (function, site) = match staleness.through {
        Through::With => (&WITH, Some(location)),
        Through::Take => (&TAKE, Some(location)),
        Through::Callback => (&CALLBACK, staleness.life().map(|life| life.made)),
    };
    let call = site.map(|site| Call {
        function,
        parameter: Some(0),
        site,
        thread: thread::id(),
        thread_name: scan::thread_name(),
    });
    let violation = Box::new(Violation::new(Facts {
        finding: Finding::StaleHandle(Box::new(staleness.clone())),
        severity,
        call,
        lent_by: None,
        also: Vec::new(),
        argument: Some(ArgumentFacts {
            address: staleness.raw,
            extent: 0,
            pointee: "core::ffi::c_void",
            tells: Tells::Opaque,
        }),
        memory: None,
        c_allocated: None,
    }));
    drop(inside);
    hand_over(violation)
}
