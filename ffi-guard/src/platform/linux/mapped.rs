//! The kernel's list of mappings.

use crate::platform::mapped::ROOM;
pub(crate) use crate::platform::unix::mapped::{map, unmap};

/// Visits the lines of `/proc/self/maps` until `visit` says false. A line longer than a path may be
/// is cut off.
pub(crate) fn each_line(visit: &mut dyn FnMut(&[u8]) -> bool) {
    let mut line = [0_u8; ROOM + 128];
    let mut len = 0;
    let mut buffer = [0_u8; 2048];
    // SAFETY: a C string.
    let file = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return;
    }
    'file: loop {
        // SAFETY: a live buffer and its length.
        let read = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
        let Some(bytes) = usize::try_from(read).ok().and_then(|read| buffer.get(..read)).filter(|it| !it.is_empty())
        else {
            break;
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
                break 'file;
            }
            len = 0;
        }
    }
    // SAFETY: opened above, closed once.
    unsafe { libc::close(file) };
}
