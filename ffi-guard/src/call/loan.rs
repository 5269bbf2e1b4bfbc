//! What one argument of a call lends.

use super::argument::{Argument, FOUND};
use super::shape::TypeInfo;

/// An argument that lends memory, or a pointer found in what it points to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    /// Where what is lent begins.
    pub(crate) address: usize,
    /// The type of what lies there.
    pub(crate) info: &'static TypeInfo,
    /// Which parameter it is.
    pub(crate) parameter: usize,
    /// Bytes that C may touch from there.
    pub(crate) extent: usize,
}

impl Loan {
    /// What this argument lends. `extent`: bytes that C may touch.
    #[inline(always)]
    pub(crate) fn of(argument: &Argument, parameter: usize, extent: usize) -> Loan {
        Loan { address: argument.address, info: argument.info, parameter, extent }
    }

    /// Whether it is a pointer that was found in what an argument points to.
    pub(crate) fn is_found(&self) -> bool {
        std::ptr::eq(self.info, &raw const FOUND)
    }
}
