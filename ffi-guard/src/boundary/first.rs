//! The first crossing of a function.

use std::panic::Location;

use super::argument::{Argument, Passing};
use super::breach::Site;
use super::declaration::{Function, LAST_MARK, Standing};
use super::{log, snapshot, thread_affinity};
use crate::config;
use crate::paged;
use crate::rule::{Rule, Severity};

/// Finds out what the settings make of the function, and what its declaration and the types of its arguments ask for at each call.
#[cold]
pub(super) fn settle(
    function: &'static Function,
    arguments: &[Argument],
    location: &'static Location<'static>,
) -> Standing {
    paged::watch();
    let settings = config::settings();
    let declaration = function.declaration;
    let asks = || declaration.parameters.iter().any(|parameter| parameter.contract.is_copied());
    let leads = |argument: &Argument| matches!(argument.passing, Passing::Const | Passing::Mut);
    let copies = !declaration.callback && arguments.iter().any(leads) && (settings.copy || asks());
    let standing = if !settings.checks_crate(function.krate()) {
        Standing::LeftOut
    } else if settings.traces(function.declaration.name) {
        log::entry(function, arguments, location);
        Standing::Traced
    } else if copies {
        Standing::Copies
    } else {
        Standing::Checked
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
