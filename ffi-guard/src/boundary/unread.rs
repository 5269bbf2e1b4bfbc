//! An extent that was not read, because the pointer that it is read through is null.

use std::ops::Range;

use super::breach::Stop;
use crate::call::argument::Argument;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::thread;
use crate::facts::Memory;
use crate::rules;

/// Reports the null pointer that the extent of argument `index` is read through, if there is one.
#[inline]
pub(super) fn tell(site: &Site, index: usize, arguments: &[Argument], stack: &Range<usize>) -> Result<(), Stop> {
    let Some((through, finding)) = rules::null_pointer::check_extent(index, arguments) else { return Ok(()) };
    let Some(pointer) = arguments.get(through) else { return Ok(()) };
    let memory = Memory::of(&Target::of(pointer.address, stack), pointer.address, 0, thread::id());
    site.breach(Some(through), finding, (pointer, 0), Some(memory))
}
