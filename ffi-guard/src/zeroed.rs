//! Types that are valid when every byte is zero, as in memory from C's `calloc`.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::num::Wrapping;
use std::ptr::NonNull;

/// A type whose values may be all zero bytes: integers, floats, raw pointers (null), `Option` of a
/// pointer that is never null, and structs of these.
///
/// C structs, even with pointers among their fields, are such types; a reference or a `NonNull` is
/// not. Implement it for the structs that you allocate in C memory:
///
/// ```
/// use std::ffi::{c_char, c_int};
/// use ffi_guard::Zeroed;
///
/// #[repr(C)]
/// struct Session {
///     name: *mut c_char,
///     on_close: Option<unsafe extern "C" fn(c_int)>,
///     flags: c_int,
/// }
/// // SAFETY: a null pointer, `None`, and 0.
/// unsafe impl Zeroed for Session {}
/// ```
///
/// # Safety
/// - All zero bytes are a valid value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be valid when all its bytes are zero",
    label = "not `Zeroed`",
    note = "for a C struct of integers and pointers write `unsafe impl ffi_guard::Zeroed for {Self} {{}}`",
    note = "or give the value: `CArena::put(value)`, `CBox::new(value)`, `CSlice::copy_of(values)`"
)]
pub unsafe trait Zeroed {}

macro_rules! zeroed {
    ($($ty:ty),* $(,)?) => { $(
        // SAFETY: zero is one of its values.
        unsafe impl Zeroed for $ty {}
    )* };
}

zeroed!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char, ());

// SAFETY: null.
unsafe impl<T> Zeroed for *const T {}
// SAFETY: null.
unsafe impl<T> Zeroed for *mut T {}
// SAFETY: `None` is all zero: the language promises it of pointers that are never null.
unsafe impl<T> Zeroed for Option<NonNull<T>> {}
// SAFETY: as above.
unsafe impl<T> Zeroed for Option<&T> {}
// SAFETY: as above.
unsafe impl<T> Zeroed for Option<&mut T> {}
// SAFETY: elements that are zero, one after the other.
unsafe impl<T: Zeroed, const N: usize> Zeroed for [T; N] {}
// SAFETY: any bytes are.
unsafe impl<T> Zeroed for MaybeUninit<T> {}
// SAFETY: it has the layout of what is in it.
unsafe impl<T: Zeroed> Zeroed for ManuallyDrop<T> {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Zeroed for Cell<T> {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Zeroed for UnsafeCell<T> {}
// SAFETY: as above.
unsafe impl<T: Zeroed> Zeroed for Wrapping<T> {}
// SAFETY: it has no bytes.
unsafe impl<T: ?Sized> Zeroed for PhantomData<T> {}

macro_rules! functions {
    ($($argument:ident)*) => {
        // SAFETY: `None` is all zero: the language promises it of function pointers.
        unsafe impl<R, $($argument),*> Zeroed for Option<unsafe extern "C" fn($($argument),*) -> R> {}
        // SAFETY: as above.
        unsafe impl<R, $($argument),*> Zeroed for Option<extern "C" fn($($argument),*) -> R> {}
    };
}

functions!();
functions!(A);
functions!(A B);
functions!(A B C);
functions!(A B C D);
functions!(A B C D E);
functions!(A B C D E F);
functions!(A B C D E F G);
functions!(A B C D E F G H);
