//! The file that an address was mapped from, where the file begins in memory, and its bytes: found
//! without allocating, for a signal handler.

use std::ffi::CStr;
#[cfg(feature = "c-heap")]
use std::ops::Range;
use std::ops::{Deref, DerefMut};

use super::maps::Mapping;
use super::os::mapped::{each_line, map, map_executable, page_size, room, unmap};
use super::segments;

/// Bytes of the longest path that Linux gives, with ` (deleted)` and a zero at the end.
const PATH: usize = 4096 + 16;

/// A file that is mapped.
pub(crate) struct Mapped {
    /// The address where the file's first byte was loaded, or the first that the loader took from
    /// it.
    pub(crate) base: usize,
    /// The path, and zeros.
    path: Room,
    /// The file on disk, if it is still there.
    bytes: Option<Bytes>,
}

impl Mapped {
    fn path(&self) -> &[u8] {
        self.path.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// The file's name without folders, and without ` (deleted)`.
    pub(crate) fn name(&self) -> &str {
        let name = self.path().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        std::str::from_utf8(name.strip_suffix(b" (deleted)").unwrap_or(name)).unwrap_or("?")
    }

    /// The file's path as the kernel has it.
    #[cfg(globals)]
    pub(crate) fn file(&self) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        std::ffi::OsStr::from_bytes(self.path()).into()
    }

    /// The bytes of the file, as it is on disk now.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }
}

/// True for the names of the C library's files, of glibc and of musl.
pub(crate) fn is_c_library(name: &str) -> bool {
    const STARTS: [&str; 9] =
        ["libc.so", "libc-", "ld-musl", "ld-linux", "ld-2.", "libpthread", "libm.so", "libm-", "libdl."];
    STARTS.iter().any(|start| name.starts_with(start))
}

/// The file mapped at an address; `None` if there is none, or the system does not list it.
pub(crate) fn at(address: usize) -> Option<Mapped> {
    let Found { base, start, offset, inode, path } = find(address, page_size(), &mut |visit| each_line(visit))?;
    let bytes = CStr::from_bytes_until_nul(&path).ok().and_then(map).or_else(|| map_executable(inode)).map(Bytes);
    // The file itself says best where its parts are loaded: only it tells when two of them are on
    // one page of the file.
    let from_start =
        bytes.as_deref().and_then(|bytes| segments::from_start(bytes, (address - start).wrapping_add(offset)));
    Some(Mapped { base: from_start.map_or(base, |from_start| address.wrapping_sub(from_start)), path, bytes })
}

/// All bytes of a file, which stay mapped.
pub(crate) fn whole(path: &std::path::Path) -> Option<&'static [u8]> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
    map(&path)
}

/// The memory of the process that may be written and is no part of these ranges, which may overlap:
/// what the program and its libraries have mapped for themselves.
#[cfg(feature = "c-heap")]
pub(crate) fn outside_of(ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    each_line(&mut |line| {
        all.extend(Mapping::parse(line).filter(|it| it.is_own).map(|it| it.low..it.high));
        true
    });
    for known in ranges {
        let cut = |it: Range<usize>| [it.start..it.end.min(known.start), it.start.max(known.end)..it.end];
        all = all.into_iter().flat_map(cut).filter(|it| !it.is_empty()).collect();
    }
    all
}

/// What the list tells of an address.
struct Found {
    /// The address where the lowest part of the file is, of the parts that belong together.
    base: usize,
    /// The mapping that has the address: its first byte, and that byte's place in the file.
    start: usize,
    offset: usize,
    inode: usize,
    path: Room,
}

/// Visits the lines of the list until its argument says false.
type Lines<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]) -> bool);

fn find(address: usize, page: usize, lines: Lines<'_>) -> Option<Found> {
    let mut wanted = Room::of(PATH)?;
    let mut found = None;
    lines(&mut |line| {
        let Some(mapping) = Mapping::parse(line) else { return true };
        if !(mapping.low..mapping.high).contains(&address) {
            return true;
        }
        // The whole line: all fields are compared below.
        let len = line.len().min(wanted.len() - 1);
        if let (Some(to), Some(from)) = (wanted.get_mut(..len), line.get(..len)) {
            to.copy_from_slice(from);
            found = (!mapping.path.is_empty()).then_some(len);
        }
        false
    });
    let line = wanted.get(..found?)?;
    let here = Mapping::parse(line)?;
    // A module's parts follow each other in the file as they do in memory. The same file may be
    // mapped again, below or above, as whoever reads its symbols does: there the file begins again.
    let mut base = here.low;
    let mut end_in_file = None;
    lines(&mut |line| {
        let Some(mapping) = Mapping::parse(line).filter(|it| it.has_file_of(&here)) else { return true };
        if mapping.low > here.low {
            return false;
        }
        // The loader closes what lies between the parts.
        if mapping.is_open {
            // The last page of one part may be the first of the next.
            if end_in_file.is_none_or(|end| mapping.offset.saturating_add(page) < end) {
                base = mapping.low;
            }
            end_in_file = Some(mapping.offset.saturating_add(mapping.high - mapping.low));
        }
        mapping.low < here.low
    });
    let (start, offset, inode, from) = (here.low, here.offset, here.inode, line.len() - here.path.len());
    let len = line.len();
    wanted.copy_within(from..len, 0);
    if let Some(rest) = wanted.get_mut(len - from..) {
        rest.fill(0);
    }
    Some(Found { base, start, offset, inode, path: wanted })
}

/// Memory of its own, zeros at first: neither the heap's nor the stack's, which may be short.
struct Room(&'static mut [u8]);

impl Room {
    fn of(path: usize) -> Option<Room> {
        // A line has some 100 bytes before the path.
        room(path + 128).map(Room)
    }
}

impl Deref for Room {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl DerefMut for Room {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // SAFETY: `room` gave them, and no borrow of them outlives this.
        unsafe { unmap(self.0) };
    }
}

/// The bytes of a file.
struct Bytes(&'static [u8]);

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
        assert!(here.bytes().is_some_and(|bytes| bytes.starts_with(b"\x7fELF")));
        let local = 0;
        assert!(at((&raw const local).addr()).is_none());
        assert!(at(8).is_none());
    }

    /// The path and the base of an address in this list.
    fn place(maps: &str, address: usize) -> Option<(String, usize)> {
        let found = find(address, 4096, &mut |visit| {
            let _ = maps.lines().all(|line| visit(line.as_bytes()));
        })?;
        let path = found.path.split(|&byte| byte == 0).next().unwrap();
        Some((String::from_utf8(path.to_vec()).unwrap(), found.base))
    }

    #[test]
    fn a_short_path_after_a_long_one_keeps_nothing_of_it() {
        let long = format!("/{}server", "very/long/".repeat(400));
        let maps = format!(
            "1000-2000 r-xp 00000000 08:01 77 {long}\n5000-6000 r-xp 00000000 08:01 78 /lib/c.so\n\
             7000-8000 r-xp 00000000 08:01 79 /opt/my app/a b (deleted)\n9000-a000 r-xp 00000000 08:01 80 /b\n"
        );
        assert_eq!(place(&maps, 0x1008), Some((long, 0x1000)));
        assert_eq!(place(&maps, 0x5fff), Some(("/lib/c.so".into(), 0x5000)));
        assert_eq!(place(&maps, 0x7000), Some(("/opt/my app/a b (deleted)".into(), 0x7000)));
        assert_eq!(place(&maps, 0x9000), Some(("/b".into(), 0x9000)));
        assert_eq!(place(&maps, 0x4fff), None);
        assert_eq!(place(&maps, 0xa000), None);
    }

    #[test]
    fn a_module_begins_where_its_own_first_part_is() {
        // A reader's mapping right below, one above, one of another file with the same path, and
        // variables that come from no file.
        let maps = "10000-15000 r--p 00000000 08:01 77 /x/lib.so\n\
                    15000-16000 r--p 00000000 08:01 77 /x/lib.so\n\
                    16000-17000 r-xp 00001000 08:01 77 /x/lib.so\n\
                    17000-19000 ---p 00002000 08:01 77 /x/lib.so\n\
                    19000-1a000 r--p 00002000 08:01 77 /x/lib.so\n\
                    1a000-1b000 rw-p 00002000 08:01 77 /x/lib.so\n\
                    1b000-1c000 rw-p 00000000 00:00 0 \n\
                    20000-25000 r--p 00000000 08:01 77 /x/lib.so\n\
                    30000-31000 r--p 00000000 08:01 99 /x/lib.so\n\
                    31000-32000 r-xp 00001000 08:01 99 /x/lib.so\n\
                    40000-45000 r--p 00000000 08:01 77 /x/lib.so\n";
        let base = |address| place(maps, address).map(|place| place.1);
        assert_eq!(base(0x16108), Some(0x15000));
        assert_eq!(base(0x15008), Some(0x15000));
        assert_eq!(base(0x1a000), Some(0x15000));
        assert_eq!(base(0x1b000), None);
        assert_eq!(base(0x20008), Some(0x20000));
        assert_eq!(base(0x31008), Some(0x30000));
        assert_eq!(base(0x12000), Some(0x10000));
    }

    #[test]
    fn parts_may_have_a_page_of_the_file_in_common() {
        // As LLD lays it out: the end of one part and the beginning of the next are one page.
        let maps = "10000-12000 r--p 00000000 08:01 77 /x\n12000-14000 r-xp 00001000 08:01 77 /x\n\
                    14000-15000 rw-p 00002000 08:01 77 /x\n50000-51000 r--p 00000000 08:01 78 /tiny\n\
                    51000-52000 r-xp 00000000 08:01 78 /tiny\n";
        assert_eq!(place(maps, 0x12345), Some(("/x".into(), 0x10000)));
        assert_eq!(place(maps, 0x14000), Some(("/x".into(), 0x10000)));
        assert_eq!(place(maps, 0x51300), Some(("/tiny".into(), 0x50000)));
    }

    #[test]
    fn a_file_that_is_mapped_again_is_no_other_module() {
        let code = a_file_that_is_mapped_again_is_no_other_module as *const () as usize;
        let before = at(code).unwrap().base;
        let path =
            std::ffi::CString::new(std::env::current_exe().unwrap().into_os_string().into_encoded_bytes()).unwrap();
        let again: Vec<Bytes> = (0..4).map(|_| Bytes(map(&path).unwrap())).collect();
        assert_eq!(at(code).unwrap().base, before);
        let first = again[0].as_ptr().addr();
        assert_eq!(at(first + 100).unwrap().name(), at(code).unwrap().name());
    }
}
