//! What came of each comparison, for `cargo ffi-guard abi`.

use std::panic::Location;

use super::beside::Beside;
use super::check::{self, NotCompared, Outcome};
use super::list::{self, GuardedFunction};
use super::summary;
use crate::call::site::Site;
use crate::call::thread;
use crate::config;
use crate::facts::Violation;

/// A declaration, and what came of its comparison.
pub(crate) struct Compared {
    pub(crate) function: GuardedFunction,
    /// The file that defines it, as far as that is known.
    pub(crate) library: Option<String>,
    pub(crate) result: ComparedResult,
}

/// What came of a comparison, as it is told.
pub(crate) enum ComparedResult {
    /// What crosses is the same on both sides.
    Same {
        /// The number of integers that are signed on one side only.
        other_sign: usize,
    },
    /// The violation; `None` if it is allowed.
    Differs(Option<Violation>),
    NotCompared(NotCompared),
}

/// Compares all declarations of foreign functions, also with what is `beside` the program, and the
/// functions that Rust exports with what headers declare there.
pub(crate) fn compare_each(beside: &Beside, location: &'static Location<'static>) -> Vec<Compared> {
    let is_meant = |function: &GuardedFunction| !function.is_callback() || function.is_export();
    let checked = list::functions()
        .into_iter()
        .filter(is_meant)
        .filter(|guarded| config::settings().checks_crate(guarded.crate_name()));
    let compared = checked.map(|guarded| {
        let function = guarded.function();
        let (outcome, library) = thread::with_room(|| check::compare_beside(function, true, beside));
        let result = match outcome {
            Outcome::Same { other_sign } => ComparedResult::Same { other_sign },
            Outcome::NotCompared(reason) => ComparedResult::NotCompared(reason),
            Outcome::Differs(mismatch) => {
                ComparedResult::Differs(summary::of_mismatch(&Site { function, location }, mismatch))
            }
        };
        Compared { function: guarded, library, result }
    });
    compared.collect()
}
