//! Where a guarded call stands: its function, and the place in the program that makes it.

use std::panic::Location;

use super::declaration::Function;
use crate::config;
use crate::rule::{Rule, Severities, Severity};

/// A guarded call as the reports tell it.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) function: &'static Function,
    pub(crate) location: &'static Location<'static>,
}

impl Site {
    /// How severe a rule is for a parameter of this call (`None` for its result): the parameter's
    /// word over the function's over the environment's.
    #[inline]
    pub(crate) fn severity(&self, rule: Rule, parameter: Option<usize>) -> Severity {
        let declaration = self.function.declaration;
        let parameter = parameter.and_then(|index| declaration.parameters.get(index));
        let own = parameter.map_or(Severities::NONE, |parameter| parameter.severities);
        own.over(declaration.severities).over(config::settings().severities).get(rule).unwrap_or(Severity::Deny)
    }
}
