//! Site of a guarded call: its function, and the place in the program that makes it.

use std::panic::Location;

use super::declaration::Function;
use crate::config;
use crate::rule::{Rule, Severities, Severity};

/// A guarded call, as the reports name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) function: &'static Function,
    pub(crate) location: &'static Location<'static>,
}

impl Site {
    /// Severity of a rule for a parameter of this call (`None` for its result): the parameter's
    /// setting overrides the function's, which overrides the environment's.
    #[inline]
    pub(crate) fn severity(&self, rule: Rule, parameter: Option<usize>) -> Severity {
        self.severity_or(rule, parameter, rule.severity())
    }

    /// Severity of a finding that can have another default than its rule.
    pub(crate) fn severity_or(&self, rule: Rule, parameter: Option<usize>, default: Severity) -> Severity {
        let declaration = self.function.declaration;
        let parameter = parameter.and_then(|index| declaration.parameters.get(index));
        let own = parameter.map_or(Severities::NONE, |parameter| parameter.severities);
        config::settings().severity(own.over(declaration.severities), rule, default)
    }
}
