//! No address space can be reserved, and nothing is done that only some systems can do with it.

use std::ops::Range;

use crate::platform::memory::PAGE;

pub(crate) const LARGE_PAGE: usize = 0;

pub(crate) const CAN_MOVE_PAGES: bool = false;

pub(crate) fn reserve(_len: usize, _align: usize) -> Option<usize> {
    None
}

pub(crate) fn release(_range: Range<usize>) {}

pub(crate) fn commit(_range: Range<usize>) -> bool {
    false
}

pub(crate) fn decommit(_range: Range<usize>) {}

pub(crate) fn discard(_range: Range<usize>) {}

pub(crate) fn address_space_limit() -> Option<usize> {
    None
}

pub(crate) fn address_space_taken() -> usize {
    0
}

pub(crate) fn use_large_pages(_range: Range<usize>) {}

pub(crate) fn close_pages(_range: Range<usize>) -> bool {
    false
}

pub(crate) fn open_pages(_range: Range<usize>) -> bool {
    false
}

pub(crate) fn move_pages(_from: Range<usize>, _to: usize) -> bool {
    false
}

/// Calls `f` with every page of the range, until it says false: the untouched ones are not known.
pub(crate) fn for_each_touched(range: Range<usize>, f: impl FnMut(usize) -> bool) {
    let _ = range.step_by(PAGE).all(f);
}

pub(crate) fn most_mappings() -> usize {
    0
}
