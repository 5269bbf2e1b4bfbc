//! The files of loaded modules: their symbols, and the sections with debug information.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use gimli::{DwarfSections, EndianSlice};
use object::NativeEndian;
use object::elf::{
    DT_NEEDED, DT_SONAME, FileHeader64, SHF_COMPRESSED, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STB_LOCAL, STB_WEAK,
    STT_FUNC, STT_GNU_IFUNC, VER_FLG_BASE,
};
use object::read::elf::{FileHeader as _, SectionHeader as _, SectionTable, Sym as _};

use crate::platform::mapped;
use crate::platform::modules::{self, Fingerprint};
use crate::scan::fingerprint_of;

pub(super) type Slice = EndianSlice<'static, gimli::NativeEndian>;
type Header = FileHeader64<NativeEndian>;
const ENDIAN: NativeEndian = NativeEndian;

/// Bytes of the longest path of Linux.
const PATH_MAX: usize = 4096;

/// A module as the loader lists it.
pub(super) struct Loaded {
    /// The distance from link-time addresses to loaded ones.
    pub(super) base: usize,
    pub(super) fingerprint: Fingerprint,
    headers_at: usize,
    path: Vec<u8>,
    /// True if the address that was asked for is in it.
    pub(super) is_own: bool,
}

/// The loaded modules, the executable first. `own`: an address in the module that is asked for.
pub(super) fn loaded(own: usize) -> Vec<Loaded> {
    // Nothing may be allocated while the loader's lock is held.
    let mut many = 0;
    modules::each(&mut |_| {
        many += 1;
        true
    });
    let mut list = Vec::with_capacity(many + 8);
    let mut paths: Vec<u8> = Vec::with_capacity(PATH_MAX * (many + 8).min(256));
    modules::each(&mut |module| {
        let name = module.name().to_bytes();
        if list.len() == list.capacity() || paths.capacity() - paths.len() < name.len() {
            return false;
        }
        let start = paths.len();
        paths.extend_from_slice(name);
        list.push((module.base(), module.fingerprint(), module.headers_at(), start, module.contains(own)));
        true
    });
    let ends = list.iter().skip(1).map(|it| it.3).chain([paths.len()]).collect::<Vec<_>>();
    let with_ends = list.iter().zip(ends);
    with_ends
        .map(|(&(base, fingerprint, headers_at, start, is_own), end)| Loaded {
            base,
            fingerprint,
            headers_at,
            path: paths.get(start..end).unwrap_or_default().to_vec(),
            is_own,
        })
        .collect()
}

/// The bytes and the sections of an ELF file.
#[derive(Clone, Copy)]
struct Elf {
    data: &'static [u8],
    sections: SectionTable<'static, Header>,
}

impl Elf {
    fn open(path: &Path) -> Option<(Elf, Fingerprint)> {
        let data = mapped::whole(path)?;
        let header = Header::parse(data).ok()?;
        let programs = header.program_headers(ENDIAN, data).ok()?;
        let fingerprint = fingerprint_of(programs, data)?;
        let sections = header.sections(ENDIAN, data).ok()?;
        Some((Elf { data, sections }, fingerprint))
    }

    /// The bytes of a section; `None` if it is missing or compressed.
    fn section(&self, name: &str) -> Option<&'static [u8]> {
        let (_, section) = self.sections.section_by_name(ENDIAN, name.as_bytes())?;
        if section.sh_flags(ENDIAN).0 & SHF_COMPRESSED.0 != 0 || section.sh_type(ENDIAN) == SHT_NOBITS {
            return None;
        }
        section.data(ENDIAN, self.data).ok()
    }

    fn is_compressed(&self) -> bool {
        let section = self.sections.section_by_name(ENDIAN, b".debug_info");
        section.is_some_and(|(_, section)| section.sh_flags(ENDIAN).0 & SHF_COMPRESSED.0 != 0)
            || self.sections.section_by_name(ENDIAN, b".zdebug_info").is_some()
    }

    /// The file with the debug information of this one, where distributions and `objcopy` put it.
    fn beside(&self, path: &Path) -> Option<Elf> {
        let opened = |path: PathBuf| Elf::open(&path).map(|(elf, _)| elf).filter(|elf| elf.has_info());
        if let Some(id) = self.build_id() {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let (folder, file) = hex.split_at(2);
            let found = opened(PathBuf::from(format!("/usr/lib/debug/.build-id/{folder}/{file}.debug")));
            if let Some(found) = found.filter(|it| it.build_id() == Some(id)) {
                return Some(found);
            }
        }
        let link = self.section(".gnu_debuglink")?;
        let name = std::str::from_utf8(link.split(|&byte| byte == 0).next()?).ok()?;
        let folder = path.parent()?;
        let places = [folder.join(name), folder.join(".debug").join(name)];
        let elsewhere = Path::new("/usr/lib/debug").join(folder.strip_prefix("/").unwrap_or(folder)).join(name);
        // What was linked with a build id has the same one there: another file is another build.
        places.into_iter().chain([elsewhere]).filter_map(opened).find(|it| it.build_id() == self.build_id())
    }

    /// The name by which others ask for it, and those that it asks for.
    fn names(&self) -> (Option<&'static [u8]>, Vec<&'static [u8]>) {
        let Ok(dynamic) = self.sections.dynamic_table(ENDIAN, self.data) else { return (None, Vec::new()) };
        let of = |tag| {
            let entries = dynamic.iter().filter(move |entry| entry.tag == tag);
            entries.filter_map(|entry| dynamic.string(entry).ok())
        };
        (of(DT_SONAME).next(), of(DT_NEEDED).collect())
    }

    /// The names of the versions of its symbols, without that of the file itself.
    fn versions(&self) -> Option<Vec<&'static [u8]>> {
        let (all, link) = self.sections.gnu_verdef(ENDIAN, self.data).ok()??;
        let strings = self.sections.strings(ENDIAN, self.data, link).ok()?;
        let mut names = Vec::new();
        for version in all {
            let (version, mut parts) = version.ok()?;
            if version.vd_flags.get(ENDIAN).0 & VER_FLG_BASE.0 == 0 {
                names.push(parts.next().ok()??.name(ENDIAN, strings).ok()?);
            }
        }
        Some(names)
    }

    fn has_info(&self) -> bool {
        self.section(".debug_info").is_some_and(|info| !info.is_empty())
    }

    fn build_id(&self) -> Option<&'static [u8]> {
        let note = self.section(".note.gnu.build-id")?;
        let size = note.get(4..8)?.try_into().ok().map(u32::from_ne_bytes)? as usize;
        // The header, and the name `GNU` with its zero.
        note.get(16..16 + size)
    }
}

/// A module's file, read.
pub(super) struct File {
    /// The name without folders.
    pub(super) name: String,
    /// Functions that it defines for others, by name: their link-time addresses.
    exported: HashMap<&'static [u8], u64>,
    /// Those of them that are weak: any number of modules may define such a function.
    weak: HashSet<&'static [u8]>,
    /// Functions that it takes from others.
    imported: HashSet<&'static [u8]>,
    /// The name by which others ask for it.
    soname: Option<&'static [u8]>,
    /// The names of the modules that it asks for.
    needed: Vec<&'static [u8]>,
    /// The names of its versions, if its functions have some.
    versions: Vec<&'static [u8]>,
    /// Functions that object files of it defined for each other; `None` if there is no list.
    linked: Option<HashMap<&'static [u8], u64>>,
    /// The debug information; `None` without any, or if it is compressed.
    pub(super) dwarf: Option<DwarfSections<Slice>>,
    pub(super) is_compressed: bool,
    /// Sections in which names are searched for.
    pub(super) info: &'static [u8],
    pub(super) strings: &'static [u8],
}

impl File {
    /// Reads the file of a module. `None` if there is none that is the loaded one.
    pub(super) fn read(module: &Loaded) -> Option<File> {
        let name = String::from_utf8_lossy(&module.path);
        let (path, elf) = modules::files(&name, module.headers_at).into_iter().find_map(|path| {
            let (elf, fingerprint) = Elf::open(&path)?;
            (fingerprint == module.fingerprint).then_some((path, elf))
        })?;
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let short = match name.rsplit('/').next() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => modules::executable(),
        };
        Some(File::of(short, elf, &path))
    }

    /// The file of this path, which need not be loaded.
    pub(super) fn of_path(path: &Path) -> Option<File> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some(File::of(name, Elf::open(path)?.0, path))
    }

    fn of(name: String, elf: Elf, path: &Path) -> File {
        let debug = if elf.has_info() || elf.is_compressed() { Some(elf) } else { elf.beside(path) };
        let (mut exported, mut imported, mut weak) = (HashMap::new(), HashSet::new(), HashSet::new());
        each_function(&elf, SHT_DYNSYM, |name, address, is_weak| match address {
            Some(address) => {
                exported.insert(name, address);
                if is_weak {
                    weak.insert(name);
                }
            }
            None => drop(imported.insert(name)),
        });
        let (soname, needed) = elf.names();
        let linked = [Some(elf), debug].into_iter().flatten().find_map(|elf| {
            let mut linked = HashMap::new();
            let some = each_function(&elf, SHT_SYMTAB, |name, address, _| {
                linked.extend(address.map(|address| (name, address)));
            });
            some.then_some(linked)
        });
        let section = |name: &str| debug.and_then(|elf| elf.section(name)).unwrap_or_default();
        let dwarf =
            DwarfSections::load(|id| Ok::<_, gimli::Error>(EndianSlice::new(section(id.name()), gimli::NativeEndian)));
        File {
            name,
            exported,
            weak,
            imported,
            soname,
            needed,
            versions: elf.versions().unwrap_or_default(),
            linked,
            dwarf: dwarf.ok().filter(|_| !section(".debug_info").is_empty()),
            is_compressed: debug.is_some_and(|elf| elf.is_compressed()),
            info: section(".debug_info"),
            strings: section(".debug_str"),
        }
    }

    /// The link-time address of a function that is linked in.
    pub(super) fn linked(&self, name: &str) -> Option<u64> {
        let linked = self.linked.as_ref().unwrap_or(&self.exported);
        linked.get(name.as_bytes()).copied()
    }

    /// The link-time address of a function that others can use.
    pub(super) fn exported(&self, name: &str) -> Option<u64> {
        self.exported.get(name.as_bytes()).copied()
    }

    /// The functions that others can use, without weak ones.
    pub(super) fn strong(&self) -> impl Iterator<Item = &'static [u8]> {
        self.exported.keys().copied().filter(|name| !self.weak.contains(name))
    }

    /// True if others can use a function of this name that is not weak.
    pub(super) fn has_strong(&self, name: &[u8]) -> bool {
        self.exported.contains_key(name) && !self.weak.contains(name)
    }

    /// True if it defines a weak function of this name.
    pub(super) fn is_weak(&self, name: &[u8]) -> bool {
        self.weak.contains(name)
    }

    /// True if an object file of it defines this function.
    pub(super) fn has_linked(&self, name: &[u8]) -> bool {
        self.linked.as_ref().unwrap_or(&self.exported).contains_key(name)
    }

    /// True if this is the name of a module that the other asks for.
    pub(super) fn is_needed_by(&self, other: &File) -> bool {
        other.needed.iter().any(|needed| match self.soname {
            Some(soname) => soname == *needed,
            None => self.name.as_bytes() == *needed,
        })
    }

    /// True if its functions have versions, which keep two of one name apart.
    pub(super) fn has_versions(&self) -> bool {
        !self.versions.is_empty()
    }

    /// True if one of its versions has a name among those of another module: both are parts of one
    /// library, as glibc's are.
    pub(super) fn shares_versions(&self, other: &File) -> bool {
        self.versions.iter().any(|version| other.versions.contains(version))
    }

    /// True if the function comes from another module.
    pub(super) fn imports(&self, name: &str) -> bool {
        self.imported.contains(name.as_bytes())
    }
}

/// Visits the functions of a symbol table that are visible outside of an object file, with their
/// addresses if they are defined there. False if there is no such table.
fn each_function(
    elf: &Elf,
    kind: object::elf::SectionType,
    mut visit: impl FnMut(&'static [u8], Option<u64>, bool),
) -> bool {
    let Ok(symbols) = elf.sections.symbols(ENDIAN, elf.data, kind) else { return false };
    for symbol in symbols.iter() {
        // By far the most are local, and their names are not read.
        let is_function = symbol.st_type() == STT_FUNC || symbol.st_type() == STT_GNU_IFUNC;
        let is_undefined = symbol.is_undefined(ENDIAN);
        if symbol.st_bind() == STB_LOCAL || !is_function && !is_undefined {
            continue;
        }
        let Ok(name) = symbols.symbol_name(ENDIAN, symbol) else { continue };
        if !name.is_empty() {
            visit(name, (!is_undefined).then(|| symbol.st_value(ENDIAN)), symbol.st_bind() == STB_WEAK);
        }
    }
    !symbols.is_empty()
}
