//! From return addresses to the user's frames, when a report is printed and not before.

use crate::facts::Allocation;
use std::path::{Path, PathBuf};

use crate::heap::trace::TraceId;
use crate::platform::{mapped, symbols};

/// One frame of a backtrace, as far as the debug info tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub(crate) address: usize,
    pub(crate) function: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
}

impl Frame {
    /// The return address.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// The function's name, without hash.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// The source file, as the debug info has it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column, from 1.
    #[must_use]
    pub fn column(&self) -> Option<u32> {
        self.column
    }

    /// Whether its source is Rust.
    fn is_of_rust(&self) -> bool {
        self.file.as_deref().is_some_and(|file| file.extension().is_some_and(|end| end == "rs"))
    }

    /// Whether it is in the C library's own source, which debug information of that library tells
    /// (`libc6-dbg`, or a server of such files): no program's, wherever the file is said to be.
    fn is_in_c_library(&self) -> bool {
        let is_in_it = || mapped::at(self.address).is_some_and(|file| mapped::is_c_library(file.name()));
        self.file.is_some() && !self.is_of_rust() && is_in_it()
    }

    /// Whether its source is this crate's, or that of the crate that walks the stack. Debug
    /// information with lines alone (`debug = "line-tables-only"`) names a function that was
    /// inlined without its path, so that only the file tells whose it is.
    fn is_in_our_source(&self) -> bool {
        let Some(file) = self.file.as_deref() else { return false };
        let text = file.to_string_lossy();
        let ours = text.find(OUR_SOURCE).is_some_and(|at| at == 0 || text[..at].ends_with(['/', '\\']));
        let mut folders = file.iter().map(|part| part.to_string_lossy());
        let walks = |folder: &str| folder == "backtrace" || folder.starts_with("backtrace-0.");
        // The unit tests of this crate are its users.
        ours && !cfg!(test)
            || folders.by_ref().any(|folder| walks(&folder)) && folders.next().is_some_and(|it| it == "src")
    }

    /// Whether it is one of the functions inside of a guarded function's wrapper, which the user
    /// has not written. The wrapper itself has the name that the user knows.
    fn is_inside_wrapper(&self) -> bool {
        let name = self.function.as_deref().unwrap_or_default();
        name.contains("__ffi_guard_checked") || name.contains("__ffi_guard_closely")
    }

    /// Whether it is in code that the user wrote, or at least chose: neither the standard library
    /// nor this crate.
    fn is_users(&self) -> bool {
        let in_library = self.file.as_deref().is_some_and(|file| {
            let file = file.to_string_lossy();
            ["/library/std/", "/library/core/", "/library/alloc/", "/library/test/", "/library/backtrace/"]
                .iter()
                .any(|library| file.contains(library))
        });
        // The end of a stack often yields an address or two without a name.
        let Some(name) = self.function.as_deref() else { return self.file.is_some() && !in_library };
        // `<alloc::vec::Vec<T> as Clone>::clone` is of the crate that its first word names.
        let path = name.trim_start_matches(['<', '&']);
        let of = |krate: &str| path.starts_with(krate) && path[krate.len()..].starts_with("::");
        let runtime = path.starts_with("__rust") || path.starts_with("__libc_start");
        // With `c-heap` these are ours; else they are the C library's.
        let runtime = runtime || ALLOCATORS.contains(&path);
        // `main` of a Rust program has no source; one of C's is the user's.
        let entry = path == "main" && self.file.is_none()
            || ["_start", "clone3", "__clone", "start_thread", "rust_begin_unwind"].contains(&path)
                && !self.is_of_rust();
        // The unit tests of this crate are its users.
        // The functions that C is given for closures go by the closure's name first.
        let ours = of("ffi_guard") && !name.contains("::tests::") || name.contains("ffi_guard::callback::signature");
        let std = ["std", "core", "alloc", "test", "backtrace", "hashbrown"].into_iter().any(of);
        let hidden = in_library || std || runtime || ours || entry;
        !(hidden || self.is_in_our_source() || self.is_inside_wrapper() || self.is_in_c_library())
    }
}

/// The folder of this crate's source, as debug information names it.
const OUR_SOURCE: &str = file!().split_at(file!().len() - "report/frames.rs".len()).0;

/// The functions of C that allocate.
const ALLOCATORS: [&str; 10] = [
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "free",
];

/// The frames of a trace, innermost first, inlined ones included.
pub(super) fn of_trace(id: TraceId) -> Vec<Frame> {
    symbolise(crate::heap::trace::frames(id))
}

/// The frames of a fault. Its first address is the instruction itself and no return address, so
/// that one byte more is looked up.
pub(super) fn of_fault(addresses: &[usize]) -> Vec<Frame> {
    let Some((&first, callers)) = addresses.split_first() else { return Vec::new() };
    let mut frames = symbolise(&[first + 1]);
    frames.iter_mut().for_each(|frame| frame.address = first);
    frames.extend(symbolise(callers));
    frames
}

/// The frames of the calling thread, innermost first.
pub(super) fn here() -> Vec<Frame> {
    /// Enough for any stack that a person reads.
    const MOST: usize = 256;
    let mut addresses = Vec::new();
    backtrace::trace(|frame| {
        addresses.push(frame.ip().addr());
        addresses.len() < MOST
    });
    symbolise(&addresses)
}

/// Without the functions that stand for a guarded one: all of them are at its declaration, and its
/// caller is of interest.
pub(super) fn without_wrappers(frames: &[Frame]) -> Vec<Frame> {
    let mut kept: Vec<Frame> = Vec::new();
    let mut last: Option<&Frame> = None;
    for frame in frames {
        let outer = last
            .is_some_and(|last| last.is_inside_wrapper() && last.file() == frame.file() && last.line() == frame.line());
        if !frame.is_inside_wrapper() && !outer {
            kept.push(frame.clone());
        }
        last = Some(frame);
    }
    kept
}

/// Looks return addresses up in the debug info.
fn symbolise(addresses: &[usize]) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(addresses.len());
    // Zero ends a stack; it is no place.
    for &address in addresses.iter().filter(|&&address| address != 0) {
        let before = frames.len();
        // `resolve` takes a return address: it looks one byte before it, at the call.
        symbols::resolve(address, |symbol| {
            frames.push(Frame {
                address,
                // `{:#}` leaves the hash out.
                function: symbol.name().map(|name| format!("{name:#}")),
                file: symbol.filename().map(Path::to_path_buf),
                line: symbol.lineno(),
                column: symbol.colno(),
            });
        });
        if frames.len() == before {
            frames.push(Frame { address, function: None, file: None, line: None, column: None });
        }
    }
    frames
}

/// The user's first frames, and how many were left out.
pub(super) fn users(mut frames: Vec<Frame>, at_most: usize) -> (Vec<Frame>, usize) {
    let all = frames.len();
    if frames.iter().any(Frame::is_users) {
        frames.retain(Frame::is_users);
    }
    frames.truncate(at_most);
    let hidden = all - frames.len();
    (frames, hidden)
}

/// The function's last name, as short as it still tells: `read_name`, `read_name::{closure}`.
pub(super) fn short_function(name: &str) -> String {
    let name = name.replace("{{closure}}", "{closure}");
    // From the last `::` outside of angle brackets on.
    let mut depth = 0_i32;
    let mut cuts = vec![0];
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' if at == 0 || bytes[at - 1] != b'-' => depth -= 1,
            b':' if depth == 0 && at > 0 && bytes[at - 1] == b':' => cuts.push(at + 1),
            _ => {}
        }
    }
    let from = cuts.iter().rev().copied().find(|&cut| !name[cut..].starts_with(['{', '<']) || cut == 0).unwrap_or(0);
    name[from..].to_string()
}

/// The module that an address lies in, and the bytes from its start: all that is known without
/// debug info.
pub(super) fn module(address: usize) -> Option<(String, usize)> {
    let mapped = mapped::at(address)?;
    Some((mapped.name().to_owned(), address - mapped.base))
}

impl Allocation {
    /// The backtrace, innermost frame first; empty if none was recorded. Looks the symbols up
    /// again at each call.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        of_trace(self.trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn here() -> Vec<usize> {
        let mut addresses = Vec::new();
        backtrace::trace(|frame| {
            addresses.push(frame.ip() as usize);
            true
        });
        addresses
    }

    #[test]
    fn the_first_frames_are_the_users() {
        let all = symbolise(&here());
        let (frames, hidden) = users(all.clone(), 3);
        assert_eq!(hidden, all.len() - frames.len());
        let names: Vec<_> = frames.iter().filter_map(Frame::function).map(short_function).collect();
        assert!(names.iter().any(|name| name == "the_first_frames_are_the_users"), "{names:?}");
        let frame = &frames[0];
        assert!(frame.file().is_some_and(|file| file.ends_with("report/frames.rs")), "{frame:?}");
        assert!(frame.line().is_some() && frame.column().is_some());
        let hash = |name: &str| name.rsplit_once("::h").is_some_and(|(_, hash)| hash.len() == 16);
        assert!(frames.iter().all(|frame| !hash(frame.function().unwrap_or(""))), "hashes: {frames:?}");
    }

    #[test]
    fn the_standard_library_and_the_guard_are_nobodys_frames() {
        let frame = |function: &str, file: &str| Frame {
            address: 1,
            function: Some(function.into()),
            file: Some(file.into()),
            line: Some(1),
            column: None,
        };
        for (function, file) in [
            ("<alloc::vec::Vec<T> as core::clone::Clone>::clone", "x.rs"),
            ("std::rt::lang_start::{{closure}}", "x.rs"),
            ("<T as alloc::slice::ConvertVec>::to_vec", "/rustc/59807616e1fa/library/alloc/src/slice.rs"),
            ("<ffi_guard::allocator::GuardAlloc as core::alloc::GlobalAlloc>::alloc", "x.rs"),
            ("__rust_alloc", "x.rs"),
            // Inlined, with lines alone.
            ("trace<ffi_guard::report::frames::here::{closure_env#0}>", "/src/backtrace-0.3.76/src/backtrace/mod.rs"),
            ("trace_unsynchronized", "/vendor/backtrace/src/backtrace/mod.rs"),
        ] {
            assert!(!frame(function, file).is_users(), "{function}");
        }
        assert!(!frame("app::open::__ffi_guard_checked::__ffi_guard_closely", "src/sys.rs").is_users());
        assert!(frame("app::open", "src/sys.rs").is_users());
        assert!(frame("app::session::read_name", "src/session.rs").is_users());
        assert!(frame("<app::Db as core::ops::drop::Drop>::drop", "src/db.rs").is_users());
        assert!(frame("stdlib_of_mine::f", "src/lib.rs").is_users());
    }

    #[test]
    fn the_c_librarys_own_source_is_nobodys_frame() {
        let frame = |address: usize, function: &str, file: &str| Frame {
            address,
            function: Some(function.into()),
            file: Some(file.into()),
            line: Some(1),
            column: None,
        };
        unsafe extern "C" {
            fn atol(text: *const std::ffi::c_char) -> std::ffi::c_long;
        }
        let (inside, outside) = (atol as *const () as usize + 1, here as *const () as usize + 1);
        if mapped::at(inside).is_some_and(|file| mapped::is_c_library(file.name())) {
            assert!(!frame(inside, "msort_with_tmp", "./stdlib/msort.c").is_users());
            assert!(!frame(inside, "start_thread", "./nptl/pthread_create.c").is_users());
        }
        // A program's own C may well be there, and have these names.
        assert!(frame(outside, "msort_with_tmp", "./stdlib/msort.c").is_users());
        assert!(frame(outside, "main", "src/main.c").is_users());
        assert!(!frame(outside, "_start", "../sysdeps/x86_64/start.S").is_users());
    }

    #[test]
    fn an_address_without_symbols_is_shown_all_the_same() {
        let unknown = symbolise(&[0x10, 0]);
        assert_eq!((unknown.len(), unknown[0].function()), (1, None));
        assert_eq!(users(unknown, 3).0.len(), 1, "better than nothing");
    }

    #[test]
    fn function_names_are_cut_to_their_last_word() {
        assert_eq!(short_function("app::session::read_name"), "read_name");
        assert_eq!(short_function("app::main::{{closure}}"), "main::{closure}");
        assert_eq!(short_function("<app::Db as core::ops::Drop>::drop"), "drop");
        assert_eq!(short_function("app::make::<app::Db>"), "make::<app::Db>");
        assert_eq!(short_function("main"), "main");
    }
}
