//! What the inspection of an argument has to check, as far as its type and attributes tell: a
//! constant in an optimised wrapper, and kept with the function ([`Kind`](super::kinds::Kind)) in a
//! debug build.

use super::argument::Passing;
use super::declaration::Contract;
use super::shape::{Shape, TypeInfo};

/// Conditions under which an argument is plainly in order: flags, and the alignment above them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs(pub(super) u32);

/// It is no pointer and holds none: nothing to check.
const SCALAR: u32 = 1 << 0;
/// The inspection cannot tell: the rules are asked.
const RULES: u32 = 1 << 1;
/// Its target holds no pointer, or is not inspected.
const HOLDS_NOTHING: u32 = 1 << 2;
/// It leads to a text, which ends at its NUL.
const TEXT: u32 = 1 << 3;
/// Null breaks a rule.
const NONNULL: u32 = 1 << 4;
/// The type of its target says nothing about its extent.
const UNTYPED: u32 = 1 << 5;
/// The call states its extent.
const STATED: u32 = 1 << 6;
/// C reads what it leads to: Rust must have written it.
const READ: u32 = 1 << 7;
/// Shift of log2 of its alignment, above the flags.
const ALIGNED: u32 = 8;
/// Number of bits that are used.
pub(super) const BITS: u32 = ALIGNED + 6;

/// What an address has to be a multiple of, by the type of its target and by its contract.
#[inline(always)]
const fn alignment(info: &TypeInfo, untyped: bool, contract: Contract) -> usize {
    let asked = contract.alignment();
    if untyped || contract.is_opaque() || info.align < asked { asked } else { info.align }
}

impl Needs {
    /// Needs of an argument of this type and with these attributes.
    ///
    /// Fails closed: an attribute that [`Contract`] does not declare `inspected` sends the argument
    /// to the rules.
    #[inline(always)]
    pub(crate) fn of(info: &TypeInfo, passing: Passing, contract: Contract) -> Needs {
        let untyped = matches!(info.shape, Shape::Untyped);
        let holds_nothing = matches!(info.shape, Shape::Plain | Shape::Out)
            || contract.is_out()
            || contract.is_opaque()
            || contract.is_text();
        let is_read = matches!(passing, Passing::Const)
            && !contract.is_out()
            && !contract.is_opaque()
            && !contract.is_retained()
            && !matches!(info.shape, Shape::Out)
            && (!untyped || contract.is_stated() || contract.is_cstr());
        let flag = |is, flag| if is { flag } else { 0 };
        Needs(
            flag(matches!(passing, Passing::Scalar), SCALAR)
                | flag(matches!(passing, Passing::Value) || !contract.is_inspected(), RULES)
                | flag(holds_nothing, HOLDS_NOTHING)
                | flag(contract.is_cstr(), TEXT)
                | flag(contract.is_nonnull(), NONNULL)
                | flag(untyped, UNTYPED)
                | flag(contract.is_stated(), STATED)
                | flag(is_read, READ)
                | alignment(info, untyped, contract).trailing_zeros() << ALIGNED,
        )
    }

    #[inline(always)]
    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// True if there is nothing to check.
    #[inline(always)]
    pub(crate) fn is_scalar(self) -> bool {
        self.has(SCALAR)
    }

    /// True if only the rules can tell.
    #[inline(always)]
    pub(crate) fn is_for_the_rules(self) -> bool {
        self.has(RULES)
    }

    /// True if nothing in its target can be a pointer.
    #[inline(always)]
    pub(crate) fn holds_nothing(self) -> bool {
        self.has(HOLDS_NOTHING)
    }

    /// True if it leads to a text.
    #[inline(always)]
    pub(crate) fn is_text(self) -> bool {
        self.has(TEXT)
    }

    /// True if C reads what it leads to.
    #[inline(always)]
    pub(crate) fn is_read(self) -> bool {
        self.has(READ)
    }

    /// True if the type of its target says nothing about its extent.
    #[inline(always)]
    pub(crate) fn is_untyped(self) -> bool {
        self.has(UNTYPED)
    }

    /// True if this address is aligned, and not null if null breaks a rule.
    #[inline(always)]
    pub(crate) fn are_met_by(self, address: usize) -> bool {
        address & ((1 << (self.0 >> ALIGNED)) - 1) == 0 && (address != 0 || !self.has(NONNULL))
    }

    /// True if an address outside Rust memory is in order at every level if
    /// [`are_met_by`](Needs::are_met_by) says so: nothing is stated that could be refused, and no C
    /// memory is read.
    #[inline(always)]
    pub(crate) fn end_outside(self) -> bool {
        !self.has(RULES | STATED) && self.has(HOLDS_NOTHING | UNTYPED)
    }
}
