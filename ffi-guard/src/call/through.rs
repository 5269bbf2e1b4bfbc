//! Reading an extent through a pointer that is an argument too: `sized_by = *n`.

use super::argument::{Stated, Unread};
use crate::heap;

/// Looks at a pointer before the extent of another argument is read through it. `parameter`: where
/// the pointer begins.
///
/// A pointer into C's memory, or into a stack, is taken to be as good as C will take it.
///
/// # Errors
/// What is known of the extent, if the pointer is null, misaligned, or leads into no live block of
/// the Rust heap that has a `T` there.
#[inline(never)]
pub fn through<T>(pointer: *const T, parameter: usize) -> Result<*const T, Stated> {
    let address = pointer.addr();
    let readable =
        || !heap::contains(address) || heap::rest_of_live(address).is_some_and(|rest| rest >= size_of::<T>());
    if address != 0 && pointer.is_aligned() && readable() {
        return Ok(pointer);
    }
    let parameter = u32::try_from(parameter).unwrap_or(u32::MAX);
    Err(Stated::Unread(Unread { parameter, null: address == 0 }))
}
