//! All declarations at once, beside what C defines.

use std::fmt;
use std::panic::Location;

use super::check::{self, NotCompared, Outcome};
use super::list;
use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::facts::{AbiMismatch, Call, Facts, Finding, Violation};
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

/// Compares every declaration of a foreign function under the guard with what the debug information
/// of the program and of its libraries says that C defines, called or not.
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
    for guarded in list::functions().iter().filter(|guarded| !guarded.is_callback()) {
        let function = guarded.function();
        if !config::settings().checks_crate(function.krate()) {
            continue;
        }
        match thread::with_room(|| check::compare(function, true)) {
            Outcome::Same { other_sign } => {
                declarations.compared += 1;
                declarations.other_sign += other_sign;
            }
            Outcome::NotCompared(reason) => declarations.not_compared.push((guarded.name(), reason)),
            Outcome::Differs(mismatch) => {
                declarations.compared += 1;
                declarations.violations.extend(violation(function, mismatch, location));
            }
        }
    }
    declarations
}

/// The violation of a declaration that differs from C's. `None` if it may.
pub(super) fn violation(
    function: &'static Function,
    mismatch: Box<AbiMismatch>,
    location: &'static Location<'static>,
) -> Option<Violation> {
    let site = Site { function, location };
    let parameter = mismatch.differences.first().and_then(|difference| difference.part.parameter());
    let finding = Finding::AbiMismatch(mismatch);
    let severity = site.severity(finding.rule(), parameter);
    if severity == Severity::Allow {
        return None;
    }
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

    /// The declarations that differ from C's, unless they are allowed to.
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
