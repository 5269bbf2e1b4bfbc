//! From a Rust value to an [`Argument`], by its type alone.
//!
//! Two steps of autoderef-based specialisation, both resolved where the types are concrete: in the wrapper. The first
//! finds out how the value crosses (a pointer of some kind, or by value) and yields its pointee's type; the second finds
//! out what that type holds. They see through every alias, which the attribute, that sees tokens only, cannot. The
//! technique is Lukas Kalbertodt's generalisation of David Tolnay's "autoref-based specialization".

use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::NonNull;

use super::argument::{Argument, Passing};
use super::shape::{Plain, Pointee, Shape, TypeInfo};

/// A value on its way to C.
#[derive(Debug)]
pub struct Probe<'a, T>(pub &'a T);

/// The first step's answer: an address, how it crosses, and the type to ask about.
#[derive(Debug)]
pub struct Carrier<T> {
    address: usize,
    passing: Passing,
    boxed: bool,
    ty: PhantomData<fn() -> T>,
}

impl<T> Carrier<T> {
    #[inline(always)]
    fn new(address: usize, passing: Passing, boxed: bool) -> Self {
        Carrier { address, passing, boxed, ty: PhantomData }
    }
}

/// First step, first choice: anything that is one thin pointer.
pub trait ByPointer {
    /// What it points to.
    type Target;
    /// Reads the address.
    fn carrier(&self) -> Carrier<Self::Target>;
}

macro_rules! by_pointer {
    ($($ty:ty, $passing:ident, $boxed:literal, |$value:ident| $address:expr;)*) => { $(
        impl<T> ByPointer for &Probe<'_, $ty> {
            type Target = T;
            #[inline(always)]
            fn carrier(&self) -> Carrier<T> {
                let $value = self.0;
                Carrier::new($address, Passing::$passing, $boxed)
            }
        }
    )* };
}

by_pointer! {
    *const T, Const, false, |p| (*p).addr();
    *mut T, Mut, false, |p| (*p).addr();
    &T, Const, false, |p| std::ptr::from_ref::<T>(p).addr();
    &mut T, Mut, false, |p| std::ptr::from_ref::<T>(p).addr();
    NonNull<T>, Mut, false, |p| p.addr().get();
    Box<T>, Mut, true, |p| std::ptr::from_ref::<T>(p).addr();
    Option<&T>, Const, false, |p| p.map_or(0, |p| std::ptr::from_ref(p).addr());
    Option<&mut T>, Mut, false, |p| p.as_ref().map_or(0, |p| std::ptr::from_ref::<T>(p).addr());
    Option<NonNull<T>>, Mut, false, |p| p.map_or(0, |p| p.addr().get());
    Option<Box<T>>, Mut, true, |p| p.as_ref().map_or(0, |p| std::ptr::from_ref::<T>(p).addr());
}

/// First step, fallback: by value.
pub trait ByValue {
    /// The value's own type.
    type Target;
    /// Notes where its bytes are.
    fn carrier(&self) -> Carrier<Self::Target>;
}

impl<T> ByValue for Probe<'_, T> {
    type Target = T;
    #[inline(always)]
    fn carrier(&self) -> Carrier<T> {
        Carrier::new(std::ptr::from_ref(self.0).addr(), Passing::Value, false)
    }
}

/// Second step, first choice: the type says that it holds no pointer.
pub trait OfPlain {
    /// The argument.
    fn argument(&self) -> Argument;
}

impl<T: Plain> OfPlain for &&&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        let passing = if self.passing == Passing::Value { Passing::Scalar } else { self.passing };
        Argument::new(self.address, passing, const { &info::<T>(Shape::Plain, true) }).boxed(self.boxed)
    }
}

/// Second step, second choice: the type says where its pointers are.
pub trait OfPointee {
    /// The argument.
    fn argument(&self) -> Argument;
}

impl<T: Pointee> OfPointee for &&Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        Argument::new(self.address, self.passing, const { &info::<T>(T::SHAPE, T::FROZEN) }).boxed(self.boxed)
    }
}

/// Second step, third choice: nothing is known of what it holds, but no `UnsafeCell` is in it, which is never `Copy`.
pub trait OfCopy {
    /// The argument.
    fn argument(&self) -> Argument;
}

impl<T: Copy> OfCopy for &Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        Argument::new(self.address, self.passing, const { &info::<T>(Shape::Words, true) }).boxed(self.boxed)
    }
}

/// Second step, fallback: nothing is known.
pub trait OfUnknown {
    /// The argument.
    fn argument(&self) -> Argument;
}

impl<T> OfUnknown for Carrier<T> {
    #[inline(always)]
    fn argument(&self) -> Argument {
        Argument::new(self.address, self.passing, const { &info::<T>(Shape::Words, false) }).boxed(self.boxed)
    }
}

const fn info<T>(shape: Shape, frozen: bool) -> TypeInfo {
    // A type of size zero is how Rust and bindgen write "opaque struct".
    let shape = if size_of::<T>() == 0 { Shape::Untyped } else { shape };
    let frozen = frozen || size_of::<T>() == 0;
    TypeInfo { size: size_of::<T>(), align: align_of::<T>(), shape, frozen, name: std::any::type_name::<T> }
}

/// Classifies one argument, where its type is concrete.
#[doc(hidden)]
#[macro_export]
macro_rules! __argument {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::classify::{
            ByPointer as _, ByValue as _, OfCopy as _, OfPlain as _, OfPointee as _, OfUnknown as _,
        };
        let carrier = (&&$crate::__private::classify::Probe(&$value)).carrier();
        (&&&&carrier).argument()
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
