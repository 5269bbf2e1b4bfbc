//! Loan of one argument of a call.

use super::argument::{Argument, FOUND};
use super::shape::TypeInfo;

/// A loan of memory by an argument, or by a pointer found in an argument's target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    /// Start of the lent memory.
    pub(crate) address: usize,
    /// Type of what lies there.
    pub(crate) info: &'static TypeInfo,
    /// Index of the parameter.
    pub(crate) parameter: usize,
    /// Bytes that C may touch from there.
    pub(crate) extent: usize,
}

impl Loan {
    /// Loan of this argument. `extent`: bytes that C may touch.
    #[inline(always)]
    pub(crate) fn of(argument: &Argument, parameter: usize, extent: usize) -> Loan {
        Loan { address: argument.address, info: argument.info, parameter, extent }
    }

    /// True for a pointer that was found in an argument's target.
    pub(crate) fn is_found(&self) -> bool {
        std::ptr::eq(self.info, &raw const FOUND)
    }
}
