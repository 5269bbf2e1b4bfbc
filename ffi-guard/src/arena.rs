//! `CArena`: C memory that is freed together.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::platform::c_memory;
use crate::zeroed::Zeroed;

/// C allocations that live as long as the arena, and are freed together at its end.
///
/// For a struct that C works on and everything that hangs off it: strings, buffers, other structs.
/// All of that must be C memory, or C is handed a Rust pointer inside it (`nested_pointer`).
/// Freeing each piece by hand, on every way out, is error-prone; here the arena does it.
///
/// ```
/// use std::ffi::{c_char, c_int};
/// use ffi_guard::{CArena, Zeroed};
///
/// #[repr(C)]
/// struct Person { name: *const c_char, scores: *const c_int, n_scores: usize }
/// // SAFETY: null pointers and a zero.
/// unsafe impl Zeroed for Person {}
///
/// # fn main() -> Result<(), ffi_guard::CMemoryError> {
/// let arena = CArena::new();
/// let person = arena.alloc::<Person>();
/// let scores = arena.copy(&[3, 1, 4]);
/// person.name = arena.c_str("Gopher")?.as_ptr();
/// (person.scores, person.n_scores) = (scores.as_ptr(), scores.len());
/// // `c_function(person)`: all that it can reach is C's memory, until the arena ends.
/// # Ok(()) }
/// ```
///
/// Its pieces borrow from the arena, so using one after the end does not compile:
///
/// ```compile_fail,E0505
/// let arena = ffi_guard::CArena::new();
/// let number = arena.alloc::<i32>();
/// drop(arena);
/// *number = 1;
/// ```
///
/// Each piece is an allocation of its own by `calloc`: a tool that watches C's heap sees its
/// bounds. The arena drops no value, so its pieces must need no drop. If C has no memory left, the
/// process ends as it does for Rust's own allocations
/// ([`handle_alloc_error`](std::alloc::handle_alloc_error)).
#[derive(Default)]
pub struct CArena {
    /// The blocks to free.
    blocks: RefCell<Vec<NonNull<c_void>>>,
}

// SAFETY: C's memory belongs to no thread, and nothing that is given out outlives a borrow of the
// arena: where the arena moves, nothing of it is in use.
unsafe impl Send for CArena {}

impl CArena {
    /// An arena with nothing in it.
    #[must_use]
    pub fn new() -> CArena {
        CArena::default()
    }

    /// One `T`, all zero.
    #[allow(clippy::mut_from_ref)]
    pub fn alloc<T: Zeroed>(&self) -> &mut T {
        // SAFETY: zeroed, which is a `T` by `Zeroed`.
        unsafe { self.one::<T>().assume_init_mut() }
    }

    /// One `T`, all zero, for a type that cannot be declared [`Zeroed`], such as another crate's.
    ///
    /// # Safety
    /// - All zero bytes are a valid `T`.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn alloc_zeroed<T>(&self) -> &mut T {
        // SAFETY: zeroed, which is a `T` as the caller promises.
        unsafe { self.one::<T>().assume_init_mut() }
    }

    /// One `T`, of this value.
    #[allow(clippy::mut_from_ref)]
    pub fn put<T>(&self, value: T) -> &mut T {
        self.one::<T>().write(value)
    }

    /// `len` values of `T`, all zero.
    ///
    /// # Errors
    /// The size is more than memory has.
    #[allow(clippy::mut_from_ref)]
    pub fn slice<T: Zeroed>(&self, len: usize) -> Result<&mut [T], CMemoryError> {
        let all = self.many::<T>(len)?;
        // SAFETY: zeroed, which is a `T` each by `Zeroed`; `MaybeUninit<T>` has its layout.
        Ok(unsafe { &mut *(std::ptr::from_mut(all) as *mut [T]) })
    }

    /// A copy of these values.
    #[allow(clippy::mut_from_ref)]
    pub fn copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        // A slice that exists fits memory.
        let Ok(all) = self.many::<T>(values.len()) else { out_of_memory(Layout::for_value(values)) };
        let to = all.as_mut_ptr().cast::<T>();
        // SAFETY: so many elements each, fresh memory and the caller's; all are written, so that
        // they are `T`.
        unsafe {
            to.copy_from_nonoverlapping(values.as_ptr(), values.len());
            std::slice::from_raw_parts_mut(to, values.len())
        }
    }

    /// A copy of a text, with a NUL after it.
    ///
    /// C may write into it: [`as_ptr`](CStr::as_ptr) is for reading, and `cast_mut` of it leads to
    /// memory that may be written.
    ///
    /// # Errors
    /// The text has a NUL in it.
    pub fn c_str(&self, text: &str) -> Result<&CStr, CMemoryError> {
        no_nul(text)?;
        let all =
            self.many::<u8>(text.len().checked_add(1).ok_or(CMemoryError::TooLarge { len: text.len(), size: 1 })?)?;
        let to = all.as_mut_ptr();
        // SAFETY: one byte more than the text has, zeroed: the text, with no NUL in it, and one
        // behind it.
        unsafe {
            to.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
            Ok(CStr::from_ptr(to.cast::<c_char>().cast_const()))
        }
    }

    /// How many pieces it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.borrow().len()
    }

    /// True if it has no pieces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[allow(clippy::mut_from_ref)]
    fn one<T>(&self) -> &mut MaybeUninit<T> {
        const { assert!(!std::mem::needs_drop::<T>(), "an arena drops nothing: it holds what needs no drop") };
        // SAFETY: fresh memory of the layout of a `T`, which nothing else refers to and which lives
        // as long as the arena.
        unsafe { self.block(Layout::new::<T>()).cast::<MaybeUninit<T>>().as_mut() }
    }

    #[allow(clippy::mut_from_ref)]
    fn many<T>(&self, len: usize) -> Result<&mut [MaybeUninit<T>], CMemoryError> {
        const { assert!(!std::mem::needs_drop::<T>(), "an arena drops nothing: it holds what needs no drop") };
        let block = self.block(array::<T>(len)?).cast::<MaybeUninit<T>>();
        // SAFETY: fresh memory of the layout of so many `T`, which nothing else refers to and which
        // lives as long as the arena.
        Ok(unsafe { NonNull::slice_from_raw_parts(block, len).as_mut() })
    }

    /// Fresh memory, zeroed.
    fn block(&self, layout: Layout) -> NonNull<c_void> {
        let mut blocks = self.blocks.borrow_mut();
        // Makes room first: if there is none, no block is lost.
        blocks.reserve(1);
        let block = c_memory::zeroed(layout).unwrap_or_else(|| out_of_memory(layout));
        blocks.push(block);
        block
    }
}

impl Drop for CArena {
    fn drop(&mut self) {
        for block in self.blocks.get_mut().drain(..) {
            // SAFETY: from `zeroed`; what was given out borrowed from the arena.
            unsafe { c_memory::free(block.as_ptr()) };
        }
    }
}

impl fmt::Debug for CArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CArena").field("pieces", &self.len()).finish()
    }
}

/// The reason why C memory was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CMemoryError {
    /// `len` elements of this size do not fit memory.
    TooLarge {
        /// How many.
        len: usize,
        /// Bytes of one.
        size: usize,
    },
    /// A text that C would take to end here.
    NulInside {
        /// The place of the NUL, in bytes.
        position: usize,
    },
    /// C has no memory left.
    OutOfMemory,
}

impl fmt::Display for CMemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CMemoryError::TooLarge { len, size } => write!(f, "{len} times {size} bytes are more than memory has"),
            CMemoryError::NulInside { position } => {
                write!(f, "the text has a NUL at byte {position}, where C would end it")
            }
            CMemoryError::OutOfMemory => f.write_str("C has no memory left"),
        }
    }
}

impl std::error::Error for CMemoryError {}

/// The layout of `len` values.
pub(crate) fn array<T>(len: usize) -> Result<Layout, CMemoryError> {
    Layout::array::<T>(len).map_err(|_| CMemoryError::TooLarge { len, size: size_of::<T>() })
}

/// Checks that C will read the whole text.
pub(crate) fn no_nul(text: &str) -> Result<(), CMemoryError> {
    text.bytes().position(|byte| byte == 0).map_or(Ok(()), |position| Err(CMemoryError::NulInside { position }))
}

#[cold]
fn out_of_memory(layout: Layout) -> ! {
    std::alloc::handle_alloc_error(layout)
}
