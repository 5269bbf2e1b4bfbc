//! All declarations at once, beside what C defines and beside each other.

use std::fmt;
use std::panic::Location;

use super::check::{self, NotCompared, Outcome};
use super::clash;
use super::list;
use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::facts::{AbiMismatch, Call, Difference, Facts, Finding, Violation};
use crate::rule::Severity;

/// What [`check_declarations`] found.
#[derive(Debug, Default)]
#[must_use = "it says which declarations differ from C's"]
pub struct Declarations {
    compared: usize,
    other_sign: usize,
    not_compared: Vec<(&'static str, NotCompared)>,
    violations: Vec<Violation>,
}

/// Compares every declaration of a foreign function under the guard, called or not, with what the
/// debug information of the program and of its libraries says that C defines, and with the other
/// declarations of the same symbol.
///
/// Nothing is reported: the result has the reports, and which declarations could not be compared.
///
/// ```
/// let declarations = ffi_guard::check_declarations();
/// assert!(declarations.violations().is_empty(), "{declarations}");
/// ```
#[track_caller]
pub fn check_declarations() -> Declarations {
    let location = Location::caller();
    let mut declarations = Declarations::default();
    let mut clashing: Vec<(&Function, &Function)> = Vec::new();
    for guarded in list::functions().iter().filter(|guarded| !guarded.is_callback()) {
        let function = guarded.function();
        if !config::settings().checks_crate(function.krate()) {
            continue;
        }
        let site = Site { function, location };
        let (outcome, clash) = thread::with_room(|| {
            let outcome = check::compare(function, true);
            let clash = clash::clash(function, &outcome);
            (outcome, clash)
        });
        match outcome {
            Outcome::Same { other_sign } => {
                declarations.compared += 1;
                declarations.other_sign += other_sign;
            }
            Outcome::NotCompared(reason) => declarations.not_compared.push((guarded.name(), reason)),
            Outcome::Differs(mismatch) => {
                declarations.compared += 1;
                declarations.violations.extend(of_mismatch(&site, mismatch));
            }
        }
        if let Some(clash) = clash {
            // Each pair is told once.
            let is_new =
                !clashing.iter().any(|&(one, other)| std::ptr::eq(one, clash.other) && std::ptr::eq(other, function));
            clashing.push((function, clash.other));
            if is_new {
                let parameter = first_parameter(&clash.differences);
                declarations.violations.extend(violation(&site, parameter, Finding::ClashingDeclaration(clash)));
            }
        }
    }
    declarations
}

/// The violation of a declaration that differs from C's. `None` if it may.
pub(super) fn of_mismatch(site: &Site, mismatch: Box<AbiMismatch>) -> Option<Violation> {
    violation(site, first_parameter(&mismatch.differences), Finding::AbiMismatch(mismatch))
}

/// The first parameter that differs; `None` if it is the result or the whole.
fn first_parameter(differences: &[Difference]) -> Option<usize> {
    differences.first().and_then(|difference| difference.part.parameter())
}

/// The violation of a declaration. `None` if it is allowed.
fn violation(site: &Site, parameter: Option<usize>, finding: Finding) -> Option<Violation> {
    let severity = site.severity_or(finding.rule(), parameter, finding.default_severity());
    if severity == Severity::Allow {
        return None;
    }
    let Site { function, location } = *site;
    let call = Call { function, parameter, site: location, thread: thread::id(), thread_name: None };
    Some(Violation::new(Facts {
        finding,
        severity,
        call: Some(call),
        lent_by: None,
        also: Vec::new(),
        argument: None,
        memory: None,
        c_allocated: None,
    }))
}

impl Declarations {
    /// The number of declarations that were compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// The declarations that were not compared, and why.
    #[must_use]
    pub fn not_compared(&self) -> &[(&'static str, NotCompared)] {
        &self.not_compared
    }

    /// The declarations that differ from C's or from each other, unless they are allowed to.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The number of integers that are signed on one side only. They are passed alike, so none of
    /// them is a violation.
    #[must_use]
    pub fn other_sign(&self) -> usize {
        self.other_sign
    }
}

impl fmt::Display for Declarations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        let count = self.violations.len();
        write!(f, "ffi-guard: {} declarations compared with C's, {count} differ", self.compared)?;
        let mut reasons: Vec<NotCompared> = self.not_compared.iter().map(|(_, reason)| *reason).collect();
        reasons.sort_unstable();
        for group in reasons.chunk_by(|one, other| one == other) {
            write!(f, "\n  {} not compared: {}", group.len(), group.first().map_or("", |reason| reason.as_str()))?;
        }
        Ok(())
    }
}
