//! C memory made by hand, as on slide 27: `calloc`, and `free` at the end.

use std::ops::Deref;

/// One `T` in C memory. Until the library has an owner of its own, this is how the slides do it.
#[derive(Debug)]
pub struct Calloc<T: Copy> {
    /// From `calloc`, not null, written, and freed by the drop.
    memory: *mut T,
}

impl<T: Copy> Calloc<T> {
    /// Allocates, and copies the value there.
    ///
    /// # Panics
    ///
    /// If C has no memory left.
    #[must_use]
    pub fn new(value: T) -> Calloc<T> {
        // SAFETY: any size may be asked for.
        let memory = unsafe { libc::calloc(1, size_of::<T>().max(1)) }.cast::<T>();
        assert!(!memory.is_null(), "calloc has memory for {} bytes", size_of::<T>());
        // SAFETY: fresh memory of that size, aligned as malloc aligns, which is enough for C's
        // types.
        unsafe { memory.write(value) };
        Calloc { memory }
    }

    /// For C.
    #[must_use]
    pub fn as_ptr(&self) -> *mut T {
        self.memory
    }
}

impl<T: Copy> Deref for Calloc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `memory` is written and alive.
        unsafe { &*self.memory }
    }
}

impl<T: Copy> Drop for Calloc<T> {
    fn drop(&mut self) {
        // SAFETY: from `calloc`, and freed once.
        unsafe { libc::free(self.memory.cast()) };
    }
}
