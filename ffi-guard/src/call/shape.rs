//! Contents of the memory that a pointer leads to, as its type tells.

use std::ffi::c_void;
use std::mem::{MaybeUninit, size_of};

use super::classify::ThinPointers;
use super::validity::{PointerValue, Validity};

/// Where a type holds pointers.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Nowhere: [`Plain`].
    Plain,
    /// Unknown, with an unknown extent (`c_void`, an opaque struct of size zero): it runs to the
    /// end of the heap block, and every aligned word is inspected.
    Untyped,
    /// Not inspected: C fills it in (`MaybeUninit`), or never looks at it (a field under `opaque`).
    Out,
    /// Unknown: every aligned word is inspected.
    Words,
    /// In these fields only.
    Fields(&'static [Field]),
    /// An array: the element's shape, `count` times, `stride` bytes apart.
    Array {
        /// Shape of one element.
        element: &'static Shape,
        /// Bytes from one element to the next.
        stride: usize,
        /// Number of elements.
        count: usize,
    },
}

impl Shape {
    /// This shape for a type with an alignment: no pointer fits a type that is aligned to less than
    /// one. (A packed struct without a derive is looked over.)
    #[must_use]
    pub const fn of_aligned(self, align: usize) -> Shape {
        match self {
            Shape::Words if align < align_of::<usize>() => Shape::Plain,
            shape => shape,
        }
    }
}

/// A field of a struct or union that derives [`Pointee`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name as written; the position in a tuple struct.
    pub name: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Bytes of the field.
    pub size: usize,
    /// Shape of the field's type.
    pub shape: &'static Shape,
}

/// A type that holds no pointer: C may be handed any number of them.
///
/// Implemented for the primitive types, arrays of plain types and function pointers;
/// `#[derive(Plain)]` does the same for a struct, union or enum after checking every field.
///
/// ```
/// #[derive(ffi_guard::Plain)]
/// #[repr(C)]
/// struct Point { x: i32, y: i32 }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to hold no pointer",
    label = "this holds a pointer, or nobody derived `Plain` for it",
    note = "a struct that holds pointers derives `ffi_guard::Pointee` instead"
)]
pub trait Plain {
    /// True if Rust writes each whole word of a value: there is no union, no data of a variant and
    /// no padding of a word or more in it.
    const DENSE: bool = false;
    /// The bytes that are values of it, as far as that is known.
    #[doc(hidden)]
    const VALUE: Validity = Validity::Any;
}

/// A type whose pointers are known by place.
///
/// `#[derive(Pointee)]` records the offset of each field that can hold a pointer, so that an
/// integer that happens to equal an address is never taken for one, and a report can name the
/// field.
///
/// ```
/// #[derive(ffi_guard::Pointee)]
/// #[repr(C)]
/// struct Complex { x: *mut i32, y: *mut i32, n: usize }
/// ```
#[diagnostic::on_unimplemented(
    message = "nobody said where `{Self}` holds pointers",
    note = "add `#[derive(ffi_guard::Pointee)]`, or `#[derive(ffi_guard::Plain)]` where it holds none"
)]
pub trait Pointee {
    /// Places of the pointers.
    const SHAPE: Shape;
    /// True if nothing in it can change through a `&`: no field has an `UnsafeCell`. C may not
    /// write through a `*const` to such a type.
    const FROZEN: bool = false;
    /// True if Rust writes each whole word of a value: there is no union, no `MaybeUninit` and no
    /// padding of a word or more in it.
    const DENSE: bool = false;
    /// The bytes that are values of it, as far as that is known.
    #[doc(hidden)]
    const VALUE: Validity = Validity::Any;
}

/// Declares types plain whose values have no bytes that Rust leaves unwritten.
macro_rules! plain {
    ($value:expr => $($ty:ty)*) => { $(impl Plain for $ty { const DENSE: bool = true; const VALUE: Validity = $value; })* };
}
plain!(Validity::Any => u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);
impl Plain for () {
    const DENSE: bool = true;
}
plain!(Validity::Bool => bool);
plain!(Validity::Char => char);
plain!(Validity::NonZero(1) => std::num::NonZeroU8 std::num::NonZeroI8);
plain!(Validity::NonZero(2) => std::num::NonZeroU16 std::num::NonZeroI16);
plain!(Validity::NonZero(4) => std::num::NonZeroU32 std::num::NonZeroI32);
plain!(Validity::NonZero(8) => std::num::NonZeroU64 std::num::NonZeroI64);
plain!(Validity::NonZero(size_of::<usize>()) => std::num::NonZeroUsize std::num::NonZeroIsize);

impl<T: Plain, const N: usize> Plain for [T; N] {
    const DENSE: bool = T::DENSE;
    const VALUE: Validity = Validity::of_array(&T::VALUE, size_of::<T>(), N);
}
impl<T> Plain for std::marker::PhantomData<T> {
    const DENSE: bool = true;
}

macro_rules! plain_functions {
    ($($arg:ident)*) => {
        impl<R, $($arg,)*> Plain for extern "C" fn($($arg,)*) -> R {
            const DENSE: bool = true;
            const VALUE: Validity = Validity::Pointer(PointerValue::Function, 1);
        }
        impl<R, $($arg,)*> Plain for unsafe extern "C" fn($($arg,)*) -> R {
            const DENSE: bool = true;
            const VALUE: Validity = Validity::Pointer(PointerValue::Function, 1);
        }
        impl<R, $($arg,)*> Plain for Option<extern "C" fn($($arg,)*) -> R> { const DENSE: bool = true; }
        impl<R, $($arg,)*> Plain for Option<unsafe extern "C" fn($($arg,)*) -> R> { const DENSE: bool = true; }
    };
}
plain_functions!();
plain_functions!(A);
plain_functions!(A B);
plain_functions!(A B C);
plain_functions!(A B C D);
plain_functions!(A B C D E);
plain_functions!(A B C D E F);
plain_functions!(A B C D E F G);
plain_functions!(A B C D E F G H);

impl Pointee for c_void {
    const SHAPE: Shape = Shape::Untyped;
    // A stated extent is in bytes.
    const FROZEN: bool = true;
}

impl<T> Pointee for MaybeUninit<T> {
    const SHAPE: Shape = Shape::Out;
}

impl<T: Pointee, const N: usize> Pointee for [T; N] {
    const SHAPE: Shape = Shape::Array { element: &T::SHAPE, stride: size_of::<T>(), count: N };
    const FROZEN: bool = T::FROZEN;
    const DENSE: bool = T::DENSE;
    const VALUE: Validity = Validity::of_array(&T::VALUE, size_of::<T>(), N);
}

/// Kind of a type's values, if it decides something: found by traits
/// ([`classify`](super::classify)), never by the type's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// None of the others, as far as can be told.
    Other,
    /// One thin pointer, or an `Option` of one.
    Pointer,
    /// An array of thin pointers.
    Pointers,
    /// A function pointer of any ABI, or an `Option` of one.
    Function,
    /// A type whose values depend on their address: a lock, an atomic, a cell.
    Lock,
}

/// A type as the checks see it.
#[derive(Clone, Copy, Debug)]
pub struct TypeInfo {
    /// `size_of`, in bytes.
    pub size: usize,
    /// `align_of`, in bytes.
    pub align: usize,
    /// Places of its pointers.
    pub shape: Shape,
    /// True if nothing in it can change through a `&`, as far as the type tells.
    pub frozen: bool,
    /// True if Rust writes each whole word of a value, as far as the type tells.
    pub dense: bool,
    /// Kind of its values.
    pub role: Role,
    /// The bytes that are values of it, as far as the type tells.
    pub value: Validity,
    /// `type_name`, called only when a report is printed.
    pub name: fn() -> &'static str,
}

impl TypeInfo {
    /// True for a type of size zero, as Rust and bindgen write an opaque struct of C's.
    #[inline(always)]
    pub(crate) const fn is_without_fields(&self) -> bool {
        self.size == 0 && matches!(self.shape, Shape::Untyped)
    }
}

/// Finds the shape of a plain field in `#[derive(Pointee)]`, by inherent-before-trait lookup of an
/// associated constant.
#[derive(Debug)]
pub struct PlainProbe<T: ?Sized>(std::marker::PhantomData<T>);
/// Finds the shape of a field whose type derives [`Pointee`], by inherent-before-trait lookup.
#[derive(Debug)]
pub struct PointeeProbe<T: ?Sized>(std::marker::PhantomData<T>);

/// Finds the shape of a field that is an array of thin pointers, by the same kind of lookup.
#[derive(Debug)]
pub struct PointersProbe<T: ?Sized>(std::marker::PhantomData<T>);

/// Finds if a field is a thin pointer, or an array of them, by the same kind of lookup.
#[derive(Debug)]
pub struct ThinProbe<T: ?Sized>(std::marker::PhantomData<T>);

/// Finds if a field's type is `Copy`, so that no `UnsafeCell` is in it, by the same kind of lookup.
#[derive(Debug)]
pub struct CopyProbe<T: ?Sized>(std::marker::PhantomData<T>);

/// Fallback for a type that no probe knows.
pub trait NoShape {
    /// Not known.
    const SHAPE: Option<Shape> = None;
    /// Not known to be frozen.
    const FROZEN: bool = false;
    /// Not known to be dense.
    const DENSE: bool = false;
    /// Not known.
    const VALUE: Option<Validity> = None;
}
impl<T: ?Sized> NoShape for CopyProbe<T> {}
impl<T: ?Sized> NoShape for ThinProbe<T> {}
impl<T: ?Sized> NoShape for PlainProbe<T> {}
impl<T: ?Sized> NoShape for PointeeProbe<T> {}
impl<T: ?Sized> NoShape for PointersProbe<T> {}

impl<T: Plain> PlainProbe<T> {
    /// Plain.
    pub const SHAPE: Option<Shape> = Some(Shape::Plain);
    /// A plain type has no `UnsafeCell`.
    pub const FROZEN: bool = true;
    /// True if the type says that it is dense.
    pub const DENSE: bool = T::DENSE;
    /// The values that the type tells.
    pub const VALUE: Option<Validity> = Some(T::VALUE);
}
impl<T: Pointee> PointeeProbe<T> {
    /// Shape that the derive found.
    pub const SHAPE: Option<Shape> = Some(T::SHAPE);
    /// True if the derive found it frozen.
    pub const FROZEN: bool = T::FROZEN;
    /// True if the derive found it dense.
    pub const DENSE: bool = T::DENSE;
    /// The values that the derive found.
    pub const VALUE: Option<Validity> = Some(T::VALUE);
}
impl<T: ThinPointers> ThinProbe<T> {
    /// Addresses from the first byte to the last.
    pub const DENSE: bool = true;
    /// The values of the pointer.
    pub const VALUE: Option<Validity> = Some(T::VALUE);
}
impl<T: ThinPointers, const N: usize> PointersProbe<[T; N]> {
    /// Each element on its own.
    pub const SHAPE: Option<Shape> = Some(Shape::Array {
        element: &Shape::Words,
        stride: size_of::<usize>(),
        count: size_of::<[T; N]>() / size_of::<usize>(),
    });
}
impl<T: Copy> CopyProbe<T> {
    /// No `UnsafeCell` is `Copy`.
    pub const FROZEN: bool = true;
}

/// The first known of three shapes; word by word if none is known.
#[must_use]
pub const fn first_known(plain: Option<Shape>, pointee: Option<Shape>, pointers: Option<Shape>) -> Shape {
    match (plain, pointee, pointers) {
        (Some(shape), _, _) | (None, Some(shape), _) | (None, None, Some(shape)) => shape,
        (None, None, None) => Shape::Words,
    }
}

/// Shape of a type, as a constant: for derives.
#[doc(hidden)]
#[macro_export]
macro_rules! __shape_of {
    ($ty:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NoShape as _;
        $crate::__private::first_known(
            $crate::__private::PlainProbe::<$ty>::SHAPE,
            $crate::__private::PointeeProbe::<$ty>::SHAPE,
            $crate::__private::PointersProbe::<$ty>::SHAPE,
        )
        .of_aligned(::core::mem::align_of::<$ty>())
    }};
}

/// True if a type is frozen, as a constant: for derives.
#[doc(hidden)]
#[macro_export]
macro_rules! __frozen {
    ($ty:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NoShape as _;
        $crate::__private::PlainProbe::<$ty>::FROZEN
            || $crate::__private::PointeeProbe::<$ty>::FROZEN
            || $crate::__private::CopyProbe::<$ty>::FROZEN
    }};
}

/// The bytes that are values of a type, as a constant: for derives.
#[doc(hidden)]
#[macro_export]
macro_rules! __value_of {
    ($ty:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NoShape as _;
        $crate::__private::Validity::first(&[
            $crate::__private::PlainProbe::<$ty>::VALUE,
            $crate::__private::PointeeProbe::<$ty>::VALUE,
            $crate::__private::ThinProbe::<$ty>::VALUE,
        ])
    }};
}

/// True if a type is dense, as a constant: for derives.
#[doc(hidden)]
#[macro_export]
macro_rules! __dense {
    ($ty:ty) => {{
        #[allow(unused_imports)]
        use $crate::__private::NoShape as _;
        $crate::__private::PlainProbe::<$ty>::DENSE
            || $crate::__private::PointeeProbe::<$ty>::DENSE
            || $crate::__private::ThinProbe::<$ty>::DENSE
    }};
}

/// True if a struct of dense fields is dense: the bytes between fields of types that are aligned to
/// a word at most are fewer than a word, all in one place. `fields`: the sizes of all of them.
#[must_use]
pub const fn has_no_gap(size: usize, align: usize, fields: &[usize]) -> bool {
    let (mut sum, mut i) = (0, 0);
    while i < fields.len() {
        sum += fields[i];
        i += 1;
    }
    align <= size_of::<u64>() || sum == size
}
