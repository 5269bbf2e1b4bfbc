//! The file that an address was mapped from, and the file's bytes: found without allocating, for a
//! signal handler.

use std::ffi::CStr;
use std::ops::Deref;

use super::os::mapped::{each_line, map, unmap};

/// Bytes of a path that are kept.
pub(super) const ROOM: usize = 512;

/// A file that is mapped.
pub(crate) struct Mapped {
    /// The address where its first mapping begins.
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

/// The file mapped at an address; `None` if there is none, or the system does not list it.
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

/// The hexadecimal number at the beginning, and the rest.
fn hex(text: &[u8]) -> Option<(usize, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = text.get(..len).filter(|digits| !digits.is_empty())?;
    let value = digits.iter().fold(0, |value, &digit| value << 4 | (digit as char).to_digit(16).unwrap_or(0) as usize);
    Some((value, text.get(len..)?))
}

/// The bytes of a file.
pub(crate) struct Bytes(&'static [u8]);

impl Bytes {
    /// The bytes of a mapped file, as it is on disk now.
    pub(crate) fn of(mapped: &Mapped) -> Option<Bytes> {
        map(CStr::from_bytes_until_nul(&mapped.path).ok()?).map(Bytes)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // SAFETY: `map` gave them, and no borrow of them outlives this.
        unsafe { unmap(self.0) };
    }
}

#[cfg(all(test, globals))]
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
