//! Which file an address was mapped from, and the file's bytes: found out without allocating, as in a signal handler.

use std::ops::Deref;

/// What of a path is kept.
const ROOM: usize = 512;

/// A file that is mapped.
pub(crate) struct Mapped {
    /// Where its first mapping begins.
    pub(crate) base: usize,
    path: [u8; ROOM],
    len: usize,
}

impl Mapped {
    const NONE: Mapped = Mapped { base: 0, path: [0; ROOM], len: 0 };

    fn path(&self) -> &[u8] {
        self.path.get(..self.len).unwrap_or_default()
    }

    /// The file's name without folders.
    pub(crate) fn name(&self) -> &str {
        let path = std::str::from_utf8(self.path()).unwrap_or("?");
        path.rsplit('/').next().unwrap_or(path)
    }

    fn take_path(&mut self, path: &[u8]) {
        self.len = path.len().min(ROOM - 1);
        if let (Some(to), Some(from)) = (self.path.get_mut(..self.len), path.get(..self.len)) {
            to.copy_from_slice(from);
        }
    }
}

/// The file behind an address; `None` where there is none, or the system does not tell.
pub(crate) fn at(address: usize) -> Option<Mapped> {
    let mut last = Mapped::NONE;
    let mut found = false;
    each_line(&mut |line| {
        // `7f10e0000000-7f10e0010000 r-xp 00010000 08:01 77   /a path`
        let Some((low, rest)) = hex(line) else { return true };
        let Some((high, rest)) = rest.strip_prefix(b"-").and_then(hex) else { return true };
        let path = rest.iter().position(|&byte| byte == b'/').and_then(|at| rest.get(at..)).unwrap_or_default();
        if !path.is_empty() && path.get(..ROOM - 1).unwrap_or(path) != last.path() {
            last.base = low;
            last.take_path(path);
        }
        found = (low..high).contains(&address) && !path.is_empty();
        !found
    });
    found.then_some(last)
}

/// A number in hexadecimal at the beginning, and what follows.
fn hex(text: &[u8]) -> Option<(usize, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = text.get(..len).filter(|digits| !digits.is_empty())?;
    let value = digits.iter().fold(0, |value, &digit| value << 4 | (digit as char).to_digit(16).unwrap_or(0) as usize);
    Some((value, text.get(len..)?))
}

#[cfg(target_os = "linux")]
fn each_line(visit: &mut dyn FnMut(&[u8]) -> bool) {
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

#[cfg(not(target_os = "linux"))]
fn each_line(_visit: &mut dyn FnMut(&[u8]) -> bool) {}

/// A file's bytes.
pub(crate) struct Bytes(&'static [u8]);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

#[cfg(unix)]
impl Bytes {
    /// The bytes of a mapped file, as it is on disk now.
    pub(crate) fn of(mapped: &Mapped) -> Option<Bytes> {
        // SAFETY: the path ends in a NUL, since it is shorter than its room, which was zero. The mapping is as long as the file,
        // private, and unmapped when this drops. A file that is cut short meanwhile is the one thing that nothing is done against.
        unsafe {
            let file = libc::open(mapped.path.as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
            if file < 0 {
                return None;
            }
            let len = usize::try_from(libc::lseek(file, 0, libc::SEEK_END)).unwrap_or(0);
            let at = libc::mmap(std::ptr::null_mut(), len.max(1), libc::PROT_READ, libc::MAP_PRIVATE, file, 0);
            libc::close(file);
            (at != libc::MAP_FAILED).then(|| Bytes(std::slice::from_raw_parts(at.cast(), len)))
        }
    }
}

#[cfg(unix)]
impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: mapped in `of`, and the slice does not leave this.
        unsafe { libc::munmap(self.0.as_ptr().cast_mut().cast(), self.0.len().max(1)) };
    }
}

#[cfg(not(unix))]
impl Bytes {
    pub(crate) fn of(_mapped: &Mapped) -> Option<Bytes> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn code_comes_from_a_file() {
        let here = at(code_comes_from_a_file as *const () as usize).expect("this test's own file");
        let path = std::env::current_exe().unwrap();
        assert_eq!(Some(here.name()), path.file_name().and_then(|name| name.to_str()));
        assert!(Bytes::of(&here).is_some_and(|bytes| bytes.starts_with(b"\x7fELF")));
        let local = 0;
        assert!(at((&raw const local).addr()).is_none());
        assert!(at(8).is_none());
    }
}
