//! No list of mappings, and no mapping of files.

use std::ffi::CStr;

pub(crate) fn each_line(_visit: &mut dyn FnMut(&[u8]) -> bool) {}

pub(crate) fn map(_path: &CStr) -> Option<&'static [u8]> {
    None
}

pub(crate) fn map_executable(_inode: usize) -> Option<&'static [u8]> {
    None
}

pub(crate) fn room(_len: usize) -> Option<&'static mut [u8]> {
    None
}

pub(crate) fn page_size() -> usize {
    4096
}

/// Does nothing: there is nothing to unmap.
///
/// # Safety
/// - None.
pub(crate) unsafe fn unmap(_bytes: *const [u8]) {}
