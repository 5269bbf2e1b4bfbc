//! The signatures of callbacks: each number of arguments, with the user data before or after them.

use std::ffi::c_void;

use super::{run_mut, run_shared};

mod sealed {
    pub trait Sealed {}
}

/// The signature of a closure, written as a function pointer: `fn(c_int) -> c_int`.
pub trait Signature: sealed::Sealed {
    /// The C function that takes the user data first.
    type First: Copy;
    /// The C function that takes the user data last.
    type Last: Copy;
    /// The result's type.
    type Result: Default;
}

/// A closure of this signature that may change what it captures.
///
/// Every `FnMut` with up to six arguments and a result that has a default is one.
pub trait CallMut<S: Signature> {
    #[doc(hidden)]
    const FIRST: S::First;
    #[doc(hidden)]
    const LAST: S::Last;
}

/// A closure of this signature that can be called by several at once.
///
/// Every `Fn` with up to six arguments and a result that has a default is one.
pub trait CallShared<S: Signature> {
    #[doc(hidden)]
    const FIRST_SHARED: S::First;
    #[doc(hidden)]
    const LAST_SHARED: S::Last;
}

macro_rules! signature {
    ($($name:ident: $argument:ident),*) => {
        impl<R: Default, $($argument),*> sealed::Sealed for fn($($argument),*) -> R {}

        impl<R: Default, $($argument),*> Signature for fn($($argument),*) -> R {
            type First = unsafe extern "C" fn(*mut c_void, $($argument),*) -> R;
            type Last = unsafe extern "C" fn($($argument,)* *mut c_void) -> R;
            type Result = R;
        }

        impl<F, R: Default, $($argument),*> CallMut<fn($($argument),*) -> R> for F
        where
            F: FnMut($($argument),*) -> R,
        {
            const FIRST: unsafe extern "C" fn(*mut c_void, $($argument),*) -> R = {
                unsafe extern "C" fn first<F, R: Default, $($argument),*>(data: *mut c_void, $($name: $argument),*) -> R
                where
                    F: FnMut($($argument),*) -> R,
                {
                    run_mut::<F, R>(data, |closure| closure($($name),*))
                }
                first::<F, R, $($argument),*>
            };
            const LAST: unsafe extern "C" fn($($argument,)* *mut c_void) -> R = {
                unsafe extern "C" fn last<F, R: Default, $($argument),*>($($name: $argument,)* data: *mut c_void) -> R
                where
                    F: FnMut($($argument),*) -> R,
                {
                    run_mut::<F, R>(data, |closure| closure($($name),*))
                }
                last::<F, R, $($argument),*>
            };
        }

        impl<F, R: Default, $($argument),*> CallShared<fn($($argument),*) -> R> for F
        where
            F: Fn($($argument),*) -> R,
        {
            const FIRST_SHARED: unsafe extern "C" fn(*mut c_void, $($argument),*) -> R = {
                unsafe extern "C" fn first<F, R: Default, $($argument),*>(data: *mut c_void, $($name: $argument),*) -> R
                where
                    F: Fn($($argument),*) -> R,
                {
                    run_shared::<F, R>(data, |closure| closure($($name),*))
                }
                first::<F, R, $($argument),*>
            };
            const LAST_SHARED: unsafe extern "C" fn($($argument,)* *mut c_void) -> R = {
                unsafe extern "C" fn last<F, R: Default, $($argument),*>($($name: $argument,)* data: *mut c_void) -> R
                where
                    F: Fn($($argument),*) -> R,
                {
                    run_shared::<F, R>(data, |closure| closure($($name),*))
                }
                last::<F, R, $($argument),*>
            };
        }
    };
}

signature!();
signature!(a: A);
signature!(a: A, b: B);
signature!(a: A, b: B, c: C);
signature!(a: A, b: B, c: C, d: D);
signature!(a: A, b: B, c: C, d: D, e: E);
signature!(a: A, b: B, c: C, d: D, e: E, f: G);
