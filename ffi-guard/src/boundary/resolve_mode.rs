//! The first crossing of a function: its check mode is resolved.

use std::panic::Location;

use super::{log, snapshot, thread_affinity};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{CheckMode, Function, LAST_MARK};
use crate::call::site::Site;
use crate::config;
use crate::platform::fault;
use crate::retention::lent_by;
use crate::rule::{Rule, Severity};

/// True if no rule is checked: neither elsewhere nor for this function, so that what it lends is of
/// no use to any report.
fn allows_all(site: &Site) -> bool {
    let parameters = 0..site.function.declaration.parameters.len();
    let is_allowed = |severity: Severity| severity == Severity::Allow;
    Rule::ALL.iter().all(|&rule| {
        is_allowed(config::settings().severity_of(rule))
            && parameters.clone().map(Some).chain([None]).all(|index| is_allowed(site.severity(rule, index)))
    })
}

/// Resolves what the settings, the declaration and the types of the arguments ask for at each call
/// of the function.
#[cold]
pub(super) fn resolve_mode(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
) -> CheckMode {
    if lent_by::is_on() {
        // Some blocks have pages of their own. C is about to be called, so the handler that reports
        // faults in them is installed by now, whoever started the process.
        fault::install();
    }
    let settings = config::settings();
    let declaration = function.declaration;
    let asks = || declaration.parameters.iter().any(|parameter| parameter.contract.is_copied());
    let leads = |argument: &Argument| matches!(argument.passing, Passing::Const | Passing::Mut);
    let copies = !declaration.callback && arguments.iter().any(leads) && (settings.copy || asks());
    let standing = if !settings.checks_crate(function.krate()) {
        CheckMode::LeftOut
    } else if settings.traces(function.declaration.name) {
        log::entry(function, arguments, location);
        CheckMode::Traced
    } else if copies {
        CheckMode::Copies
    } else if !settings.stats && allows_all(&Site { function, location }) {
        CheckMode::LeftOut
    } else {
        CheckMode::Checked
    };
    let site = Site { function, location };
    let parameters = function.declaration.parameters;
    let lets_keep = parameters.iter().any(|it| it.contract.is_retained() || it.contract.is_owned());
    let is_allowed = |index: &usize| site.severity(Rule::RetainedPointer, Some(*index)) == Severity::Allow;
    let allows = (0..parameters.len()).filter(is_allowed).fold(0, |all, index| all | 1_u32 << index.min(LAST_MARK));
    let compares = if declaration.callback { 0 } else { snapshot::compared(&site, arguments) };
    function.settle_copies(copies);
    function.settle(standing, (lets_keep, allows), thread_affinity::binds(declaration), compares);
    standing
}
