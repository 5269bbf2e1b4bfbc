//! The executable and the shared objects that are loaded now, as the dynamic loader lists them.
//!
//! Everything is read under the loader's lock: memory that a callback sees stays mapped until it
//! returns. The thread that has the lock may take it again. A callback must not allocate and must
//! not panic (a panic ends the process).

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::path::PathBuf;
use std::{ptr, slice};

use super::static_locals;
use crate::platform::{fork_gate, mapped};
use libc::{Elf64_Phdr, PF_W, PT_GNU_RELRO, PT_LOAD, PT_NOTE, PT_TLS, dl_phdr_info};

/// A loaded module, for as long as the loader's lock is held.
pub(crate) struct Module<'loaded> {
    info: &'loaded dl_phdr_info,
    /// The size that the loader gives for `info`: older loaders leave the last fields out.
    size: usize,
}

/// A stretch of a module's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The first byte.
    pub(crate) start: usize,
    /// The number of bytes.
    pub(crate) len: usize,
}

impl Segment {
    fn range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.len)
    }
}

impl<'loaded> Module<'loaded> {
    /// The distance from link-time addresses to loaded ones.
    pub(crate) fn base(&self) -> usize {
        to_usize(self.info.dlpi_addr)
    }

    /// The path it was loaded by; empty for the executable.
    pub(crate) fn name(&self) -> &'loaded CStr {
        if self.info.dlpi_name.is_null() {
            return c"";
        }
        // SAFETY: the loader's own string, which lives as long as the module.
        let name = unsafe { CStr::from_ptr(self.info.dlpi_name) };
        // What musl calls the executable of a static program.
        if name == c"/proc/self/exe" { c"" } else { name }
    }

    /// The numbers of modules ever loaded and ever unloaded: while they stay the same, a base
    /// belongs to the same module.
    pub(crate) fn epoch(&self) -> (u64, u64) {
        if self.size < size_of::<dl_phdr_info>() {
            return (0, 0);
        }
        (self.info.dlpi_adds, self.info.dlpi_subs)
    }

    /// The address of the program headers, in the mapping of the file's beginning.
    pub(crate) fn headers_at(&self) -> usize {
        self.info.dlpi_phdr.addr()
    }

    fn headers(&self) -> &'loaded [Elf64_Phdr] {
        if self.info.dlpi_phdr.is_null() {
            return &[];
        }
        // SAFETY: the loader's own table, with that many entries; it lives as long as the module.
        unsafe { slice::from_raw_parts(self.info.dlpi_phdr, usize::from(self.info.dlpi_phnum)) }
    }

    pub(super) fn of_type(&self, kind: u32) -> impl Iterator<Item = &'loaded Elf64_Phdr> {
        self.headers().iter().filter(move |header| header.p_type == kind)
    }

    pub(super) fn segment(&self, header: &Elf64_Phdr) -> Segment {
        Segment { start: self.base().wrapping_add(to_usize(header.p_vaddr)), len: to_usize(header.p_memsz) }
    }

    /// True if the address lies in a loaded part of the module, writable or not.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.of_type(PT_LOAD).any(|header| self.segment(header).range().contains(&address))
    }

    /// The range from its first loaded byte to its last.
    #[cfg(fast_trace)]
    pub(crate) fn span(&self) -> Range<usize> {
        let loaded = || self.of_type(PT_LOAD).map(|header| self.segment(header).range());
        let start = loaded().map(|range| range.start).min().unwrap_or(0);
        start..loaded().map(|range| range.end).max().unwrap_or(start)
    }

    /// True if the address lies in the part that stays writable.
    pub(crate) fn contains_writable(&self, address: usize) -> bool {
        !self.writable(&mut |segment| !segment.range().contains(&address))
    }

    /// True if the address was filled from the file, rather than with zeros (`.bss`).
    pub(crate) fn is_from_file(&self, address: usize) -> bool {
        self.of_type(PT_LOAD).any(|header| {
            let start = self.segment(header).start;
            (start..start.saturating_add(to_usize(header.p_filesz))).contains(&address)
        })
    }

    /// Visits all parts that stay writable while the program runs: the writable segments, less the
    /// part that the loader makes read-only after relocation. Stops when `visit` says false, and
    /// returns false then.
    pub(crate) fn writable(&self, visit: &mut dyn FnMut(Segment) -> bool) -> bool {
        let sealed = self.sealed();
        for header in self.of_type(PT_LOAD).filter(|header| header.p_flags & PF_W != 0) {
            let Range { start, end } = self.segment(header).range();
            let parts = [start..end.min(sealed.start), start.max(sealed.end)..end];
            // Without a sealed part the second range is the whole segment, and the first is empty.
            for part in parts.into_iter().filter(|part| part.start < part.end) {
                if !visit(Segment { start: part.start, len: part.end - part.start }) {
                    return false;
                }
            }
        }
        true
    }

    /// The calling thread's copy of the module's thread-local variables. `None` if there are none,
    /// or if the thread has no copy yet: it may get that of a module loaded later when it first
    /// touches a variable.
    pub(crate) fn thread_locals(&self) -> Option<Segment> {
        self.told_thread_locals().or_else(|| {
            let len = self.thread_locals_len()?;
            Some(Segment { start: static_locals::start(self, len)?, len })
        })
    }

    /// The calling thread's copy of the module's thread-local variables, if the loader tells it.
    pub(super) fn told_thread_locals(&self) -> Option<Segment> {
        let told = std::mem::offset_of!(dl_phdr_info, dlpi_tls_data) + size_of::<*mut c_void>() <= self.size;
        let start = if told { self.info.dlpi_tls_data.addr() } else { 0 };
        let len = self.thread_locals_len()?;
        (start != 0).then_some(Segment { start, len })
    }

    /// Bytes of the module's thread-local variables, if there are any.
    pub(super) fn thread_locals_len(&self) -> Option<usize> {
        self.of_type(PT_TLS).next().map(|header| to_usize(header.p_memsz)).filter(|&len| len != 0)
    }

    /// The part that the loader makes read-only after relocation. It rounds both ends down to a
    /// page, as glibc and musl do: the rest of the last page stays writable, and may well hold
    /// variables.
    fn sealed(&self) -> Range<usize> {
        let Some(header) = self.of_type(PT_GNU_RELRO).next() else { return 0..0 };
        let Range { start, end } = self.segment(header).range();
        let page = super::mapped::page_size();
        start / page * page..end / page * page
    }

    /// A value that tells this module's file from another of the same name, such as one rebuilt
    /// since.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let headers = self.headers();
        let mut fingerprint = Fingerprint::default();
        // SAFETY: the table as bytes; its fields leave no padding between them.
        fingerprint.add(unsafe { slice::from_raw_parts(headers.as_ptr().cast(), size_of_val(headers)) });
        for note in self.of_type(PT_NOTE) {
            let segment = self.segment(note);
            let loaded = |header: &Elf64_Phdr| {
                let (whole, part) = (self.segment(header).range(), segment.range());
                whole.start <= part.start && part.end <= whole.end
            };
            if self.of_type(PT_LOAD).any(loaded) {
                let bytes = ptr::with_exposed_provenance(segment.start);
                // SAFETY: the bytes are within a loaded segment, which stays mapped meanwhile.
                // Notes (the build id is one) are never written.
                fingerprint.add(unsafe { slice::from_raw_parts(bytes, segment.len) });
            }
        }
        fingerprint
    }
}

/// A hash (FNV-1a) of a module's program headers and notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    /// Adds bytes at the end.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Visits every loaded module, the executable first, until `visit` says false.
///
/// Modules that `dlmopen` put into a namespace of their own are not listed by the loader.
pub(crate) fn each(visit: &mut dyn FnMut(&Module<'_>) -> bool) {
    let mut visit = visit;
    let data: *mut &mut dyn FnMut(&Module<'_>) -> bool = &raw mut visit;
    // SAFETY: `data` has the type that `step` takes it for, and lives until this returns.
    fork_gate::run(|| unsafe { libc::dl_iterate_phdr(Some(step), data.cast()) });
}

/// Visits one module. A panic in here ends the process, as in every `extern "C"` function: it must
/// not cross the loader.
unsafe extern "C" fn step(info: *mut dl_phdr_info, size: usize, data: *mut c_void) -> c_int {
    // SAFETY: `each` passes this type, and no one else has it meanwhile.
    let visit = unsafe { &mut *data.cast::<&mut dyn FnMut(&Module<'_>) -> bool>() };
    // SAFETY: the loader passes a record that is whole (up to `size`) and constant during this
    // call. Fields past `size` are not read.
    let info = unsafe { &*info };
    c_int::from(!visit(&Module { info, size }))
}

/// The files that a module may have been loaded from, likeliest first. `name` is the loader's;
/// `mapped_at` is an address in the mapping of the file's beginning.
pub(crate) fn files(name: &str, mapped_at: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // The name may be relative to a directory that the process has left since, and `/proc/self/exe`
    // is the loader if the program was started as the loader's argument. The kernel's list has the
    // file that was mapped.
    if name.is_empty() {
        files.push(PathBuf::from("/proc/self/exe"));
    } else {
        files.push(PathBuf::from(name));
    }
    files.extend(mapped::at(mapped_at).map(|mapped| mapped.file()));
    if name.is_empty() {
        files.extend(started_as());
    }
    files
}

/// The path that the kernel started: the only source without `/proc`.
fn started_as() -> Option<PathBuf> {
    // SAFETY: no precondition.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) };
    let name: *const std::ffi::c_char = ptr::with_exposed_provenance(to_usize(name));
    if name.is_null() {
        return None;
    }
    // SAFETY: the kernel's string, above the main thread's stack for the life of the process.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(name.to_str().ok()?))
}

/// The name of the executable's file, without folders.
pub(crate) fn executable() -> String {
    let path = std::fs::read_link("/proc/self/exe").ok().or_else(started_as);
    let name = path.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "the executable".to_owned());
    name.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(name)
}

/// The offset of the first `needle` in `haystack`. (The C library's search is fast in debug builds
/// too.)
pub(crate) fn find_bytes(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    // SAFETY: two live slices.
    let found = unsafe { libc::memmem(haystack.as_ptr().cast(), haystack.len(), needle.as_ptr().cast(), needle.len()) };
    (!found.is_null()).then(|| found.addr() - haystack.as_ptr().addr())
}

/// Addresses and sizes of ELF64 on a 64-bit target.
fn to_usize(value: u64) -> usize {
    value as usize
}
