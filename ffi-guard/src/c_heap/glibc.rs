//! glibc's own `malloc`, by the names that no replacement takes.
//!
//! References to them are weak: a static executable has no other `malloc` than ours, and a strong
//! reference would bring glibc's in, to collide with it.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::platform::c_library;

type Memory = *mut c_void;

/// The functions, laid out as the words of [`Table`], none of which is null.
#[repr(C)]
pub(super) struct Glibc {
    pub(super) malloc: unsafe extern "C" fn(usize) -> Memory,
    pub(super) calloc: unsafe extern "C" fn(usize, usize) -> Memory,
    pub(super) realloc: unsafe extern "C" fn(Memory, usize) -> Memory,
    pub(super) free: unsafe extern "C" fn(Memory),
    memalign: unsafe extern "C" fn(usize, usize) -> Memory,
}

/// The words that the linker fills in.
#[repr(C)]
struct Table([usize; 5]);

std::arch::global_asm!(
    ".pushsection .data.rel.ro.ffi_guard_glibc, \"aw\", @progbits",
    ".balign 8",
    ".globl ffi_guard_glibc",
    ".hidden ffi_guard_glibc",
    ".type ffi_guard_glibc, @object",
    ".size ffi_guard_glibc, 40",
    "ffi_guard_glibc:",
    ".weak __libc_malloc",
    ".weak __libc_calloc",
    ".weak __libc_realloc",
    ".weak __libc_free",
    ".weak __libc_memalign",
    ".quad __libc_malloc",
    ".quad __libc_calloc",
    ".quad __libc_realloc",
    ".quad __libc_free",
    ".quad __libc_memalign",
    ".popsection",
);

unsafe extern "C" {
    static ffi_guard_glibc: Table;
}

/// glibc's functions; `None` if this program has no `malloc` but ours.
#[inline]
pub(super) fn glibc() -> Option<&'static Glibc> {
    // SAFETY: it is defined above, five words, filled in by the linker or the loader before any of
    // our code runs.
    let table = unsafe { &ffi_guard_glibc };
    // SAFETY: the table's five words; none of them is null, so they are functions of these types.
    table.0.iter().all(|&word| word != 0).then(|| unsafe { &*std::ptr::from_ref(table).cast::<Glibc>() })
}

impl Glibc {
    /// Memory of `size` bytes at a multiple of `align`.
    ///
    /// # Safety
    /// - `align` is a power of two.
    pub(super) unsafe fn memalign(&self, size: usize, align: usize) -> Memory {
        // SAFETY: glibc's own functions; the caller passes a power of two.
        unsafe { if align <= super::ALIGN { (self.malloc)(size) } else { (self.memalign)(align, size) } }
    }

    /// The usable bytes of a block.
    ///
    /// # Safety
    /// - `block` is a live block of glibc's.
    pub(super) unsafe fn usable_size(&self, block: Memory) -> usize {
        // This function has no second name: it is looked up as the next one after ours.
        static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
        let mut found = FOUND.load(Ordering::Relaxed);
        if found.is_null() {
            found = c_library::next_function(c"malloc_usable_size");
            FOUND.store(found, Ordering::Relaxed);
        }
        if found.is_null() {
            return 0;
        }
        // SAFETY: a function of this name has this type.
        let function: unsafe extern "C" fn(Memory) -> usize = unsafe { std::mem::transmute(found) };
        // SAFETY: the caller passes a live block of glibc's.
        unsafe { function(block) }
    }
}
