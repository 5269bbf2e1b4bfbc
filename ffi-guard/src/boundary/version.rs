//! The first call of a function whose block says which version of its library it declares.

use std::panic::Location;

use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::version::Verdict;
use crate::config;
use crate::delivery::breach::Stop;
use crate::facts::{Finding, SplitLibrary};
use crate::platform::process::Errno;
use crate::rule::{Rule, Severity};
use crate::scan::{self, Between};

/// Asks what the block says of the library, unless that was done. `Err` if the call must not go on;
/// the next one comes here again then. False if it is being asked: the call is one that the
/// condition makes, or another thread's, and passes as it is.
#[cold]
pub(super) fn ask(function: &'static Function, location: &'static Location<'static>) -> Result<bool, Stop> {
    let Some(version) = function.version else { return Ok(true) };
    let site = Site { function, location };
    let severity = site.severity(Rule::SplitLibrary, None);
    // The condition may not be fit for a signal handler.
    if severity == Severity::Allow
        || !config::settings().checks_crate(function.krate())
        || scan::between(None) == Between::Signal
    {
        return Ok(true);
    }
    let _errno = Errno::keep();
    let seen = match version.ask() {
        Some(Verdict::Fails(seen)) => seen,
        answer => return Ok(answer.is_some()),
    };
    // A warning stands for all functions of the block; what is denied is told at each call.
    if version.was_told() && severity == Severity::Warn {
        return Ok(true);
    }
    let finding = SplitLibrary::Version { text: version.text, seen: seen.clone() };
    site.breach_of_declaration(None, Finding::SplitLibrary(Box::new(finding))).map(|()| true)
}
