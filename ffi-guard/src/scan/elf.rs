//! The variables of a module, read from its file.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use object::elf::{
    FileHeader64, PT_LOAD, PT_NOTE, PT_TLS, ProgramHeader64, R_AARCH64_COPY, R_X86_64_COPY, RelocationType, SHF_ALLOC,
    SHF_COMPRESSED, SHF_TLS, SHF_WRITE, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STB_LOCAL, STT_COMMON, STT_FILE, STT_FUNC,
    STT_NOTYPE, STT_OBJECT, STT_TLS,
};
use object::read::elf::{
    FileHeader as _, ProgramHeader as _, Rela as _, SectionHeader as _, SectionTable, Sym as _, SymbolTable,
};
use object::{NativeEndian, ReadCache, ReadRef, pod};

use super::names::{self, Source};
use crate::platform::modules::{Fingerprint, find_bytes};

pub(crate) mod named;

type Header = FileHeader64<NativeEndian>;
type Program = ProgramHeader64<NativeEndian>;
type Data<'file> = &'file ReadCache<File>;
const ENDIAN: NativeEndian = NativeEndian;

/// Kinds of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// One of the process.
    Static,
    /// One that each thread has a copy of. Its offset in the copy serves as its address.
    Thread,
}

/// The variables and sections of a module, from its file. Addresses are link-time ones.
pub(super) struct Table {
    pub(super) storage: Storage,
    /// Sorted by address.
    pub(super) variables: Vec<Variable>,
    /// Bytes of the largest variable: how far before an address its variable may begin.
    pub(super) largest: usize,
    /// The writable sections, sorted by address.
    pub(super) sections: Vec<Section>,
    /// The object files, in the order in which they were linked.
    pub(super) files: Vec<ObjectFile>,
    /// True if there is no `.symtab`: only exported variables have names.
    pub(super) stripped: bool,
    /// True if something in it comes from rustc.
    pub(super) rust: bool,
    /// Variables of a shared object that the executable has a copy of, sorted by address. They are
    /// C's: compilers make such code of C's `extern` variables.
    pub(super) copied: Vec<usize>,
    /// True if LLD linked it, which keeps variables in the order of the object files in `files`;
    /// GNU ld does not.
    pub(super) in_order: bool,
}

/// An object file that was linked in.
pub(super) struct ObjectFile {
    /// The name of a source file or of a codegen unit.
    pub(super) name: Box<str>,
    pub(super) source: Source,
}

/// A variable.
pub(super) struct Variable {
    pub(super) range: Range<usize>,
    pub(super) name: Box<str>,
    /// Index into the sections.
    pub(super) section: usize,
    /// Index into the object files; `None` for a symbol that is not local to one.
    pub(super) file: Option<usize>,
    /// True if rustc's list of all that Rust exports came before it, so that it is not on the list.
    /// See [`Exports`].
    pub(super) after_exports: bool,
}

/// A writable section.
pub(super) struct Section {
    pub(super) name: Box<str>,
    pub(super) range: Range<usize>,
}

/// A module's file, opened and checked to be the one that was loaded.
pub(super) struct Elf<'file> {
    data: Data<'file>,
    sections: SectionTable<'file, Header, Data<'file>>,
    /// The address that the thread-local variables count from.
    thread_base: usize,
}

impl<'file> Elf<'file> {
    /// The file, and the fingerprint that its module has when loaded; `None` if it is no ELF file
    /// of this machine.
    fn parse(data: Data<'file>) -> Option<(Elf<'file>, Fingerprint)> {
        let header = Header::parse(data).ok()?;
        let programs = header.program_headers(ENDIAN, data).ok()?;
        let fingerprint = fingerprint_of(programs, data)?;
        let thread = programs.iter().find(|program| program.p_type(ENDIAN) == PT_TLS);
        let thread_base = thread.map_or(0, |program| to_usize(program.p_vaddr(ENDIAN)));
        Some((Elf { data, sections: header.sections(ENDIAN, data).ok()?, thread_base }, fingerprint))
    }

    /// The bytes of a section; `None` if it is missing or compressed.
    pub(super) fn section(&self, name: &str) -> Option<&'file [u8]> {
        let (_, section) = self.sections.section_by_name(ENDIAN, name.as_bytes())?;
        if section.sh_flags(ENDIAN).0 & SHF_COMPRESSED.0 != 0 || section.sh_type(ENDIAN) == SHT_NOBITS {
            return None;
        }
        section.data(ENDIAN, self.data).ok()
    }

    /// True if it is a program, not a shared object. (A program that needs no loader is taken for a
    /// shared object.)
    fn is_program(&self) -> bool {
        self.sections.section_by_name(ENDIAN, b".interp").is_some()
    }

    fn symbols(&self, kind: object::elf::SectionType) -> Option<SymbolTable<'file, Header, Data<'file>>> {
        self.sections.symbols(ENDIAN, self.data, kind).ok().filter(|symbols| !symbols.is_empty())
    }
}

/// The fingerprint that a module has when it is loaded from a file with these program headers.
pub(crate) fn fingerprint_of<'file>(programs: &[Program], data: impl ReadRef<'file>) -> Option<Fingerprint> {
    let mut fingerprint = Fingerprint::default();
    fingerprint.add(pod::bytes_of_slice(programs));
    for note in programs.iter().filter(|program| program.p_type(ENDIAN) == PT_NOTE) {
        let (start, end) = (note.p_vaddr(ENDIAN), note.p_vaddr(ENDIAN).saturating_add(note.p_memsz(ENDIAN)));
        let loaded = programs.iter().filter(|program| program.p_type(ENDIAN) == PT_LOAD).any(|load| {
            let from = load.p_vaddr(ENDIAN);
            from <= start && end <= from.saturating_add(load.p_memsz(ENDIAN))
        });
        if loaded {
            fingerprint.add(note.data(ENDIAN, data).ok()?);
        }
    }
    Some(fingerprint)
}

/// Opens the file if it is the one that was loaded: a file rebuilt since then must not lend its
/// names.
pub(super) fn open<T>(path: &Path, loaded: Fingerprint, read: impl FnOnce(&Elf<'_>) -> T) -> Option<T> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let (elf, fingerprint) = Elf::parse(&cache)?;
    (fingerprint == loaded).then(|| read(&elf))
}

/// The fingerprint that a module of this file has.
#[cfg(test)]
pub(super) fn fingerprint(path: &Path) -> Fingerprint {
    let cache = ReadCache::new(File::open(path).unwrap());
    Elf::parse(&cache).unwrap().1
}

/// Reads the variables.
pub(super) fn read(elf: &Elf<'_>, storage: Storage) -> Table {
    let (sections, numbers) = sections(elf, storage);
    let full = elf.symbols(SHT_SYMTAB);
    let mut table = Table {
        storage,
        variables: Vec::new(),
        largest: 0,
        sections,
        files: Vec::new(),
        stripped: full.is_none(),
        rust: false,
        copied: if storage == Storage::Static { copied(elf) } else { Vec::new() },
        in_order: contains(elf, ".comment", b"Linker: LLD"),
    };
    if let Some(symbols) = full.or_else(|| elf.symbols(SHT_DYNSYM)) {
        read_symbols(&symbols, &numbers, elf.is_program(), &mut table);
    }
    table.rust = table.rust || comes_from_rustc(elf, table.stripped);
    settle(&mut table);
    table.largest = table.variables.iter().map(|variable| variable.range.len()).max().unwrap_or(0);
    table
}

/// The sections with variables by address, and the index among them of each section number.
fn sections(elf: &Elf<'_>, storage: Storage) -> (Vec<Section>, Vec<Option<usize>>) {
    let mut found: Vec<(usize, Section)> = Vec::new();
    let (kind, base) = match storage {
        Storage::Static => (SHF_ALLOC.0 | SHF_WRITE.0, 0),
        Storage::Thread => (SHF_ALLOC.0 | SHF_WRITE.0 | SHF_TLS.0, elf.thread_base),
    };
    for (index, section) in elf.sections.iter().enumerate() {
        let flags = section.sh_flags(ENDIAN).0;
        if flags & (SHF_ALLOC.0 | SHF_WRITE.0 | SHF_TLS.0) != kind {
            continue;
        }
        let name = elf.sections.section_name(ENDIAN, section).unwrap_or_default();
        let start = to_usize(section.sh_addr(ENDIAN)).wrapping_sub(base);
        let range = start..start.saturating_add(to_usize(section.sh_size(ENDIAN)));
        found.push((index, Section { name: String::from_utf8_lossy(name).into(), range }));
    }
    found.sort_by_key(|(_, section)| section.range.start);
    let mut numbers = vec![None; elf.sections.len()];
    for (sorted, (index, _)) in found.iter().enumerate() {
        numbers[*index] = Some(sorted);
    }
    (found.into_iter().map(|(_, section)| section).collect(), numbers)
}

fn read_symbols<'file>(
    symbols: &SymbolTable<'file, Header, Data<'file>>,
    numbers: &[Option<usize>],
    is_program: bool,
    table: &mut Table,
) {
    let mut file = None;
    let mut exports = if table.in_order && !table.stripped { Exports::Ahead } else { Exports::Unordered };
    for (index, symbol) in symbols.enumerate() {
        let kind = symbol.st_type();
        let variable = match table.storage {
            Storage::Static => kind == STT_OBJECT || kind == STT_NOTYPE || kind == STT_COMMON,
            Storage::Thread => kind == STT_TLS,
        };
        let global = symbol.st_bind() != STB_LOCAL;
        if global {
            let name = || symbols.symbol_name(ENDIAN, symbol).unwrap_or_default();
            // Which of Rust's own names a library's list has is not known.
            let function = kind == STT_FUNC && is_program;
            exports = exports.after(symbol.is_undefined(ENDIAN), function, name);
        }
        // Other symbols (of functions, thread-locals) count only until one of them shows that there
        // is Rust.
        if !variable && kind != STT_FILE && table.rust {
            continue;
        }
        let Ok(name) = symbols.symbol_name(ENDIAN, symbol) else { continue };
        let name = String::from_utf8_lossy(name);
        if kind == STT_FILE {
            // An empty name is GNU ld's: the symbols after it were made local at the end and belong
            // to no object file.
            file = (!name.is_empty()).then_some(table.files.len());
            table.files.extend(file.map(|_| ObjectFile { source: names::source(&name), name: name.into() }));
            continue;
        }
        table.rust = table.rust || names::is_rust(&name);
        let section = symbols.symbol_section(ENDIAN, symbol, index).ok().flatten();
        let section = section.and_then(|section| numbers.get(section.0).copied().flatten());
        if let Some(section) = section.filter(|_| variable && !names::is_border(&name)) {
            let start = to_usize(symbol.st_value(ENDIAN));
            table.variables.push(Variable {
                range: start..start.saturating_add(to_usize(symbol.st_size(ENDIAN))),
                name: name.into(),
                section,
                file: file.filter(|_| !global),
                after_exports: global && exports == Exports::Behind,
            });
        }
    }
}

/// The position in the symbol table, relative to rustc's list of what Rust exports.
///
/// rustc lists every `#[no_mangle]` and `#[export_name]` of every crate, and some of the standard
/// library's own, in a first object file (`symbols.o`), as undefined: otherwise the linker would
/// not take them out of rlibs. LLD writes global symbols in the order in which it first met them.
/// So a global that comes after the list is not Rust's. Those on the list are mostly Rust's; C
/// functions that a crate declares under `#[link(kind = "static")]` are on it too.
///
/// ```text
/// Ahead ──a name that only the list tells of──▶ Here ──an undefined symbol, a mangled function:──▶ Behind
///   │                                                  no program's list has one
///   └──either of these that the C library's start files have not: no list stands first──▶ Unordered
/// ```
///
/// (A Rust `staticlib` in a C program comes without a list, and after what `main.c` calls. With
/// link-time optimisation rustc sorts its object files by name, and the list is not the first.)
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exports {
    /// There is no list, or another linker wrote it, ordered by hash.
    Unordered,
    Ahead,
    Here,
    Behind,
}

impl Exports {
    /// The position after one more global symbol.
    fn after<'file>(self, undefined: bool, function: bool, name: impl Fn() -> &'file [u8]) -> Exports {
        let unlisted = || function && names::is_unlisted(&String::from_utf8_lossy(name()));
        match self {
            // `__libc_start_main`, `__gmon_start__`, `_ITM_registerTMCloneTable`, ..
            Exports::Ahead if undefined && !name().starts_with(b"_") || unlisted() => Exports::Unordered,
            Exports::Ahead if !undefined && names::is_listed(&String::from_utf8_lossy(name())) => Exports::Here,
            Exports::Here if undefined || unlisted() => Exports::Behind,
            other => other,
        }
    }
}

fn copied(elf: &Elf<'_>) -> Vec<usize> {
    const COPY: RelocationType = if cfg!(target_arch = "aarch64") { R_AARCH64_COPY } else { R_X86_64_COPY };
    let tables = elf.sections.iter().filter(|section| section.sh_flags(ENDIAN).0 & SHF_ALLOC.0 != 0);
    let tables = tables.filter_map(|section| section.rela(ENDIAN, elf.data).ok().flatten());
    let entries = tables.flat_map(|(entries, _)| entries).filter(|entry| entry.r_type(ENDIAN, false) == COPY);
    entries.map(|entry| to_usize(entry.r_offset(ENDIAN))).collect()
}

/// Sorts, and lets symbols without a size (assembly's) reach to the next one. In a stripped file
/// the bytes after one may belong to another variable, whose name is gone.
fn settle(table: &mut Table) {
    // Of several names at one address, the last is found first: the least decorated one.
    table.variables.sort_by_key(|variable| {
        let decoration = variable.name.bytes().take_while(|&byte| byte == b'_').count();
        (variable.range.start, std::cmp::Reverse(variable.range.len()), std::cmp::Reverse(decoration))
    });
    // A symbol without size at the address of one with a size is no variable: it is a Rust static
    // of size zero, which lies where the next variable begins, or C's other name for that variable.
    table
        .variables
        .dedup_by(|next, kept| next.range.is_empty() && next.range.start == kept.range.start && !kept.range.is_empty());
    table.variables.retain(|variable| !variable.range.is_empty() || !names::is_rust(&variable.name));
    if table.stripped {
        return;
    }
    for index in (0..table.variables.len()).rev() {
        let Range { start, end } = table.variables[index].range;
        if start == end {
            let section = table.variables[index].section;
            let mut after = table.variables[index + 1..].iter().filter(|next| next.section == section);
            let next = after.find(|next| next.range.start > start).map(|next| next.range.start);
            table.variables[index].range.end = next.unwrap_or(table.sections[section].range.end);
        }
    }
}

/// True if anything but symbols shows that rustc had a part in the file.
fn comes_from_rustc(elf: &Elf<'_>, stripped: bool) -> bool {
    // Distributions strip `.comment` too. The source places in the standard library's panics stay.
    const PLACES: [&[u8]; 3] = [b"/rustc/", b"library/core/src/", b"library/std/src/"];
    contains(elf, ".comment", b"rustc version")
        || stripped && PLACES.iter().any(|place| contains(elf, ".rodata", place))
}

fn contains(elf: &Elf<'_>, section: &str, text: &[u8]) -> bool {
    elf.section(section).is_some_and(|bytes| find_bytes(bytes, text).is_some())
}

fn to_usize(value: u64) -> usize {
    value as usize
}
