//! Pins: memory that C may keep, and hold pointers to, for as long as a guard lives
//! (`runtime.Pinner` in Go).
//!
//! A pin changes nothing for the program. It tells the rules what the borrow tells the compiler:
//! the memory stays where it is until the guard is dropped.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;

use crate::delivery::deferred;
use crate::level::{self, Level};
use crate::retention::pins::{self, Pin};

/// Pins the target of a reference until the [`PinGuard`] is dropped: C may keep pointers to it, and
/// find pointers to it in what it is lent.
///
/// The guard borrows the memory for that time, so the compiler keeps it from being moved or freed.
/// Pins nest: the memory is pinned until the last guard is gone. On the heap the whole block is
/// pinned; elsewhere, as on a stack, the bytes of the value (for a slice `pin(&buf[..])`, its
/// elements). For C code that writes there is [`pin_mut`].
///
/// ```
/// use std::ffi::c_int;
///
/// #[repr(C)]
/// struct Request {
///     values: *const c_int,
///     count: usize,
/// }
///
/// let values = vec![1, 2, 3];
/// // What `values` points to is Rust memory: without the pin, lending `request` to C would be a `nested_pointer`.
/// let pin = ffi_guard::pin(&values[..]);
/// let request = Request { values: pin.as_ptr(), count: pin.len() };
/// // send(&request): C may keep the pointer until `pin` is dropped, and has to let go of it before.
/// assert_eq!(request.count, 3);
/// drop(pin);
/// ```
///
/// Two things are `freed_while_retained`, from level 2 on: memory that is freed while it is pinned
/// (the guard was given to `std::mem::forget`), and memory that was lent while it was pinned and is
/// freed while C still holds it.
#[track_caller]
pub fn pin<T: ?Sized>(value: &T) -> PinGuard<'_, T> {
    PinGuard { value, _held: PinHold::new(NonNull::from(value)) }
}

/// Pins the target of a mutable reference until the [`PinMutGuard`] is dropped: like [`pin`], for C
/// code that writes.
///
/// While the guard lives, Rust has no safe access to the memory: C may be writing. Rust sees what C
/// has written after the guard is dropped.
///
/// ```
/// let mut buffer = vec![0_u8; 16];
/// let mut pin = ffi_guard::pin_mut(&mut buffer[..]);
/// let (start, room) = (pin.as_mut_ptr().cast::<u8>(), 16_usize);
/// // set_buffer(start, room): C writes when it likes, until it is told to stop.
/// # assert!(!start.is_null() && room == 16);
/// drop(pin);
/// assert_eq!(buffer[0], 0);
/// ```
#[track_caller]
pub fn pin_mut<T: ?Sized>(value: &mut T) -> PinMutGuard<'_, T> {
    let value = NonNull::from(value);
    PinMutGuard { value, _held: PinHold::new(value), borrow: PhantomData }
}

/// One pin; the drop ends it.
#[derive(Debug)]
struct PinHold(Option<Pin>);

impl PinHold {
    #[track_caller]
    fn new<T: ?Sized>(value: NonNull<T>) -> PinHold {
        // The first settles what the second returns. At level 0 memory is not tracked, and a pin
        // means nothing.
        if level::level() == Level::Off && level::tracking() == Level::Off {
            return PinHold(None);
        }
        // SAFETY: the callers come from a reference, or from a box of theirs.
        let size = size_of_val(unsafe { value.as_ref() });
        let pin = pins::pin(value.addr().get(), size, Location::caller());
        if pin.is_some() && level::tracking() >= Level::Full {
            deferred::settle_at_exit();
        }
        PinHold(pin)
    }
}

impl Drop for PinHold {
    fn drop(&mut self) {
        if let Some(pin) = self.0.take() {
            pins::unpin(&pin);
        }
    }
}

/// Keeps memory pinned while it lives; made by [`pin`].
///
/// It leads to the memory that it pins: `guard.as_ptr()` is the pointer for C, of a value a `*const
/// T`, of a slice, a `str` or a `CStr` the one that these have themselves.
#[must_use = "the memory is pinned until the guard is dropped"]
pub struct PinGuard<'a, T: ?Sized> {
    value: &'a T,
    _held: PinHold,
}

impl<T> PinGuard<'_, T> {
    /// The pointer for C. C may read through it, and keep it while the guard lives.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.value
    }
}

impl<T: ?Sized> Deref for PinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for PinGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinGuard").field(&self.value).finish()
    }
}

/// Keeps memory pinned while it lives; made by [`pin_mut`].
#[must_use = "the memory is pinned until the guard is dropped"]
pub struct PinMutGuard<'a, T: ?Sized> {
    /// From a mutable reference, which is lent to the guard and not used until the guard ends.
    value: NonNull<T>,
    _held: PinHold,
    borrow: PhantomData<&'a mut T>,
}

// SAFETY: it stands for a `&mut T`, and gives no access of its own.
unsafe impl<T: ?Sized + Send> Send for PinMutGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for PinMutGuard<'_, T> {}

impl<T: ?Sized> PinMutGuard<'_, T> {
    /// The pointer for C that reads.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.value.as_ptr()
    }

    /// The pointer for C that writes.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.value.as_ptr()
    }
}

impl<T: ?Sized> fmt::Debug for PinMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the value: C may be writing it.
        f.debug_tuple("PinMutGuard").field(&self.value).finish()
    }
}

/// A value on the heap that stays where it is, pinned for its whole life: C may keep a pointer to
/// it.
///
/// ```
/// let state = ffi_guard::Pinned::new(41);
/// let for_c: *mut i32 = state.as_mut_ptr();
/// // set_user_data(for_c): C keeps it, and is told to let go before `state` is dropped.
/// // SAFETY: made by `Pinned`, which still lives; nobody else has it.
/// unsafe { *for_c += 1 };
/// assert_eq!(*state, 42);
/// assert_eq!(state.into_inner(), 42);
/// ```
///
/// Dropping it, or taking the value out, frees the memory. If C was lent it and still holds it by
/// then, that is `freed_while_retained` (from level 2 on). The value is dropped before its memory
/// is freed, so a `Drop` of `T` that makes C let go comes in time.
///
/// # Aliasing
/// All pointers given out, and the references of `Deref`, come from one pointer, so none of them
/// ends the others: Rust may look at the value after C has written to it, and C may use its pointer
/// after Rust has looked. No owner can prevent that both do so at once. A `&T` from here must not
/// live while C writes, unless C writes into an `UnsafeCell` (an atomic, a `Mutex`): the code that
/// hands [`as_mut_ptr`](Pinned::as_mut_ptr) to C answers for that, and the `unsafe` of that call
/// says it. There is no `DerefMut`: a `&mut T` forbids C even to read, which a C library that kept
/// the pointer cannot know. Write through `as_mut_ptr`, or through a `Cell`.
pub struct Pinned<T> {
    /// From `Box::into_raw`; ours until the drop. Not a `Box`: moving a `Box` asserts that no other
    /// pointer leads there.
    value: NonNull<T>,
    held: PinHold,
    owns: PhantomData<T>,
}

// SAFETY: it owns the value and shares it as a `Box` does.
unsafe impl<T: Send> Send for Pinned<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Pinned<T> {}

impl<T> Pinned<T> {
    /// Puts a value on the heap and pins it.
    #[track_caller]
    #[must_use]
    pub fn new(value: T) -> Pinned<T> {
        let value = NonNull::from(Box::leak(Box::new(value)));
        Pinned { value, held: PinHold::new(value), owns: PhantomData }
    }

    /// The pointer for C code that reads.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.value.as_ptr()
    }

    /// The pointer for C code that writes. See [Aliasing](Pinned#aliasing) for when it may.
    #[must_use]
    pub fn as_mut_ptr(&self) -> *mut T {
        self.value.as_ptr()
    }

    /// Takes the value out and frees its memory. C must have let go of it.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        drop(PinHold(self.held.0.take()));
        let value = self.value;
        std::mem::forget(self);
        // SAFETY: from `Box::into_raw`, and taken back once: what would do so again was forgotten.
        *unsafe { Box::from_raw(value.as_ptr()) }
    }
}

impl<T> Deref for Pinned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: owned and initialised until the drop. The code that handed the pointer to C has
        // promised that C does not write while this reference lives (see Aliasing).
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        drop(PinHold(self.held.0.take()));
        // SAFETY: from `Box::into_raw`, and taken back once, here.
        drop(unsafe { Box::from_raw(self.value.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for Pinned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pinned").field(&**self).finish()
    }
}

impl<T> From<T> for Pinned<T> {
    #[track_caller]
    fn from(value: T) -> Pinned<T> {
        Pinned::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap;

    /// The library's own tests have no `GuardAlloc`: they ask the heap for a block themselves.
    fn block() -> usize {
        heap::allocate(24, 8).addr()
    }

    fn free(address: usize) {
        // SAFETY: from `block`, with its layout; freed once.
        unsafe { heap::free(address, 24, 8) }.unwrap();
    }

    fn is_pinned(address: usize) -> bool {
        pins::is_block_pinned(&heap::lookup(address).unwrap())
    }

    #[test]
    fn pins_of_a_block_are_counted() {
        let at = block();
        let place = Location::caller();
        let (first, second) = (pins::pin(at, 24, place).unwrap(), pins::pin(at + 8, 1, place).unwrap());
        assert!(is_pinned(at));
        pins::unpin(&second);
        assert!(is_pinned(at), "one pin is left");
        pins::unpin(&first);
        assert!(!is_pinned(at));
        free(at);
    }

    #[test]
    fn what_is_pinned_elsewhere_is_a_range() {
        let bytes = [0_u8; 32];
        let at = (&raw const bytes).addr();
        let place = Location::caller();
        let (outer, inner) = (pins::pin(at, 32, place).unwrap(), pins::pin(at + 8, 8, place).unwrap());
        assert!(pins::is_range_pinned(at) && pins::is_range_pinned(at + 31) && !pins::is_range_pinned(at + 32));
        pins::unpin(&inner);
        assert!(pins::is_range_pinned(at + 8), "the outer one still holds it");
        pins::unpin(&outer);
        assert!(!pins::is_range_pinned(at + 8));
        assert!(pins::pin(at, 0, place).is_none(), "nothing is there to pin");
    }

    #[test]
    fn guards_lead_to_what_they_pin() {
        let values = [1_u32, 2, 3];
        let slice = pin(&values[..]);
        let start: *const u32 = slice.as_ptr();
        assert_eq!((start, slice.len()), (values.as_ptr(), 3));
        let text = pin("text");
        assert_eq!((text.as_ptr(), format!("{text:?}").as_str()), ("text".as_ptr(), "PinGuard(\"text\")"));
        let name = pin(c"name");
        assert_eq!(name.as_ptr(), c"name".as_ptr());
        let one = pin(&values[1]);
        assert_eq!(one.as_ptr(), &raw const values[1]);
        let mut local = 5;
        let mut guard = pin_mut(&mut local);
        // SAFETY: the guard has the only way to it.
        unsafe { *guard.as_mut_ptr() = 6 };
        drop(guard);
        assert_eq!(local, 6);
    }

    #[test]
    fn the_value_is_dropped_once_whichever_way() {
        use std::rc::Rc;
        let count = Rc::new(());
        let pinned = Pinned::new(count.clone());
        assert_eq!((Rc::strong_count(&count), pinned.as_ptr()), (2, pinned.as_mut_ptr().cast_const()));
        drop(pinned);
        assert_eq!(Rc::strong_count(&count), 1);
        let back = Pinned::from(count.clone()).into_inner();
        assert!(Rc::ptr_eq(&back, &count));
        assert_eq!(Rc::strong_count(&count), 2);
    }

    #[test]
    fn guards_travel_as_what_they_stand_for() {
        const fn travels<T: Send + Sync>() {}
        travels::<PinGuard<'static, [u8]>>();
        travels::<PinMutGuard<'static, [u8]>>();
        travels::<Pinned<String>>();
    }
}
