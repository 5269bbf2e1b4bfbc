//! A line of the kernel's list of mappings, `/proc/self/maps`.

/// A part of the address space, as a line tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping<'line> {
    /// The first byte.
    pub(super) low: usize,
    /// The end.
    pub(super) high: usize,
    /// True if it may be read, written or executed.
    pub(super) is_open: bool,
    /// True if it may be read and written, and is the process's alone.
    pub(super) is_own: bool,
    /// The place of its first byte in the file.
    pub(super) offset: usize,
    /// The device, as the line has it, and the number of the file there; 0 without a file.
    pub(super) device: &'line [u8],
    pub(super) inode: usize,
    /// The path of the file, with its blanks, and with ` (deleted)` if it has no name any more;
    /// empty if no file is mapped.
    pub(super) path: &'line [u8],
}

impl<'line> Mapping<'line> {
    /// Reads `7f10e0000000-7f10e0010000 r-xp 00010000 08:01 77   /a path`, without the line's end.
    pub(super) fn parse(line: &'line [u8]) -> Option<Mapping<'line>> {
        let (low, rest) = number(line, 16)?;
        let (high, rest) = number(rest.strip_prefix(b"-")?, 16)?;
        let (access, rest) = field(rest);
        let (offset, rest) = field(rest);
        let (device, rest) = field(rest);
        let (inode, rest) = field(rest);
        // The sixth field is the rest of the line: a path may hold blanks, and what is no file
        // (`[stack]`, `[anon:a/b]`, `anon_inode:[io_uring]`) does not begin with a slash.
        let path = rest.trim_ascii_start();
        Some(Mapping {
            low,
            high,
            is_open: access.iter().take(3).any(|&it| it != b'-'),
            is_own: access.starts_with(b"rw") && access.ends_with(b"p"),
            offset: number(offset, 16)?.0,
            device,
            inode: number(inode, 10)?.0,
            path: if path.starts_with(b"/") { path } else { b"" },
        })
    }

    /// True if both are of the same file. Two files may have the same path, one after the other.
    pub(super) fn has_file_of(&self, other: &Mapping<'_>) -> bool {
        (self.device, self.inode, self.path) == (other.device, other.inode, other.path)
    }
}

/// The next field, after the blanks before it, and the rest.
fn field(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(text.iter().position(|&byte| byte == b' ').unwrap_or(text.len()))
}

/// The number at the beginning, and the rest.
fn number(text: &[u8], radix: u32) -> Option<(usize, &[u8])> {
    let digit = |byte: &u8| char::from(*byte).to_digit(radix);
    let len = text.iter().take_while(|byte| digit(byte).is_some()).count();
    let digits = text.get(..len).filter(|digits| !digits.is_empty())?;
    let add = |value: usize, next: &u8| value.checked_mul(radix as usize)?.checked_add(digit(next)? as usize);
    Some((digits.iter().try_fold(0, add)?, text.get(len..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_rest_of_the_line() {
        let path = |line: &'static str| Mapping::parse(line.as_bytes()).map(|it| std::str::from_utf8(it.path).unwrap());
        for (line, expected) in [
            ("1000-2000 r-xp 00010000 08:01 77   /opt/my app/ser  ver", "/opt/my app/ser  ver"),
            ("1000-2000 r-xp 00000000 103:02 77 /a (deleted)", "/a (deleted)"),
            ("1000-2000 r--s 00000000 00:01 9    /memfd:a/b (deleted)", "/memfd:a/b (deleted)"),
            ("1000-2000 r-xp 00000000 00:00 0 [vdso]", ""),
            ("1000-2000 rw-p 00000000 00:00 0    [anon:a name/with a slash]", ""),
            ("1000-2000 rw-s 00000000 00:0e 7    anon_inode:[io_uring]/x", ""),
            ("1000-2000 rw-p 00000000 00:00 0 ", ""),
            ("1000-2000 rw-p 00000000 00:00 0", ""),
            ("1000-2000 r-xp 00000000 08:01 77 /a\\012b", "/a\\012b"),
        ] {
            assert_eq!(path(line), Some(expected), "{line}");
        }
        let long = format!("1000-2000 r-xp 00000000 08:01 77 /{}", "long/".repeat(800));
        assert_eq!(Mapping::parse(long.as_bytes()).unwrap().path.len(), 4001);
    }

    #[test]
    fn every_field_is_read() {
        let line = b"7f10e0000000-7f10e0010000 r-xp 00012000 fd:00 18446744073709551615 /a";
        let expected = Mapping {
            low: 0x7f10_e000_0000,
            high: 0x7f10_e001_0000,
            is_open: true,
            is_own: false,
            offset: 0x12000,
            device: b"fd:00",
            inode: usize::MAX,
            path: b"/a",
        };
        if size_of::<usize>() == 8 {
            assert_eq!(Mapping::parse(line), Some(expected));
        }
        assert!(!Mapping::parse(b"0-1 ---p 0 0:0 0").unwrap().is_open);
        assert!(Mapping::parse(b"0-1 --xp 0 0:0 0").unwrap().is_open);
        assert!(Mapping::parse(b"0-1 rw-p 0 0:0 0").unwrap().is_own);
        assert!(!Mapping::parse(b"0-1 rw-s 0 0:0 0").unwrap().is_own);
        assert!(!Mapping::parse(b"0-1 r--p 0 0:0 0").unwrap().is_own);
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for line in
            ["", "-", "1000", "1000-", "1000-2000", "1000-2000 r-xp", "x-y r-xp 0 0:0 0", "1-11111111111111111 r 0 0 0"]
        {
            assert_eq!(Mapping::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}
