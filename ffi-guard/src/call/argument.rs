//! An argument of a call, as the checks see it.

use super::count::{Count, IntoCount};
use super::shape::{Role, Shape, TypeInfo};
use super::validity::{PointerValue, Validity};

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
    /// What its type says of its address, if it is a pointer.
    pub(crate) pointer: PointerValue,
    /// True if it may be no value of its type, or if the declaration promises something of it.
    pub(crate) asks: bool,
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
    /// No extent: the number that is passed, which is negative or more than the most that is
    /// declared.
    Over(Over),
    /// Not known: it is read through a pointer that cannot be read through.
    Unread(Unread),
}

/// A number that is not what is declared of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The number, as far as 64 bits hold it.
    pub(crate) number: i64,
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
        Argument {
            address,
            info,
            passing,
            boxed: false,
            pointer: PointerValue::Any,
            asks: !info.value.is_any() && matches!(passing, Passing::Scalar | Passing::Value),
            stated: Stated::No,
        }
    }

    /// Sets whether it is a `Box`.
    #[inline(always)]
    #[must_use]
    pub(crate) fn boxed(self, boxed: bool) -> Argument {
        Argument { boxed, ..self }
    }

    /// Sets what its type says of its address.
    #[inline(always)]
    #[must_use]
    pub(crate) fn pointer(self, pointer: PointerValue) -> Argument {
        Argument { pointer, asks: self.asks || !matches!(pointer, PointerValue::Any), ..self }
    }

    /// Says that the declaration promises something of it.
    #[inline(always)]
    #[must_use]
    pub fn promised(self) -> Argument {
        Argument { asks: true, ..self }
    }

    /// True if it is plainly a value of its type; false if that is to be looked at closely.
    ///
    /// # Safety
    /// - If it is passed by value, its bytes are at its address.
    #[inline(always)]
    pub(crate) unsafe fn is_plainly_a_value(&self) -> bool {
        match self.passing {
            // SAFETY: the caller promises the bytes.
            Passing::Scalar | Passing::Value => unsafe { self.info.value.is_plainly_at(self.address) },
            Passing::Const | Passing::Mut => self.pointer.has(self.address, self.info.align),
        }
    }

    /// The argument itself.
    ///
    /// # Safety
    /// - It is an argument of this type, and where it is passed by value it is still there.
    #[must_use]
    pub unsafe fn value<T: Copy>(&self) -> T {
        match self.passing {
            // SAFETY: the caller promises a value of the type.
            Passing::Scalar | Passing::Value => unsafe {
                std::ptr::with_exposed_provenance::<T>(self.address).read_unaligned()
            },
            Passing::Const | Passing::Mut => {
                let pointer = std::ptr::with_exposed_provenance_mut::<()>(self.address);
                assert!(size_of::<T>() == size_of::<usize>(), "what `classify` calls a pointer is a thin one");
                // SAFETY: the caller promises a value of the type, which is one thin pointer, or an
                // `Option` of one, in which null is `None`.
                unsafe { std::mem::transmute_copy::<*mut (), T>(&pointer) }
            }
        }
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

    /// States the most that a number may be. `number`: the number.
    #[must_use]
    pub fn at_most(self, number: impl IntoCount, most: impl IntoCount) -> Stated {
        match (number.into_count(), most.into_count()) {
            (Count::Fits(number), Count::Fits(most)) if number <= most => self,
            (Count::Fits(_), Count::TooLarge(_)) => self,
            (Count::Fits(number), _) => Stated::Over(Over { number: i64::try_from(number).unwrap_or(i64::MAX) }),
            (Count::Negative(number), _) => Stated::Over(Over { number }),
            (Count::TooLarge(number), Count::TooLarge(most)) if number <= most => self,
            (Count::TooLarge(_), _) => Stated::Over(Over { number: i64::MAX }),
        }
    }

    /// True if nothing is known but the type.
    #[inline(always)]
    pub(crate) fn is_unknown(self) -> bool {
        matches!(self, Stated::No | Stated::Unread(_) | Stated::Over(_))
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
    value: Validity::Any,
    name: || "what a field points to",
};
