//! Owners of one C allocation: a value, a slice, a string.

use std::alloc::Layout;
use std::ffi::{CStr, c_char, c_void};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::{fmt, slice};

use crate::arena::{CMemoryError, array, no_nul};
use crate::platform::c_memory;
use crate::zeroed::Zeroed;

/// A function that frees an allocation: C's `free`, or the library's own, such as `sqlite3_free`.
///
/// A guarded function is one as it stands; put an `extern "C"` function that is declared bare in a
/// closure, `|p| unsafe { sqlite3_free(p) }`.
pub type Deleter = unsafe fn(*mut c_void);

const FREE: Deleter = c_memory::free;

/// A value in C memory, freed by C's `free` or another deleter.
///
/// For values that C keeps or frees: Rust's allocator must not free C memory, nor C's `free` Rust
/// memory (`alloc_dealloc_mismatch`).
///
/// ```
/// use ffi_guard::CBox;
///
/// let mut number = CBox::new(5_i32);
/// *number += 1;
/// let raw = number.into_raw();           // C owns it now, and may `free` it
/// // SAFETY: `into_raw` gave it, and C did not free it.
/// let number = unsafe { CBox::from_raw(raw) }.expect("not null");
/// assert_eq!(*number, 6);
/// ```
pub struct CBox<T> {
    value: NonNull<T>,
    delete: Deleter,
}

// SAFETY: it owns a `T` as a `Box` does, and the deleter is one for any thread that may have a `T`:
// `free` is, and `from_raw_with` asks for it.
unsafe impl<T: Send> Send for CBox<T> {}
// SAFETY: a reference to it gives references to the `T` alone.
unsafe impl<T: Sync> Sync for CBox<T> {}

impl<T> CBox<T> {
    /// Moves a value into C memory.
    #[must_use]
    pub fn new(value: T) -> CBox<T> {
        let block = fresh(Layout::new::<T>()).cast::<T>();
        // SAFETY: fresh memory of the layout of a `T`.
        unsafe { block.write(value) };
        CBox { value: block, delete: FREE }
    }

    /// A value that is all zero, as `calloc` gives it.
    #[must_use]
    pub fn zeroed() -> CBox<T>
    where
        T: Zeroed,
    {
        // Zeroed, which is a `T` by `Zeroed`.
        CBox { value: fresh(Layout::new::<T>()).cast(), delete: FREE }
    }

    /// Takes memory from C's `malloc`, or from [`into_raw`](CBox::into_raw); `None` for null.
    ///
    /// # Safety
    /// - `raw` is null, or from C's `malloc` family, and leads to a `T` that nothing else owns.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut T) -> Option<CBox<T>> {
        // SAFETY: as promised by the caller; `free` is for any thread.
        unsafe { CBox::from_raw_with(raw, FREE) }
    }

    /// Takes memory from a library, with the function that frees it; `None` for null.
    ///
    /// # Safety
    /// - `raw` is null, or leads to a `T` that nothing else owns, and that `delete` frees.
    /// - If `T` is `Send`, `delete` may be called on any thread.
    #[must_use]
    pub unsafe fn from_raw_with(raw: *mut T, delete: Deleter) -> Option<CBox<T>> {
        NonNull::new(raw).map(|value| CBox { value, delete })
    }

    /// The pointer for C code that reads, valid while this owner lives.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.value.as_ptr()
    }

    /// The pointer for C code that writes, valid while this owner lives.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.value.as_ptr()
    }

    /// The pointer for C to own: freed by C, or by [`from_raw`](CBox::from_raw).
    #[must_use = "only this leads to the memory"]
    pub fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).value.as_ptr()
    }
}

impl<T> Deref for CBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it leads to a `T` that this owns.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for CBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: it leads to a `T` that this owns.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for CBox<T> {
    fn drop(&mut self) {
        let _freed = Freed(self.value.as_ptr().cast(), self.delete);
        // SAFETY: a `T` that this owns, dropped once; its memory is freed after it, also where the
        // drop panics.
        unsafe { self.value.drop_in_place() };
    }
}

impl<T: fmt::Debug> fmt::Debug for CBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Elements in C memory, freed by C's `free` or another deleter.
///
/// ```
/// use ffi_guard::CSlice;
///
/// let mut bytes = CSlice::copy_of(b"lent to C");
/// bytes[0] = b'L';
/// assert_eq!(&*bytes, b"Lent to C");
/// assert!(CSlice::<u64>::zeroed(usize::MAX).is_err());
/// ```
pub struct CSlice<T> {
    first: NonNull<T>,
    len: usize,
    delete: Deleter,
}

// SAFETY: as for `CBox`.
unsafe impl<T: Send> Send for CSlice<T> {}
// SAFETY: as for `CBox`.
unsafe impl<T: Sync> Sync for CSlice<T> {}

impl<T> CSlice<T> {
    /// A copy of these values.
    #[must_use]
    pub fn copy_of(values: &[T]) -> CSlice<T>
    where
        T: Copy,
    {
        let first = fresh(Layout::for_value(values)).cast::<T>();
        // SAFETY: fresh memory of their layout.
        unsafe { first.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
        CSlice { first, len: values.len(), delete: FREE }
    }

    /// `len` values, all zero.
    ///
    /// # Errors
    /// The size is more than memory has, or than C has left.
    pub fn zeroed(len: usize) -> Result<CSlice<T>, CMemoryError>
    where
        T: Zeroed,
    {
        let block = c_memory::zeroed(array::<T>(len)?).ok_or(CMemoryError::OutOfMemory)?;
        Ok(CSlice { first: block.cast(), len, delete: FREE })
    }

    /// Takes memory from C's `malloc`, or from [`into_raw`](CSlice::into_raw); `None` for null.
    ///
    /// # Safety
    /// - `raw` is null, or from C's `malloc` family, and leads to `len` values that nothing else
    ///   owns.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut T, len: usize) -> Option<CSlice<T>> {
        // SAFETY: as promised by the caller; `free` is for any thread.
        unsafe { CSlice::from_raw_with(raw, len, FREE) }
    }

    /// Takes memory from a library, with the function that frees it; `None` for null.
    ///
    /// # Safety
    /// - `raw` is null, or leads to `len` values that nothing else owns, and that `delete` frees.
    /// - If `T` is `Send`, `delete` may be called on any thread.
    #[must_use]
    pub unsafe fn from_raw_with(raw: *mut T, len: usize, delete: Deleter) -> Option<CSlice<T>> {
        NonNull::new(raw).map(|first| CSlice { first, len, delete })
    }

    /// The pointer for C to own, and the number of elements: freed by C, or by
    /// [`from_raw`](CSlice::from_raw).
    #[must_use = "only this leads to the memory"]
    pub fn into_raw(self) -> (*mut T, usize) {
        let this = ManuallyDrop::new(self);
        (this.first.as_ptr(), this.len)
    }
}

impl<T> Deref for CSlice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many values that this owns.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for CSlice<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many values that this owns.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for CSlice<T> {
    fn drop(&mut self) {
        let _freed = Freed(self.first.as_ptr().cast(), self.delete);
        // SAFETY: so many values that this owns, dropped once; their memory is freed after them.
        unsafe { NonNull::slice_from_raw_parts(self.first, self.len).drop_in_place() };
    }
}

impl<T: fmt::Debug> fmt::Debug for CSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A string in C memory, freed by C's `free` or another deleter: for strings that C hands out, and
/// for those that C frees.
///
/// ```
/// use ffi_guard::{CMemoryError, CText};
///
/// let name = CText::new("Gopher")?;
/// assert_eq!(name.to_str(), Ok("Gopher"));
/// assert_eq!(CText::new("a\0b").unwrap_err(), CMemoryError::NulInside { position: 1 });
/// # Ok::<(), CMemoryError>(())
/// ```
pub struct CText {
    first: NonNull<c_char>,
    delete: Deleter,
}

// SAFETY: as for `CBox`, of a type that is `Send`.
unsafe impl Send for CText {}
// SAFETY: as for `CBox`, of a type that is `Sync`.
unsafe impl Sync for CText {}

impl CText {
    /// A copy of a text, with a NUL after it.
    ///
    /// # Errors
    /// The text has a NUL in it, or C has no memory left.
    pub fn new(text: &str) -> Result<CText, CMemoryError> {
        no_nul(text)?;
        let mut bytes = CSlice::<u8>::zeroed(text.len().saturating_add(1))?;
        bytes.get_mut(..text.len()).ok_or(CMemoryError::OutOfMemory)?.copy_from_slice(text.as_bytes());
        let bytes = ManuallyDrop::new(bytes);
        Ok(CText { first: bytes.first.cast(), delete: FREE })
    }

    /// Takes a string from C's `malloc`, as by `strdup`, or from [`into_raw`](CText::into_raw);
    /// `None` for null.
    ///
    /// # Safety
    /// - `raw` is null, or from C's `malloc` family, and leads to a string with a NUL that nothing
    ///   else owns.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut c_char) -> Option<CText> {
        // SAFETY: as promised by the caller; `free` is for any thread.
        unsafe { CText::from_raw_with(raw, FREE) }
    }

    /// Takes a string from a library, with the function that frees it; `None` for null.
    ///
    /// ```
    /// # unsafe fn error_message() -> *mut std::ffi::c_char { c"no such table".to_owned().into_raw() }
    /// # unsafe fn library_free(p: *mut std::ffi::c_void) { drop(unsafe { std::ffi::CString::from_raw(p.cast()) }) }
    /// use ffi_guard::CText;
    /// // SAFETY: the library's own string, which its own function frees.
    /// let message = unsafe { CText::from_raw_with(error_message(), library_free) };
    /// assert_eq!(message.expect("not null").to_str(), Ok("no such table"));
    /// ```
    ///
    /// # Safety
    /// - `raw` is null, or leads to a string with a NUL that nothing else owns, and that `delete`
    ///   frees.
    /// - `delete` may be called on any thread.
    #[must_use]
    pub unsafe fn from_raw_with(raw: *mut c_char, delete: Deleter) -> Option<CText> {
        NonNull::new(raw).map(|first| CText { first, delete })
    }

    /// The pointer for C to own: freed by C, or by [`from_raw`](CText::from_raw).
    #[must_use = "only this leads to the memory"]
    pub fn into_raw(self) -> *mut c_char {
        ManuallyDrop::new(self).first.as_ptr()
    }
}

impl Deref for CText {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        // SAFETY: a string with a NUL that this owns.
        unsafe { CStr::from_ptr(self.first.as_ptr()) }
    }
}

impl Drop for CText {
    fn drop(&mut self) {
        drop(Freed(self.first.as_ptr().cast(), self.delete));
    }
}

impl fmt::Debug for CText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Frees memory when it is dropped: after the value in it, even if the value's drop panics.
struct Freed(*mut c_void, Deleter);

impl Drop for Freed {
    fn drop(&mut self) {
        // SAFETY: made by the drop of an owner, whose memory this is and whose deleter.
        unsafe { (self.1)(self.0) };
    }
}

/// Fresh, zeroed C memory. Ends the process if there is none.
fn fresh(layout: Layout) -> NonNull<c_void> {
    c_memory::zeroed(layout).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}
