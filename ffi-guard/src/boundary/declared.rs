//! A function's first call at level 2: its declaration beside what C defines. Later calls do not
//! come here.

use std::panic::Location;

use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::declarations::{self, Outcome};
use crate::delivery::breach::Stop;
use crate::facts::Finding;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::rule::{Rule, Severity};
use crate::scan::{self, Between};

/// Compares the declaration of a function that is about to be called. `Err` if the call must not go
/// on; the next one comes here again then.
#[cold]
pub(super) fn compare(function: &'static Function, location: &'static Location<'static>) -> Result<(), Stop> {
    let site = Site { function, location };
    let parameters = 0..function.declaration.parameters.len();
    let is_allowed =
        || parameters.map(Some).chain([None]).all(|index| site.severity(Rule::AbiMismatch, index) == Severity::Allow);
    if level::level() < Level::Full
        || function.declaration.symbol.is_empty()
        || !config::settings().checks_crate(function.krate())
        || is_allowed()
    {
        return Ok(());
    }
    let _errno = Errno::keep();
    // A small thread has no room for the unwinder either.
    let outcome = thread::with_room(|| {
        // A signal handler may have interrupted whoever reads a file or has C's heap.
        (scan::between(None) != Between::Signal).then(|| declarations::compare(function, false))
    });
    match outcome {
        Some(Outcome::Differs(mismatch)) => {
            let parameter = mismatch.differences.first().and_then(|difference| difference.part.parameter());
            site.breach_of_declaration(parameter, Finding::AbiMismatch(mismatch))
        }
        Some(Outcome::Same { .. } | Outcome::NotCompared(_)) | None => Ok(()),
    }
}
