//! What a glance at one argument has to find, as far as its type and its attributes tell: a
//! constant where a wrapper asks, and kept with the function ([`Kind`](super::kinds::Kind)) where a
//! debug build does.

use super::argument::Passing;
use super::declaration::Contract;
use super::shape::{Shape, TypeInfo};

/// What must hold of an argument to be plainly in order. Flags, and the alignment above them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs(pub(super) u32);

/// It holds no pointer and is none: nothing to look at.
const SCALAR: u32 = 1 << 0;
/// A glance cannot tell: the rules are asked.
const RULES: u32 = 1 << 1;
/// What it leads to holds no pointer, or is not looked into.
const HOLDS_NOTHING: u32 = 1 << 2;
/// It leads to a text, which ends at its NUL.
const TEXT: u32 = 1 << 3;
/// Null breaks a rule.
const NONNULL: u32 = 1 << 4;
/// The type of what it leads to says nothing of its extent.
const UNTYPED: u32 = 1 << 5;
/// The call states its extent.
const STATED: u32 = 1 << 6;
/// Above this: log2 of what its address must be a multiple of.
const ALIGNED: u32 = 8;
/// Bits that are in use.
pub(super) const BITS: u32 = ALIGNED + 6;

impl Needs {
    /// The needs of an argument of this type and with these attributes.
    ///
    /// Fails closed: an attribute that the declaration of [`Contract`] does not call `inspected`
    /// sends the argument to the rules.
    #[inline(always)]
    pub(crate) fn of(info: &TypeInfo, passing: Passing, contract: Contract) -> Needs {
        let untyped = matches!(info.shape, Shape::Untyped);
        let holds_nothing =
            matches!(info.shape, Shape::Plain | Shape::Out) || contract.is_out() || contract.is_opaque();
        let flag = |is, flag| if is { flag } else { 0 };
        Needs(
            flag(matches!(passing, Passing::Scalar), SCALAR)
                | flag(matches!(passing, Passing::Value) || !contract.is_inspected(), RULES)
                | flag(holds_nothing, HOLDS_NOTHING)
                | flag(contract.is_cstr(), TEXT)
                | flag(contract.is_nonnull(), NONNULL)
                | flag(untyped, UNTYPED)
                | flag(contract.is_stated(), STATED)
                | flag(!untyped && !contract.is_opaque(), info.align.trailing_zeros() << ALIGNED),
        )
    }

    #[inline(always)]
    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// Whether there is nothing to look at.
    #[inline(always)]
    pub(crate) fn is_scalar(self) -> bool {
        self.has(SCALAR)
    }

    /// Whether only the rules can tell.
    #[inline(always)]
    pub(crate) fn is_for_the_rules(self) -> bool {
        self.has(RULES)
    }

    /// Whether nothing of what it leads to can be a pointer.
    #[inline(always)]
    pub(crate) fn holds_nothing(self) -> bool {
        self.has(HOLDS_NOTHING)
    }

    /// Whether it leads to a text.
    #[inline(always)]
    pub(crate) fn is_text(self) -> bool {
        self.has(TEXT)
    }

    /// Whether the type of what it leads to says nothing of its extent.
    #[inline(always)]
    pub(crate) fn is_untyped(self) -> bool {
        self.has(UNTYPED)
    }

    /// Whether this address is neither misaligned nor null where that breaks a rule.
    #[inline(always)]
    pub(crate) fn are_met_by(self, address: usize) -> bool {
        address & ((1 << (self.0 >> ALIGNED)) - 1) == 0 && (address != 0 || !self.has(NONNULL))
    }

    /// Whether an address outside of Rust's memory is in order as soon as
    /// [`are_met_by`](Needs::are_met_by) says so, at every level: nothing is stated that could be
    /// refused, and nothing of C's is read.
    #[inline(always)]
    pub(crate) fn end_outside(self) -> bool {
        !self.has(RULES | STATED) && self.has(HOLDS_NOTHING | UNTYPED)
    }
}
