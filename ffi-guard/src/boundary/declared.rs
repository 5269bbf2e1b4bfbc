//! A function's first call at level 2: its declaration beside what C defines and beside others of
//! its symbol, and the module that it is bound to. Later calls do not come here.

use std::panic::Location;

use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::declarations::{self, NotCompared, Outcome};
use crate::delivery::breach::Stop;
use crate::facts::{Difference, Finding};
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::rule::{Rule, Severity};
use crate::scan::{self, Between};

/// Compares the declaration of a function that is about to be called. `Err` if the call must not go
/// on; the next one comes here again then.
#[cold]
pub(super) fn compare(function: &'static Function, location: &'static Location<'static>) -> Result<(), Stop> {
    let site = Site { function, location };
    let is_allowed = |rule| {
        let parameters = 0..function.declaration.parameters.len();
        parameters.map(Some).chain([None]).all(|index| site.severity(rule, index) == Severity::Allow)
    };
    let (beside_c, beside_others) = (!is_allowed(Rule::AbiMismatch), !is_allowed(Rule::ClashingDeclaration));
    let beside_modules = !is_allowed(Rule::SplitLibrary);
    if level::level() < Level::Full
        || function.declaration.symbol.is_empty()
        || !config::settings().checks_crate(function.krate())
        || !(beside_c || beside_others || beside_modules)
    {
        return Ok(());
    }
    let _errno = Errno::keep();
    // A small thread has no room for the unwinder either.
    let found = thread::with_room(|| {
        // A signal handler may have interrupted whoever reads a file or has C's heap.
        if scan::between(None) == Between::Signal {
            return None;
        }
        let outcome = match beside_c {
            true => declarations::compare(function, false),
            false => Outcome::NotCompared(NotCompared::NoSymbol),
        };
        // A call of what C's debug information agrees with is right, whatever is declared
        // elsewhere: that is told at its own call.
        let is_cs = matches!(outcome, Outcome::Same { .. });
        let clash = (beside_others && !is_cs).then(|| declarations::clash(function, &outcome)).flatten();
        let split = beside_modules.then(|| declarations::second_copy(function)).flatten();
        Some((outcome, clash, split))
    });
    let Some((outcome, clash, split)) = found else { return Ok(()) };
    let first = |differences: &[Difference]| differences.first().and_then(|difference| difference.part.parameter());
    if let Outcome::Differs(mismatch) = outcome {
        site.breach_of_declaration(first(&mismatch.differences), Finding::AbiMismatch(mismatch))?;
    }
    if let Some(clash) = clash {
        site.breach_of_declaration(first(&clash.differences), Finding::ClashingDeclaration(clash))?;
    }
    match split {
        Some(split) => site.breach_of_declaration(None, Finding::SplitLibrary(Box::new(split))),
        None => Ok(()),
    }
}
