//! One argument of one crossing, as the checks see it.

use super::count::{Count, IntoCount};
use super::shape::{Role, Shape, TypeInfo};

/// One argument on its way to C.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// For a pointer its value; for a value passed by value the place of its bytes, good until the
    /// call.
    pub(crate) address: usize,
    /// The pointee's type, or the value's.
    pub(crate) info: &'static TypeInfo,
    /// How the address is to be read.
    pub(crate) passing: Passing,
    /// It is a `Box`: C gets the block itself, to own.
    pub(crate) boxed: bool,
    /// What the call states of the extent.
    pub(crate) stated: Stated,
}

/// How an argument crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Passing {
    /// By value, and it holds no pointer: nothing to check.
    Scalar = 0,
    /// By value; its words may be pointers.
    Value = 1,
    /// `*const T`, `&T`.
    Const = 2,
    /// `*mut T`, `&mut T`, `NonNull<T>`, and what owns as a pointer.
    Mut = 3,
}

/// The extent as the call states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    /// Not stated: the type's own.
    No,
    /// `counted_by`.
    Elements(Count),
    /// `sized_by`.
    Bytes(Count),
}

impl Argument {
    /// An argument of this type.
    #[inline(always)]
    #[must_use]
    pub fn new(address: usize, passing: Passing, info: &'static TypeInfo) -> Argument {
        Argument { address, info, passing, boxed: false, stated: Stated::No }
    }

    /// Whether it is a `Box`.
    #[inline(always)]
    #[must_use]
    pub(crate) fn boxed(self, boxed: bool) -> Argument {
        Argument { boxed, ..self }
    }

    /// What holds no pointer.
    #[inline(always)]
    pub(crate) fn scalar() -> Argument {
        Argument::new(0, Passing::Scalar, &FOUND)
    }

    /// A pointer that was found in what an argument points to.
    pub(crate) fn found(word: usize) -> Argument {
        Argument::new(word, Passing::Mut, &FOUND)
    }

    /// With what the call states of its extent.
    #[inline(always)]
    #[must_use]
    pub fn with(self, stated: Stated) -> Argument {
        Argument { stated, ..self }
    }
}

impl Stated {
    /// The count of `counted_by`, in elements.
    #[inline(always)]
    #[must_use]
    pub fn counted_by(self, count: impl IntoCount) -> Stated {
        Stated::Elements(count.into_count())
    }

    /// The count of `sized_by`, in bytes.
    #[inline(always)]
    #[must_use]
    pub fn sized_by(self, count: impl IntoCount) -> Stated {
        Stated::Bytes(count.into_count())
    }
}

/// The type behind a pointer that was found in what an argument points to.
pub(super) static FOUND: TypeInfo = TypeInfo {
    size: 0,
    align: 1,
    shape: Shape::Untyped,
    frozen: false,
    role: Role::Other,
    name: || "what a field points to",
};
