//! The kernel's list of mappings.

use std::ffi::CStr;
use std::mem::MaybeUninit;

pub(crate) use crate::platform::unix::mapped::{map, page_size, room, unmap};

/// Bytes of a line: those before the path, the longest path, and ` (deleted)`.
const LINE: usize = 4096 + 144;
/// Bytes that are read at once.
const READ: usize = 8192 - LINE;

/// Visits the lines of `/proc/self/maps` until `visit` says false. A line that is too long is cut
/// off; no line is visited if there is no memory for one.
pub(crate) fn each_line(visit: &mut dyn FnMut(&[u8]) -> bool) {
    let Some(room) = room(LINE + READ) else { return };
    // SAFETY: a C string.
    let file = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file >= 0 {
        let (line, buffer) = room.split_at_mut(LINE);
        read_lines(file, line, buffer, visit);
        // SAFETY: opened above, closed once.
        unsafe { libc::close(file) };
    }
    // SAFETY: mapped above, and nothing has it any more.
    unsafe { unmap(room) };
}

fn read_lines(file: libc::c_int, line: &mut [u8], buffer: &mut [u8], visit: &mut dyn FnMut(&[u8]) -> bool) {
    let mut len = 0;
    loop {
        // SAFETY: a live buffer and its length.
        let read = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
        let Some(bytes) = usize::try_from(read).ok().and_then(|read| buffer.get(..read)).filter(|it| !it.is_empty())
        else {
            return;
        };
        for &byte in bytes {
            if byte != b'\n' {
                if let Some(place) = line.get_mut(len) {
                    *place = byte;
                    len += 1;
                }
                continue;
            }
            if !visit(line.get(..len).unwrap_or_default()) {
                return;
            }
            len = 0;
        }
    }
}

/// Maps the program's own file if it has this number: also after it was deleted or replaced, as by
/// a build while it runs.
pub(crate) fn map_executable(inode: usize) -> Option<&'static [u8]> {
    const SELF: &CStr = c"/proc/self/exe";
    let mut facts = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a C string, and room for what is written, which is read if that succeeded.
    let is_it = unsafe {
        libc::stat(SELF.as_ptr(), facts.as_mut_ptr()) == 0 && facts.assume_init_ref().st_ino as usize == inode
    };
    is_it.then(|| map(SELF)).flatten()
}
