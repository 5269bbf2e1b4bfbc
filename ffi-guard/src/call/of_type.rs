//! How a type crosses and what it holds, found without a value of it: what `classify` finds by ten
//! steps of autoderef, by names that rustc resolves in one step each. An inherent constant or
//! method whose bound holds goes before the one of the trait `Otherwise`.
//!
//! The wrappers of a `-sys` crate ask it of some thousand arguments, called or not, and rustc
//! resolves each question: a step of autoderef takes it several times as long as a name.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::argument::Passing;
use super::classify::{FunctionPointer, ThinPointers, info, of_function};
use super::shape::{Plain, Pointee, Role, Shape, TypeInfo};
use super::validity::PointerValue;
use crate::platform::locks::Lock;

/// What a type holds, if it is of one sort.
pub(crate) type Known = Option<&'static TypeInfo>;

/// A type, of which is asked what it holds.
#[derive(Debug)]
pub struct OfType<T: ?Sized>(PhantomData<*const T>);

/// The type that a pointer leads to, or that crosses by value, and which of both it is.
#[derive(Debug)]
pub struct Carried<T: ?Sized> {
    passing: Passing,
    boxed: bool,
    pointer: PointerValue,
    ty: PhantomData<*const T>,
}

/// The type of an argument or a result, and how it crosses.
#[derive(Clone, Copy, Debug)]
pub struct Crosses {
    pub(super) info: &'static TypeInfo,
    pub(super) passing: Passing,
    pub(super) boxed: bool,
    pub(super) pointer: PointerValue,
}

macro_rules! sorts {
    ($($(#[$doc:meta])* $constant:ident $method:ident: [$($bounds:tt)*] $ty:ty => $info:expr;)*) => {
        /// The answer of a type that is not of the sort.
        pub trait Otherwise {
            $($(#[$doc])* const $constant: Known = None;)*
            $($(#[$doc])* #[inline(always)] fn $method(&self) -> Known { None })*
        }
        impl<T: ?Sized> Otherwise for OfType<T> {}
        impl<T: ?Sized> Otherwise for Carried<T> {}
        $(
            impl<$($bounds)*> OfType<$ty> {
                $(#[$doc])* pub const $constant: Known = Some(const { &$info });
            }
            impl<$($bounds)*> Carried<$ty> {
                $(#[$doc])* #[inline(always)] #[must_use] pub fn $method(&self) -> Known { OfType::<$ty>::$constant }
            }
        )*
    };
}

// Of several sorts the first counts.
sorts! {
    /// A thin pointer, or an array of them.
    POINTERS pointers: [T: ThinPointers] T => info::<T>(Shape::Words, T::COPY).dense(true).with_role(T::ROLE).with_value(T::VALUE);
    /// A lock, an atomic, a cell.
    LOCK lock: [T: Lock] T => info::<T>(Shape::Words, false).with_role(Role::Lock);
    /// A function pointer.
    FUNCTION function: [T: FunctionPointer] T => of_function::<T>();
    /// An `Option` of a function pointer.
    OPTIONAL_FUNCTION optional_function: [T: FunctionPointer] Option<T> => of_function::<Option<T>>();
    /// The type says that it holds no pointer.
    PLAIN plain: [T: Plain] T => info::<T>(Shape::Plain, true).dense(T::DENSE).with_value(T::VALUE);
    /// A `MaybeUninit` of such a type.
    UNINIT_PLAIN uninit_plain: [T: Plain] MaybeUninit<T> =>
        info::<MaybeUninit<T>>(Shape::Out, false).with_value(T::VALUE);
    /// A `MaybeUninit` of a type that says where its pointers are.
    UNINIT_POINTEE uninit_pointee: [T: Pointee] MaybeUninit<T> =>
        info::<MaybeUninit<T>>(Shape::Out, false).with_value(T::VALUE);
    /// The type says where its pointers are.
    POINTEE pointee: [T: Pointee] T => info::<T>(T::SHAPE, T::FROZEN).dense(T::DENSE).with_value(T::VALUE);
    /// Its contents are unknown; it is `Copy`, so that there is no `UnsafeCell` in it.
    COPY copy: [T: Copy] T => info::<T>(Shape::Words, true);
    /// Its contents are unknown.
    UNKNOWN unknown: [T] T => info::<T>(Shape::Words, false);
}

impl<T: ?Sized> OfType<T> {
    /// The type.
    pub const NEW: OfType<T> = OfType(PhantomData);
}

impl<T: ?Sized> Carried<T> {
    pub(super) const fn new(passing: Passing, boxed: bool, pointer: PointerValue) -> Carried<T> {
        Carried { passing, boxed, pointer, ty: PhantomData }
    }
}

impl<T> Carried<T> {
    /// How the type crosses. `sorts`: which sorts it is of.
    #[must_use]
    pub fn crosses(&self, sorts: [Known; 8]) -> Crosses {
        let Carried { passing, boxed, pointer, .. } = *self;
        let (info, is_scalar) = first(&sorts).unwrap_or((const { &info::<T>(Shape::Words, false) }, false));
        let passing = if is_scalar && passing == Passing::Value { Passing::Scalar } else { passing };
        Crosses { info, passing, boxed, pointer }
    }
}

impl Crosses {
    /// How a type crosses that is written as a pointer. `targets`: the sorts of what it leads to,
    /// none if that has no size of its own, as a slice: then the pointer is more than an address.
    #[must_use]
    pub fn pointer<P>(is_const: bool, targets: [Known; 8]) -> Crosses {
        let (info, passing) = match first(&targets) {
            Some((info, _)) => (info, if is_const { Passing::Const } else { Passing::Mut }),
            None => (const { &info::<P>(Shape::Words, true) }, Passing::Value),
        };
        Crosses { info, passing, boxed: false, pointer: PointerValue::Any }
    }

    /// How a pointer crosses to what is written as a number or as `c_void`.
    #[must_use]
    pub fn to<T>(is_const: bool, known: Known) -> Crosses {
        let info = known.unwrap_or(const { &info::<T>(Shape::Words, false) });
        let passing = if is_const { Passing::Const } else { Passing::Mut };
        Crosses { info, passing, boxed: false, pointer: PointerValue::Any }
    }

    /// The pointer as a reference.
    #[must_use]
    pub fn reference(self) -> Crosses {
        match self.passing {
            Passing::Const | Passing::Mut => Crosses { pointer: PointerValue::Reference, ..self },
            Passing::Scalar | Passing::Value => self,
        }
    }

    /// How a type crosses that is written as a number.
    #[must_use]
    pub fn number<T>(plain: Known) -> Crosses {
        let (info, passing) = match plain {
            Some(plain) => (plain, Passing::Scalar),
            None => (const { &info::<T>(Shape::Words, false) }, Passing::Value),
        };
        Crosses { info, passing, boxed: false, pointer: PointerValue::Any }
    }
}

/// The first sort, and whether a value of it holds no pointer to data.
fn first(sorts: &[Known; 8]) -> Option<(&'static TypeInfo, bool)> {
    let (index, info) = sorts.iter().enumerate().find_map(|(index, sort)| Some((index, (*sort)?)))?;
    Some((info, index == PLAIN || info.role == Role::Function))
}

/// Where `PLAIN` stands among the sorts.
const PLAIN: usize = 4;

/// The sorts of a type, in the order in which they count.
#[doc(hidden)]
#[macro_export]
macro_rules! __sorts {
    ($ty:ty) => {
        [
            $crate::__private::OfType::<$ty>::POINTERS,
            $crate::__private::OfType::<$ty>::LOCK,
            $crate::__private::OfType::<$ty>::FUNCTION,
            $crate::__private::OfType::<$ty>::OPTIONAL_FUNCTION,
            $crate::__private::OfType::<$ty>::PLAIN,
            $crate::__private::OfType::<$ty>::POINTEE,
            $crate::__private::OfType::<$ty>::COPY,
            $crate::__private::OfType::<$ty>::UNKNOWN,
        ]
    };
}

/// The sorts of a `MaybeUninit`: one that tells which values what is in it has, before the others.
#[doc(hidden)]
#[macro_export]
macro_rules! __uninit_sorts {
    ($ty:ty) => {
        [
            $crate::__private::OfType::<$ty>::UNINIT_PLAIN,
            $crate::__private::OfType::<$ty>::UNINIT_POINTEE,
            $crate::__private::OfType::<$ty>::FUNCTION,
            $crate::__private::OfType::<$ty>::OPTIONAL_FUNCTION,
            $crate::__private::OfType::<$ty>::PLAIN,
            $crate::__private::OfType::<$ty>::POINTEE,
            $crate::__private::OfType::<$ty>::COPY,
            $crate::__private::OfType::<$ty>::UNKNOWN,
        ]
    };
}

/// How a type crosses, if it may be an alias of a pointer.
#[doc(hidden)]
#[macro_export]
macro_rules! __crosses {
    ($ty:ty) => {{
        let of = (&&$crate::__private::OfType::<$ty>::NEW).carried();
        of.crosses([
            of.pointers(),
            of.lock(),
            of.function(),
            of.optional_function(),
            of.plain(),
            of.pointee(),
            of.copy(),
            of.unknown(),
        ])
    }};
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::mem::MaybeUninit;
    use std::pin::Pin;
    use std::ptr::NonNull;
    use std::sync::atomic::AtomicU32;

    use super::Crosses;
    use crate::__private::classify::{PointerType as _, ValueType as _};
    use crate::__private::{Argument, Otherwise as _};

    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Copied(*const u8, usize);
    #[repr(C)]
    struct Unknown(*const u8, usize);
    #[repr(C)]
    struct Opaque {
        _private: [u8; 0],
    }
    #[derive(ffi_guard::Pointee)]
    #[allow(dead_code)]
    #[repr(C)]
    struct Derived {
        next: *const Derived,
        count: u32,
    }
    type Alias = *mut c_void;
    type Function = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

    fn is_same(crosses: Crosses, argument: Argument) {
        let said = |info: &crate::call::shape::TypeInfo, passing, boxed, pointer| {
            format!(
                "{:?} {} {} {:?} {} {} {:?} {passing:?} {boxed} {pointer:?} {}",
                info.shape,
                info.size,
                info.align,
                info.role,
                info.frozen,
                info.dense,
                (info.name)(),
                info.value.is_any()
            )
        };
        let Crosses { info, passing, boxed, pointer } = crosses;
        let of_value = said(argument.info, argument.passing, argument.boxed, argument.pointer);
        assert_eq!(said(info, passing, boxed, pointer), of_value);
    }

    macro_rules! same {
        ($($ty:ty),* $(,)?) => { $({
            let value = MaybeUninit::<$ty>::zeroed();
            // SAFETY: each of the types below may be all zeros, or is only looked at by address.
            let value = unsafe { &*value.as_ptr() };
            let argument = (&&&&&&&&(&&crate::__private::classify::Probe(value)).carrier()).argument();
            is_same(crate::__crosses!($ty), argument);
        })* };
    }

    #[allow(unused_imports)]
    use crate::__private::classify::{
        ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _, OfPlain as _,
        OfPointee as _, OfPointers as _, OfUnknown as _,
    };

    #[test]
    fn a_type_is_what_a_value_of_it_is() {
        same!(
            *const u8,
            *mut c_char,
            *mut c_void,
            *const Unknown,
            *const Copied,
            *const Derived,
            *mut Opaque,
            *const *const u8,
            *mut [*mut u8; 3],
            *const Function,
            *const Option<Function>,
            *const Cell<u8>,
            *const AtomicU32,
            *mut MaybeUninit<Unknown>,
            *mut [u8; 16],
            *const [u8],
            *const CStr,
            Alias,
            Option<NonNull<u8>>,
            Option<Box<u32>>,
            Option<&'static Unknown>,
            Option<Pin<&'static u8>>,
            Option<Function>,
            Unknown,
            Copied,
            Derived,
            Opaque,
            [*const u8; 2],
            (),
            u8,
            c_int,
            f64,
            bool,
            Cell<*const u8>,
            MaybeUninit<u64>,
            u128,
            Option<NonNull<[u8]>>
        );
    }

    #[test]
    fn what_is_written_as_a_pointer_is_the_same() {
        macro_rules! same {
            ($($is_const:literal $ty:ty),*) => { $({
                let written = Crosses::pointer::<*const $ty>($is_const, crate::__sorts!($ty));
                match $is_const {
                    true => is_same(written, Argument::new(0, written.passing, crate::__crosses!(*const $ty).info)),
                    false => is_same(written, Argument::new(0, written.passing, crate::__crosses!(*mut $ty).info)),
                }
                let seen = if $is_const { crate::__crosses!(*const $ty) } else { crate::__crosses!(*mut $ty) };
                assert_eq!(written.passing, seen.passing);
            })* };
        }
        same!(
            true u8, false c_void, true Unknown, false Derived, true Copied, false Opaque, true *const u8,
            true Option<Function>, false AtomicU32, true [u8; 4], true Cell<u8>
        );
        let slice = Crosses::pointer::<*const [u8]>(true, crate::__sorts!([u8]));
        assert_eq!((slice.passing, slice.info.size), (crate::call::argument::Passing::Value, 16));
        let number = Crosses::number::<c_int>(crate::__private::OfType::<c_int>::PLAIN);
        is_same(number, crate::__argument!(7 as c_int));
        let text = Crosses::to::<c_char>(true, crate::__private::OfType::<c_char>::PLAIN);
        is_same(text, crate::__argument!(std::ptr::null::<c_char>()));
        let void = Crosses::to::<c_void>(false, crate::__private::OfType::<c_void>::POINTEE);
        is_same(void, crate::__argument!(std::ptr::null_mut::<c_void>()));
    }
}
