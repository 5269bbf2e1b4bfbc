//! The tables of loaded modules: each is read once and kept for the life of the process.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::dwarf::Definition;
use super::elf::{self, Section, Storage, Table, Variable};
use super::names::Language;
use super::thread_locals::Threads;
use super::{dwarf, dwarf_types};
use crate::platform::modules::{self, Fingerprint};
use crate::platform::say::say_once;

/// A module and the contents of its file.
pub(super) struct Symbols {
    /// File name, without folders.
    pub(super) module: String,
    /// The loader's name for it.
    path: Vec<u8>,
    fingerprint: Fingerprint,
    /// `None` if no file could be read that is the loaded one.
    read: Option<Read>,
    /// True if this code of ours is in it: then it has Rust, whatever its file says.
    ours: bool,
    /// The owners of variables with plain names, by link-time address. Finding one takes
    /// milliseconds.
    decided: Mutex<Vec<Decided>>,
    /// Debug information on variables that were asked for. Finding it takes milliseconds too.
    defined: Mutex<Vec<Defined>>,
    /// The codegen units whose variables are all in the debug information, once asked for.
    complete: OnceLock<Vec<String>>,
}

/// The storage, the link-time address, and the language of the owner.
type Decided = (Storage, usize, Option<Language>);
/// The storage, the link-time address, and the definition in the debug information.
type Defined = (Storage, usize, Option<Definition>);

struct Read {
    file: PathBuf,
    table: Table,
    /// The thread-local variables, once asked for.
    threads: OnceLock<Option<Table>>,
}

/// An address in the writable data of a module.
pub(super) struct SymbolPlace {
    pub(super) symbols: &'static Symbols,
    /// The link-time address.
    pub(super) address: usize,
    /// The thread that has this copy of a thread-local variable.
    pub(super) thread: Option<u32>,
    /// True if its page was filled from the file: it is not in `.bss`.
    pub(super) from_file: bool,
}

impl SymbolPlace {
    /// The kind of variable there.
    pub(super) fn storage(&self) -> Storage {
        if self.thread.is_some() { Storage::Thread } else { Storage::Static }
    }
}

/// The loader's facts on a module, copied under its lock.
struct Seen {
    base: usize,
    epoch: (u64, u64),
    headers_at: usize,
    path: Vec<u8>,
    fingerprint: Option<Fingerprint>,
    ours: bool,
    from_file: bool,
    /// For an address in a copy of the module's thread-local variables: the thread, and the offset.
    local: Option<(u32, usize)>,
}

/// A module that was at this base at some time.
struct Known {
    base: usize,
    epoch: (u64, u64),
    symbols: &'static Symbols,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());
static READ: Mutex<Vec<&'static Symbols>> = Mutex::new(Vec::new());

/// The longest path that Linux accepts.
const PATH_MAX: usize = 4096;

/// The place of the address, if it is in the writable data of a module.
pub(super) fn place(location: usize, threads: &Threads) -> Option<SymbolPlace> {
    place_in(location, threads, Part::Writable)
}

/// The module that an address of its code or data is in.
pub(super) fn module_of(location: usize, threads: &Threads) -> Option<&'static Symbols> {
    place_in(location, threads, Part::Any).map(|place| place.symbols)
}

/// The module that an address of code is in, and its link-time address.
pub(super) fn code_at(ip: usize, threads: &Threads) -> Option<(&'static Symbols, usize)> {
    place_in(ip, threads, Part::Any).map(|place| (place.symbols, place.address))
}

/// Parts of a module that are looked for.
#[derive(Clone, Copy)]
enum Part {
    /// What stays writable while the program runs.
    Writable,
    /// All that is loaded.
    Any,
}

fn place_in(location: usize, threads: &Threads, part: Part) -> Option<SymbolPlace> {
    let seen = see(location, threads, part, false)?;
    let known = {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|known| known.base == seen.base && known.epoch == seen.epoch).map(|known| known.symbols)
    };
    let symbols = match known {
        Some(symbols) => symbols,
        None => {
            // Another module may have come to this place in the meantime: the second look counts.
            let seen = see(location, threads, part, true)?;
            let symbols = symbols_of(&seen);
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|known| known.base != seen.base);
            known.push(Known { base: seen.base, epoch: seen.epoch, symbols });
            symbols
        }
    };
    let (thread, address) = match seen.local {
        Some((thread, offset)) => (Some(thread), offset),
        None => (None, location.wrapping_sub(seen.base)),
    };
    Some(SymbolPlace { symbols, address, thread, from_file: seen.from_file })
}

/// Looks for the module. Nothing is allocated in the callback.
fn see(location: usize, threads: &Threads, part: Part, whole: bool) -> Option<Seen> {
    let mut path = Vec::with_capacity(if whole { PATH_MAX } else { 0 });
    let mut seen = None;
    modules::each(&mut |module| {
        let local = threads.holder(module.thread_locals(), location);
        let is_there = match part {
            Part::Writable => local.is_some() || module.contains_writable(location),
            Part::Any => module.contains(location),
        };
        if !is_there {
            return true;
        }
        let name = module.name().to_bytes();
        path.extend_from_slice(&name[..name.len().min(path.capacity())]);
        seen = Some(Seen {
            base: module.base(),
            epoch: module.epoch(),
            headers_at: module.headers_at(),
            path: Vec::new(),
            fingerprint: whole.then(|| module.fingerprint()),
            ours: module.contains((see as fn(usize, &Threads, Part, bool) -> Option<Seen>) as usize),
            from_file: module.is_from_file(location),
            local,
        });
        false
    });
    seen.map(|seen| Seen { path, ..seen })
}

/// The tables of a module, read now if they were not yet.
fn symbols_of(seen: &Seen) -> &'static Symbols {
    let fingerprint = seen.fingerprint.unwrap_or_default();
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |symbols: &&&Symbols| symbols.fingerprint == fingerprint && symbols.path == seen.path;
    if let Some(symbols) = read.iter().find(same) {
        return symbols;
    }
    let name = String::from_utf8_lossy(&seen.path);
    let symbols: &'static Symbols = Box::leak(Box::new(Symbols {
        module: match name.rsplit('/').next() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => modules::executable(),
        },
        path: seen.path.clone(),
        fingerprint,
        read: modules::files(&name, seen.headers_at).into_iter().find_map(|file| Read::of(file, fingerprint)),
        ours: seen.ours,
        decided: Mutex::new(Vec::new()),
        defined: Mutex::new(Vec::new()),
        complete: OnceLock::new(),
    }));
    read.push(symbols);
    symbols
}

impl Read {
    fn of(file: PathBuf, loaded: Fingerprint) -> Option<Read> {
        let table = elf::open(&file, loaded, |elf| elf::read(elf, Storage::Static))?;
        Some(Read { file, table, threads: OnceLock::new() })
    }
}

impl Symbols {
    /// The symbols of a file that is not loaded: a test cannot load an executable.
    #[cfg(test)]
    pub(super) fn of_file(file: PathBuf) -> Symbols {
        let fingerprint = elf::fingerprint(&file);
        let (module, path) = ("a file".to_owned(), Vec::new());
        let read = Read::of(file, fingerprint);
        Symbols {
            module,
            path,
            fingerprint,
            read,
            ours: true,
            decided: Mutex::new(Vec::new()),
            defined: Mutex::new(Vec::new()),
            complete: OnceLock::new(),
        }
    }

    /// Its variables.
    pub(super) fn table(&self) -> Option<&Table> {
        self.read.as_ref().map(|read| &read.table)
    }

    /// Its variables of one kind.
    pub(super) fn table_of(&self, storage: Storage) -> Option<&Table> {
        let read = self.read.as_ref()?;
        if storage == Storage::Static {
            return Some(&read.table);
        }
        let table = || elf::open(&read.file, self.fingerprint, |elf| elf::read(elf, storage));
        read.threads.get_or_init(table).as_ref()
    }

    /// True if rustc had a part in it, as far as is known.
    pub(super) fn has_rust(&self) -> bool {
        self.ours || self.table().is_none_or(|table| table.rust)
    }

    /// True if it lacks the names of variables that are not exported.
    pub(super) fn is_stripped(&self) -> bool {
        self.table().is_none_or(|table| table.stripped)
    }

    /// The definition of the variable at this link-time address, from debug information.
    pub(super) fn definition(&self, storage: Storage, address: usize) -> Option<Definition> {
        let read = self.read.as_ref()?;
        let mut defined = self.defined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., known)) = defined.iter().find(|(kind, at, _)| (*kind, *at) == (storage, address)) {
            return known.clone();
        }
        let definition =
            elf::open(&read.file, self.fingerprint, |elf| dwarf::definition(elf, storage, address)).flatten();
        defined.push((storage, address, definition.clone()));
        definition
    }

    /// The language of a thread-local variable by its name, where debug information has no places
    /// of such variables.
    pub(super) fn language_of_thread_local(&self, name: &str) -> Option<Language> {
        let read = self.read.as_ref()?;
        elf::open(&read.file, self.fingerprint, |elf| dwarf::without_place(elf, name)).flatten()?.language
    }

    /// The decision on the variable at this link-time address; `decide` is called once.
    pub(super) fn decided(
        &self,
        storage: Storage,
        address: usize,
        decide: impl FnOnce() -> Option<Language>,
    ) -> Option<Language> {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&(.., language)) = decided.iter().find(|(kind, at, _)| (*kind, *at) == (storage, address)) {
            return language;
        }
        let language = decide();
        decided.push((storage, address, language));
        language
    }

    /// The words of a Rust type that can be a pointer, from debug information.
    pub(super) fn words_of(&self, name: &str, size: usize) -> Option<Vec<bool>> {
        let read = self.read.as_ref()?;
        elf::open(&read.file, self.fingerprint, |elf| dwarf_types::words_of(elf, name, size)).flatten()
    }

    /// Reads its file, if that can be read.
    pub(super) fn with_file<T>(&self, read: impl FnOnce(&elf::Elf<'_>) -> T) -> Option<T> {
        elf::open(&self.read.as_ref()?.file, self.fingerprint, read)
    }

    /// The codegen units whose variables are all in the debug information, by object file: a
    /// variable that is not found there is not theirs.
    pub(super) fn complete_units(&self) -> &[String] {
        self.complete.get_or_init(|| {
            let read = self.read.as_ref();
            let units = read.and_then(|read| elf::open(&read.file, self.fingerprint, dwarf::complete_units));
            units.unwrap_or_default()
        })
    }

    /// Says, once, why a variable in it has no name.
    pub(super) fn say_unnamed(&self) {
        let module = &self.module;
        match self.table() {
            None => say_once(&format!("the file of {module} cannot be read: C's variables in it cannot be named")),
            Some(table) if table.stripped => {
                say_once(&format!("{module} is stripped: C's variables in it cannot be named"));
            }
            Some(_) => {}
        }
    }
}

impl Table {
    /// The variable that has the byte at this link-time address: the innermost, if symbols overlap.
    pub(super) fn variable(&self, address: usize) -> Option<&Variable> {
        let after = self.variables.partition_point(|variable| variable.range.start <= address);
        let near = self.variables[..after].iter().rev();
        let mut near = near.take_while(|variable| address - variable.range.start < self.largest);
        near.find(|variable| variable.range.contains(&address))
    }

    /// The section of this link-time address.
    pub(super) fn section(&self, address: usize) -> Option<&Section> {
        self.sections.iter().find(|section| section.range.contains(&address))
    }
}
