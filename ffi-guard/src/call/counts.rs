//! What a declaration says of the count that comes with a result, or of the number that the result
//! is: functions that the attribute writes, and that are asked when C has returned.

use super::argument::{Argument, Stated};
use super::count::Count;
use super::declaration::Function;

/// Asks the arguments of a call how many elements or bytes its result leads to.
pub(crate) type AskCount = unsafe fn(&[Argument]) -> Stated;

/// Asks for the result at an address, and for the most that it may be.
pub(crate) type AskMost = unsafe fn(*const (), &[Argument]) -> (Count, Count);

/// What is said of a count and of a number, each with its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// How many elements or bytes the result leads to.
    pub(crate) counted: Option<(AskCount, &'static str)>,
    /// The most that the result may be.
    pub(crate) most: Option<(AskMost, &'static str)>,
}

impl Counts {
    /// Nothing is said.
    pub(crate) const NONE: Counts = Counts { counted: None, most: None };

    /// True if something is said.
    pub(crate) fn are_any(&self) -> bool {
        self.counted.is_some() || self.most.is_some()
    }
}

impl Function {
    /// Adds `returns(counted_by = ..)` or `returns(sized_by = ..)`.
    #[must_use]
    pub const fn with_counted(mut self, count: unsafe fn(&[Argument]) -> Stated, text: &'static str) -> Function {
        self.counts.counted = Some((count, text));
        self
    }

    /// Adds `returns(at_most = ..)`.
    #[must_use]
    pub const fn with_most(
        mut self,
        asked: unsafe fn(*const (), &[Argument]) -> (Count, Count),
        text: &'static str,
    ) -> Function {
        self.counts.most = Some((asked, text));
        self
    }

    /// True if its declaration promises something of the result.
    #[inline]
    pub(crate) fn promises(&self) -> bool {
        self.declaration.result.promises() || self.counts.are_any()
    }
}
