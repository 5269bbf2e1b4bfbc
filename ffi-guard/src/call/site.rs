//! Site of a guarded call: its function, and the place in the program that makes it.

use std::panic::Location;

use super::declaration::Function;
use crate::config;
use crate::rule::{Rule, Severities, Severity};

/// A guarded call, as the reports name it.
#[derive(Clone, Copy)]
pub(crate) struct Site {
    pub(crate) function: &'static Function,
    pub(crate) location: &'static Location<'static>,
}

impl Site {
    /// Severity of a rule for a parameter of this call (`None` for its result): the parameter's
    /// setting overrides the function's, which overrides the environment's.
    #[inline]
    pub(crate) fn severity(&self, rule: Rule, parameter: Option<usize>) -> Severity {
        let declaration = self.function.declaration;
        let parameter = parameter.and_then(|index| declaration.parameters.get(index));
        let own = parameter.map_or(Severities::NONE, |parameter| parameter.severities);
        own.over(declaration.severities).over(config::settings().severities).get(rule).unwrap_or(Severity::Deny)
    }
}
