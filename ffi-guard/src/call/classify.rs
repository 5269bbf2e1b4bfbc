//! Makes an [`Argument`] of a Rust value, by its type alone.
//!
//! Two steps of autoderef-based specialisation, both resolved in the wrapper, where the types are
//! concrete. The first finds out how the value crosses (a pointer of some kind, or by value) and
//! yields its pointee's type; the second finds out what that type holds. They see through every
//! alias, which the attribute cannot: it sees only tokens. The technique is Lukas Kalbertodt's
//! generalisation of David Tolnay's "autoref-based specialization".

use std::marker::PhantomData;
use std::mem::{MaybeUninit, align_of, size_of};
use std::pin::Pin;
use std::ptr::NonNull;

use super::argument::{Argument, Passing};
use super::of_type::{Carried, OfType};
use super::shape::{Plain, Pointee, Role, Shape, TypeInfo};
use super::validity::{PointerValue, Validity};
use crate::platform::locks::Lock;

/// A value on its way to C.
#[derive(Debug)]
pub struct Probe<'a, T>(pub &'a T);

/// Bytes that come from C, and are not known to be a value.
#[derive(Debug)]
pub struct Bytes<'a, T>(pub &'a MaybeUninit<T>);

/// Result of the first step: an address, how it crosses, and the type for the second step.
#[derive(Debug)]
pub struct Carrier<T> {
    address: usize,
    passing: Passing,
    boxed: bool,
    pointer: PointerValue,
    ty: PhantomData<fn() -> T>,
}

impl<T> Carrier<T> {
    #[inline(always)]
    fn new(address: usize, passing: Passing, boxed: bool, pointer: PointerValue) -> Self {
        Carrier { address, passing, boxed, pointer, ty: PhantomData }
    }
}

/// First step, first choice: anything that is one thin pointer.
pub trait ByPointer {
    /// Type of the pointee.
    type Target;
    /// Reads the address.
    fn carrier(&self) -> Carrier<Self::Target>;
}

/// First step for a type without a value, first choice: one thin pointer.
pub trait PointerType {
    /// Type of the pointee.
    type Target;
    /// How the type crosses, and the type that it leads to.
    fn carried(&self) -> Carried<Self::Target>;
}

/// First step for a type without a value, fallback: by value.
pub trait ValueType {
    /// The type itself.
    type Target;
    /// How the type crosses.
    fn carried(&self) -> Carried<Self::Target>;
}

impl<T> ValueType for OfType<T> {
    type Target = T;
    #[inline(always)]
    fn carried(&self) -> Carried<T> {
        Carried::new(Passing::Value, false, PointerValue::Any)
    }
}

macro_rules! by_pointer {
    ($($ty:ty, $passing:ident, $boxed:literal, $pointer:ident, |$value:ident| $address:expr;)*) => { $(
        impl<T> ByPointer for &Probe<'_, $ty> {
            type Target = T;
            #[inline(always)]
            fn carrier(&self) -> Carrier<T> {
                let $value = self.0;
                Carrier::new($address, Passing::$passing, $boxed, PointerValue::$pointer)
            }
        }
        impl<T> ByPointer for &Bytes<'_, $ty> {
            type Target = T;
            #[inline(always)]
            fn carrier(&self) -> Carrier<T> {
                // SAFETY: one thin pointer, or an `Option` of one, in which null is `None`. C wrote
                // it, whatever address it is.
                let address = unsafe { self.0.as_ptr().cast::<usize>().read() };
                Carrier::new(address, Passing::$passing, $boxed, PointerValue::$pointer)
            }
        }
        impl<T> PointerType for &OfType<$ty> {
            type Target = T;
            #[inline(always)]
            fn carried(&self) -> Carried<T> {
                Carried::new(Passing::$passing, $boxed, PointerValue::$pointer)
            }
        }
    )* };
}

by_pointer! {
    *const T, Const, false, Any, |p| (*p).addr();
    *mut T, Mut, false, Any, |p| (*p).addr();
    &T, Const, false, Reference, |p| std::ptr::from_ref::<T>(p).addr();
    &mut T, Mut, false, Reference, |p| std::ptr::from_ref::<T>(p).addr();
    NonNull<T>, Mut, false, NonNull, |p| p.addr().get();
    Box<T>, Mut, true, Box, |p| std::ptr::from_ref::<T>(p).addr();
    Option<&T>, Const, false, Any, |p| p.map_or(0, |p| std::ptr::from_ref(p).addr());
    Option<&mut T>, Mut, false, Any, |p| p.as_ref().map_or(0, |p| std::ptr::from_ref::<T>(p).addr());
    Option<NonNull<T>>, Mut, false, Any, |p| p.map_or(0, |p| p.addr().get());
    Option<Box<T>>, Mut, true, Any, |p| p.as_ref().map_or(0, |p| std::ptr::from_ref::<T>(p).addr());
}

/// First step, fallback: by value.
pub trait ByValue {
    /// Type of the value itself.
    type Target;
    /// Takes the address of its bytes.
    fn carrier(&self) -> Carrier<Self::Target>;
}

impl<T> ByValue for Probe<'_, T> {
    type Target = T;
    #[inline(always)]
    fn carrier(&self) -> Carrier<T> {
        Carrier::new(std::ptr::from_ref(self.0).addr(), Passing::Value, false, PointerValue::Any)
    }
}

impl<T> ByValue for Bytes<'_, T> {
    type Target = T;
    #[inline(always)]
    fn carrier(&self) -> Carrier<T> {
        Carrier::new(self.0.as_ptr().expose_provenance(), Passing::Value, false, PointerValue::Any)
    }
}

/// A function pointer of any ABI and parameters: the `Copy` types that can be printed as a pointer,
/// compared and sent, once [`OfPointers`] has taken the pointers to data.
pub trait FunctionPointer: Copy + std::fmt::Pointer + Ord + std::hash::Hash + Send + Sync {}

impl<F: Copy + std::fmt::Pointer + Ord + std::hash::Hash + Send + Sync> FunctionPointer for F {}

/// Second step: a function pointer.
pub trait OfFunction {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: FunctionPointer> OfFunction for &&&&&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        self.of_function(const { &of_function::<T>() })
    }
}

/// Second step: an `Option` of a function pointer.
pub trait OfOptionalFunction {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: FunctionPointer> OfOptionalFunction for &&&&Carrier<Option<T>> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        self.of_function(const { &of_function::<Option<T>>() })
    }
}

impl<T> Carrier<T> {
    #[inline(always)]
    fn of_function(&self, info: &'static TypeInfo) -> Argument {
        let is_function = info.role == Role::Function;
        let passing = if is_function && self.passing == Passing::Value { Passing::Scalar } else { self.passing };
        Argument::new(self.address, passing, info).boxed(self.boxed).pointer(self.pointer)
    }
}

/// A function pointer, or an `Option` of one; or a type of the program that prints like one.
pub(super) const fn of_function<T: Copy>() -> TypeInfo {
    match size_of::<T>() == size_of::<usize>() {
        true => info::<T>(Shape::Plain, true)
            .dense(true)
            .with_role(Role::Function)
            .with_value(const { is_never_null::<T>() }),
        false => info::<T>(Shape::Words, true),
    }
}

/// The values of a type of a pointer's size: `None` of it is null if null is none of them.
const fn is_never_null<T: Copy>() -> Validity {
    if size_of::<Option<T>>() != size_of::<T>() || size_of::<T>() != size_of::<usize>() {
        return Validity::Any;
    }
    // SAFETY: of the size of a number; the bytes of a `None` that takes no room are all written.
    match unsafe { std::mem::transmute_copy::<Option<T>, usize>(&None) } {
        0 => Validity::Pointer(PointerValue::Function, 1),
        _ => Validity::Any,
    }
}

/// A type that is a thin pointer, or an array of them.
pub trait ThinPointers {
    /// Pointer or array of pointers.
    const ROLE: Role = Role::Pointer;
    /// True if the type is `Copy`, so that there is no `UnsafeCell` in it.
    const COPY: bool = true;
    /// The bytes that are values of it.
    const VALUE: Validity = Validity::Any;
}

impl<T> ThinPointers for *const T {}
impl<T> ThinPointers for *mut T {}
impl<T> ThinPointers for &T {
    const VALUE: Validity = Validity::Pointer(PointerValue::Reference, align_of::<T>());
}
impl<T> ThinPointers for NonNull<T> {
    const VALUE: Validity = Validity::Pointer(PointerValue::NonNull, 1);
}
impl<T> ThinPointers for Option<&T> {}
impl<T> ThinPointers for Option<NonNull<T>> {}
impl<T> ThinPointers for &mut T {
    const COPY: bool = false;
    const VALUE: Validity = Validity::Pointer(PointerValue::Reference, align_of::<T>());
}
impl<T> ThinPointers for Option<&mut T> {
    const COPY: bool = false;
}
impl<T> ThinPointers for Box<T> {
    const COPY: bool = false;
    const VALUE: Validity = Validity::Pointer(PointerValue::Box, align_of::<T>());
}
impl<T> ThinPointers for Option<Box<T>> {
    const COPY: bool = false;
}
impl<P: ThinPointers> ThinPointers for Pin<P> {
    const COPY: bool = P::COPY;
    const VALUE: Validity = P::VALUE;
}
impl<P: ThinPointers, const N: usize> ThinPointers for [P; N] {
    const ROLE: Role = Role::Pointers;
    const COPY: bool = P::COPY;
    const VALUE: Validity = Validity::of_array(&P::VALUE, size_of::<P>(), N);
}

/// Second step, before all others: a thin pointer, or an array of them.
pub trait OfPointers {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: ThinPointers> OfPointers for &&&&&&&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        let info = const { &info::<T>(Shape::Words, T::COPY).dense(true).with_role(T::ROLE).with_value(T::VALUE) };
        Argument::new(self.address, self.passing, info).boxed(self.boxed).pointer(self.pointer)
    }
}

/// Second step, first choice: the type says that it holds no pointer.
pub trait OfPlain {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: Plain> OfPlain for &&&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        let passing = if self.passing == Passing::Value { Passing::Scalar } else { self.passing };
        let info = const { &info::<T>(Shape::Plain, true).dense(T::DENSE).with_value(T::VALUE) };
        Argument::new(self.address, passing, info).boxed(self.boxed).pointer(self.pointer)
    }
}

/// Second step, second choice: the type says where its pointers are.
pub trait OfPointee {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: Pointee> OfPointee for &&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        let info = const { &info::<T>(T::SHAPE, T::FROZEN).dense(T::DENSE).with_value(T::VALUE) };
        Argument::new(self.address, self.passing, info).boxed(self.boxed).pointer(self.pointer)
    }
}

/// Second step, next: a lock, an atomic, a cell.
pub trait OfLock {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: Lock> OfLock for &&&&&&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        let info = const { &info::<T>(Shape::Words, false).with_role(Role::Lock) };
        Argument::new(self.address, self.passing, info).boxed(self.boxed).pointer(self.pointer)
    }
}

/// Second step, third choice: its contents are unknown, but as it is `Copy`, no `UnsafeCell` is in
/// it.
pub trait OfCopy {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T: Copy> OfCopy for &Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        Argument::new(self.address, self.passing, const { &info::<T>(Shape::Words, true) })
            .boxed(self.boxed)
            .pointer(self.pointer)
    }
}

/// Second step, fallback: its contents are unknown.
pub trait OfUnknown {
    /// Makes the argument.
    fn argument(&self) -> Argument;
}

impl<T> OfUnknown for Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        Argument::new(self.address, self.passing, const { &info::<T>(Shape::Words, false) })
            .boxed(self.boxed)
            .pointer(self.pointer)
    }
}

impl TypeInfo {
    pub(super) const fn with_role(self, role: Role) -> TypeInfo {
        TypeInfo { role, ..self }
    }

    pub(super) const fn dense(self, dense: bool) -> TypeInfo {
        TypeInfo { dense, ..self }
    }

    pub(super) const fn with_value(self, value: Validity) -> TypeInfo {
        TypeInfo { value, ..self }
    }
}

pub(super) const fn info<T>(shape: Shape, frozen: bool) -> TypeInfo {
    // Rust and bindgen write an opaque struct as a type of size zero.
    let shape = if size_of::<T>() == 0 { Shape::Untyped } else { shape.of_aligned(align_of::<T>()) };
    let frozen = frozen || size_of::<T>() == 0;
    TypeInfo {
        size: size_of::<T>(),
        align: align_of::<T>(),
        shape,
        frozen,
        dense: false,
        role: Role::Other,
        value: Validity::Any,
        name: std::any::type_name::<T>,
    }
}

/// Classifies an argument, where its type is concrete.
#[doc(hidden)]
#[macro_export]
macro_rules! __argument {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::classify::{
            ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _,
            OfPlain as _, OfPointee as _, OfPointers as _, OfUnknown as _,
        };
        let carrier = (&&$crate::__private::classify::Probe(&$value)).carrier();
        (&&&&&&&&carrier).argument()
    }};
}

/// Classifies bytes that come from C, in a `MaybeUninit` of the type that they are to be.
#[doc(hidden)]
#[macro_export]
macro_rules! __bytes {
    ($bytes:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::classify::{
            ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _,
            OfPlain as _, OfPointee as _, OfPointers as _, OfUnknown as _,
        };
        let carrier = (&&$crate::__private::classify::Bytes(&$bytes)).carrier();
        (&&&&&&&&carrier).argument()
    }};
}

#[cfg(test)]
mod tests {
    use super::super::argument::Passing;
    use super::super::shape::Shape;
    use std::ffi::{c_char, c_int, c_void};
    use std::mem::MaybeUninit;
    use std::ptr::NonNull;

    type Alias = *mut c_void;
    #[repr(C)]
    struct Unknown(*const u8, usize);
    #[repr(C)]
    struct Opaque {
        _private: [u8; 0],
    }

    #[test]
    fn pointers_are_told_from_values_behind_any_alias() {
        let x = 5u32;
        let a = crate::__argument!(&x);
        assert_eq!((a.passing, a.address), (Passing::Const, &raw const x as usize));
        assert!(matches!(a.info.shape, Shape::Plain));
        let void: Alias = (&raw const x).cast_mut().cast();
        let a = crate::__argument!(void);
        assert_eq!((a.passing, a.address), (Passing::Mut, &raw const x as usize));
        assert!(matches!(a.info.shape, Shape::Untyped));
        let a = crate::__argument!(7 as c_int);
        assert_eq!(a.passing, Passing::Scalar);
        let none: Option<NonNull<c_char>> = None;
        assert_eq!(crate::__argument!(none).address, 0);
    }

    #[test]
    fn the_pointee_is_known_by_its_type() {
        let p: *const Unknown = std::ptr::null();
        assert!(matches!(crate::__argument!(p).info.shape, Shape::Words));
        let p: *mut Opaque = std::ptr::null_mut();
        assert!(matches!(crate::__argument!(p).info.shape, Shape::Untyped));
        let p: *mut MaybeUninit<Unknown> = std::ptr::null_mut();
        assert!(matches!(crate::__argument!(p).info.shape, Shape::Out));
        let p: *mut [u8; 16] = std::ptr::null_mut();
        assert!(matches!(crate::__argument!(p).info.shape, Shape::Plain));
        let by_value = Unknown(std::ptr::null(), 3);
        let a = crate::__argument!(by_value);
        assert_eq!((a.passing, a.address), (Passing::Value, &raw const by_value as usize));
        assert!(matches!(a.info.shape, Shape::Words));
    }

    #[test]
    fn what_could_hide_a_cell_is_not_taken_for_frozen() {
        #[derive(Clone, Copy)]
        #[repr(C)]
        struct Copied(*const u8, usize);
        #[derive(ffi_guard::Pointee)]
        #[allow(dead_code)]
        #[repr(C)]
        struct Derived {
            next: *const Derived,
            count: u32,
        }
        #[derive(ffi_guard::Pointee)]
        #[allow(dead_code)]
        #[repr(C)]
        struct Shared {
            next: *const Derived,
            count: std::sync::atomic::AtomicU32,
        }
        let frozen = [
            crate::__argument!(std::ptr::null::<u8>()),
            crate::__argument!(std::ptr::null::<Copied>()),
            crate::__argument!(std::ptr::null::<Derived>()),
            crate::__argument!(std::ptr::null::<c_void>()),
            crate::__argument!(std::ptr::null::<[*const u8; 3]>()),
        ];
        assert!(frozen.iter().all(|argument| argument.info.frozen));
        let not = [
            crate::__argument!(std::ptr::null::<Unknown>()),
            crate::__argument!(std::ptr::null::<Shared>()),
            crate::__argument!(std::ptr::null::<std::cell::Cell<u8>>()),
            crate::__argument!(std::ptr::null::<std::sync::atomic::AtomicU32>()),
            crate::__argument!(std::ptr::null::<std::sync::Mutex<u8>>()),
        ];
        assert!(not.iter().all(|argument| !argument.info.frozen));
    }

    #[test]
    fn function_pointers_hold_no_data_pointer() {
        extern "C" fn callback(_: *mut c_void, _: c_int) -> c_int {
            0
        }
        let f: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int> = Some(callback);
        assert_eq!(crate::__argument!(f).passing, Passing::Scalar);
    }
}
