//! The glance at the words of an extent: whether one of them leads into Rust memory.

use crate::call::shape::{Shape, TypeInfo};
use crate::call::target::is_freed_by_c;
use crate::call::thread;
use crate::heap;

/// Bytes that are read here at most; for more, the rules are faster.
const FEW: usize = 256;

/// True if no word of an extent that could be a pointer leads into Rust memory.
///
/// # Safety
/// - The extent is readable.
#[inline]
pub(super) unsafe fn is_clear(address: usize, extent: usize, info: &TypeInfo) -> bool {
    const WORD: usize = size_of::<usize>();
    let ((heap, heap_len), (stack, end)) = (heap::bounds(), thread::stack_bounds());
    let stack_len = end.saturating_sub(stack);
    let clear = |at: usize| {
        // SAFETY: aligned, and in the extent, which the caller promises to be readable. Volatile,
        // because other threads may write there.
        let word = unsafe { std::ptr::with_exposed_provenance::<usize>(at).read_volatile() };
        word.wrapping_sub(heap) >= heap_len && word.wrapping_sub(stack) >= stack_len && !is_freed_by_c(word)
    };
    if extent > FEW {
        return false;
    }
    match info.shape {
        Shape::Plain | Shape::Out => true,
        Shape::Words | Shape::Untyped => {
            let mut at = address.next_multiple_of(WORD);
            while at + WORD <= address + extent {
                if !clear(at) {
                    return false;
                }
                at += WORD;
            }
            true
        }
        // One struct of plain fields and single pointers; others go to the rules.
        Shape::Fields(fields) if extent == info.size => fields.iter().all(|field| match field.shape {
            Shape::Plain => true,
            Shape::Words => {
                field.size == WORD && (address + field.offset).is_multiple_of(WORD) && clear(address + field.offset)
            }
            _ => false,
        }),
        _ => false,
    }
}
