//! An argument of a call, as the checks see it.

use super::count::{Count, IntoCount};
use super::shape::{Role, Shape, TypeInfo};

/// An argument on its way to C.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Value of a pointer; of a value passed by value, the address of its bytes, valid until the
    /// call.
    pub(crate) address: usize,
    /// Type of the pointee, or of the value.
    pub(crate) info: &'static TypeInfo,
    /// How to read the address.
    pub(crate) passing: Passing,
    /// True for a `Box`: C gets the block itself, to own.
    pub(crate) boxed: bool,
    /// Extent that the call states.
    pub(crate) stated: Stated,
}

/// How an argument crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Passing {
    /// By value, without a pointer in it: nothing to check.
    Scalar = 0,
    /// By value; its words may be pointers.
    Value = 1,
    /// `*const T`, `&T`.
    Const = 2,
    /// `*mut T`, `&mut T`, `NonNull<T>`, and owning pointers.
    Mut = 3,
}

/// Extent as the call states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// Not stated: the type's size.
    No,
    /// `counted_by`.
    Elements(Count),
    /// `sized_by`.
    Bytes(Count),
    /// A text that ends at its NUL, or after this many bytes.
    Text(usize),
    /// Not known: it is read through a pointer that cannot be read through.
    Unread(Unread),
}

/// Why an extent was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The parameter that the pointer begins at.
    pub(crate) parameter: u32,
    /// Whether the pointer is null; else it is a misaligned or a dangling one.
    pub(crate) null: bool,
}

impl Argument {
    /// Creates an argument of this type.
    #[inline(always)]
    #[must_use]
    pub fn new(address: usize, passing: Passing, info: &'static TypeInfo) -> Argument {
        Argument { address, info, passing, boxed: false, stated: Stated::No }
    }

    /// Sets whether it is a `Box`.
    #[inline(always)]
    #[must_use]
    pub(crate) fn boxed(self, boxed: bool) -> Argument {
        Argument { boxed, ..self }
    }

    /// Creates an argument that holds no pointer.
    #[inline(always)]
    pub(crate) fn scalar() -> Argument {
        Argument::new(0, Passing::Scalar, &FOUND)
    }

    /// Creates an argument for a pointer that was found in an argument's target.
    pub(crate) fn found(word: usize) -> Argument {
        Argument::new(word, Passing::Mut, &FOUND)
    }

    /// Sets the extent that the call states.
    #[inline(always)]
    #[must_use]
    pub fn with(self, stated: Stated) -> Argument {
        Argument { stated, ..self }
    }
}

impl Stated {
    /// States the count of `counted_by`, in elements.
    #[inline(always)]
    #[must_use]
    pub fn counted_by(self, count: impl IntoCount) -> Stated {
        Stated::Elements(count.into_count())
    }

    /// States a text of that many bytes; up to its NUL if the count is negative.
    #[inline(always)]
    #[must_use]
    pub fn text_by(self, count: impl IntoCount) -> Stated {
        match count.into_count() {
            Count::Negative(_) => Stated::Text(usize::MAX),
            count => Stated::Bytes(count),
        }
    }

    /// States a text that ends at its NUL, or after that many bytes; at its NUL if the count is
    /// negative.
    #[inline(always)]
    #[must_use]
    pub fn text_within(self, count: impl IntoCount) -> Stated {
        match count.into_count() {
            Count::Fits(count) => Stated::Text(count),
            Count::Negative(_) | Count::TooLarge(_) => Stated::Text(usize::MAX),
        }
    }

    /// True if nothing is known but the type.
    #[inline(always)]
    pub(crate) fn is_unknown(self) -> bool {
        matches!(self, Stated::No | Stated::Unread(_))
    }

    /// States the count of `sized_by`, in bytes.
    #[inline(always)]
    #[must_use]
    pub fn sized_by(self, count: impl IntoCount) -> Stated {
        Stated::Bytes(count.into_count())
    }
}

/// Type of what a pointer leads to that was found in an argument's target.
pub(super) static FOUND: TypeInfo = TypeInfo {
    size: 0,
    align: 1,
    shape: Shape::Untyped,
    frozen: false,
    dense: false,
    role: Role::Other,
    name: || "what a field points to",
};
