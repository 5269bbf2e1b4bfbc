//! The owner of the variable that a word was found in: C or Rust.
//!
//! Both have their variables side by side in one `.data` and one `.bss` if C was linked statically.
//! A Rust static that holds a pointer is no mistake, so the answer is C only if that is certain. In
//! this order:
//!
//! 1. a module in which rustc had no part is wholly C's, stripped or not;
//! 2. a name that only rustc makes is Rust's, one that only C++ makes is not;
//! 3. a symbol that is local to an object file belongs to that file;
//! 4. debug information, if there is any, states the language of a plain name;
//! 5. rustc tells the linker of all plain names that Rust exports before anything else, and LLD,
//!    Rust's own linker, keeps that order in the symbol table: a later symbol is not Rust's;
//! 6. linkers keep the variables of an object file together, and LLD object files in order: bytes
//!    between two variables whose object files are known belong to these or to one between them,
//!    less those whose variables are all in the debug information.
//!
//! A compiler's record (1 to 4) goes before a linker's habit (5, 6). If none of them decides, the
//! owner stays unknown. (A seventh question asked whose functions refer to a variable. It could be
//! wrong, and was dropped: `docs/design/decisions.md`.)
//!
//! Thread-local variables, of which each thread has a copy, are decided in this order too.

use super::elf::{ObjectFile, Storage, Table, Variable};
use super::names::{self, Language, Source};
use super::symbols::{self, SymbolPlace, Symbols};
use super::thread_locals::Threads;
use crate::reentry::Reentry;

/// The owner of the variable at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// C's.
    C(Global),
    /// A Rust static.
    Rust,
    /// In a module's writable data, with no sign of the owner.
    Unknown(Global),
    /// In no module's writable data.
    Nowhere,
}

/// A place in a module's writable data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Global {
    /// The module's file name, without folders.
    pub(crate) module: String,
    /// The variable's name, if a symbol has it.
    pub(crate) symbol: Option<String>,
    /// Bytes from the start of the variable, or from the module's load address if there is no
    /// symbol.
    pub(crate) offset: usize,
    /// For a thread-local variable, the thread that has this copy.
    pub(crate) thread: Option<u32>,
    /// File and line that define the variable, if debug information has them. Looked up for C's
    /// alone.
    pub(crate) source: Option<(String, u32)>,
    /// `.bss`, `.data`, ..
    pub(crate) section: String,
    /// True if the file has no symbols but exported ones, or could not be read.
    pub(crate) stripped: bool,
}

/// The owner of the variable at `location`.
///
/// The first question about a module reads its file; the first about a plain name, its debug
/// information.
pub(super) fn owner(location: usize, threads: &Threads) -> Owner {
    let _own = Reentry::enter();
    let Some(place) = symbols::place(location, threads) else { return Owner::Nowhere };
    let symbols = place.symbols;
    let table = symbols.table_of(place.storage());
    let variable = table.and_then(|table| table.variable(place.address));
    let language = if symbols.has_rust() {
        table.and_then(|table| decide(symbols, table, variable, place.address))
    } else {
        Some(Language::C)
    };
    match language {
        Some(Language::Rust) => Owner::Rust,
        Some(Language::C) => {
            let definition = variable.and_then(|it| symbols.definition(place.storage(), it.range.start));
            Owner::C(Global { source: definition.and_then(|it| it.source), ..global(&place, variable) })
        }
        None => Owner::Unknown(global(&place, variable)),
    }
}

fn global(place: &SymbolPlace, variable: Option<&Variable>) -> Global {
    let symbols = place.symbols;
    let table = symbols.table_of(place.storage());
    let section = table.and_then(|table| table.section(place.address)).map(|section| section.name.to_string());
    if variable.is_none() {
        symbols.say_unnamed();
    }
    Global {
        module: symbols.module.clone(),
        symbol: variable.map(|variable| names::display(&variable.name).to_owned()),
        offset: place.address - variable.map_or(0, |variable| variable.range.start),
        thread: place.thread,
        source: None,
        section: section.unwrap_or_else(|| if place.from_file { ".data" } else { ".bss" }.to_owned()),
        stripped: symbols.is_stripped(),
    }
}

/// The language of a variable, in a module that has both.
pub(super) fn decide(
    symbols: &Symbols,
    table: &Table,
    variable: Option<&Variable>,
    address: usize,
) -> Option<Language> {
    let Some(variable) = variable else { return by_position(table, address) };
    let start = variable.range.start;
    names::language(&variable.name)
        .or_else(|| variable.file.and_then(|file| of_source(table.files[file].source)))
        .or_else(|| table.copied.contains(&start).then_some(Language::C))
        .or_else(|| {
            symbols.decided(table.storage, start, || {
                symbols
                    .definition(table.storage, start)
                    .and_then(|definition| definition.language)
                    .or_else(|| match table.storage {
                        Storage::Thread => symbols.language_of_thread_local(&variable.name),
                        Storage::Static => None,
                    })
                    .or_else(|| variable.after_exports.then_some(Language::C))
                    .or_else(|| by_exclusion(symbols, table, start))
            })
        })
}

/// The language of all object files that an address may come from, if they have the same one.
fn by_position(table: &Table, address: usize) -> Option<Language> {
    one(candidates(table, address)?.iter().map(|file| of_source(file.source)))
}

/// The language of a variable with a plain name that is not in the debug information, by the object
/// files it may come from: not the standard library's, which has no such variable, and not codegen
/// units whose variables are all in the debug information.
fn by_exclusion(symbols: &Symbols, table: &Table, address: usize) -> Option<Language> {
    let candidates: Vec<&ObjectFile> =
        candidates(table, address)?.iter().filter(|file| file.source != Source::Std).collect();
    if let Some(language) = one(candidates.iter().map(|file| of_source(file.source))) {
        return Some(language);
    }
    let complete = symbols.complete_units();
    let missing = |file: &ObjectFile| !complete.iter().any(|unit| **unit == *file.name);
    // The object file that binds the allocator has no debug information, and its name is like a
    // codegen unit's. It is the only one of that kind if every crate has debug information.
    let short = table.files.iter().filter(|file| names::is_short(&file.name) && missing(file)).count();
    let possible = |file: &&ObjectFile| {
        file.source != Source::Rust || missing(file) && !(short == 1 && names::is_short(&file.name))
    };
    one(candidates.into_iter().filter(possible).map(|file| of_source(file.source)))
}

fn one(mut languages: impl Iterator<Item = Option<Language>>) -> Option<Language> {
    let first = languages.next()??;
    languages.all(|language| language == Some(first)).then_some(first)
}

/// The object files that may have the variable at an address; `None` if their order says nothing.
fn candidates(table: &Table, address: usize) -> Option<&[ObjectFile]> {
    let section = table.sections.iter().position(|section| section.range.contains(&address))?;
    let own = table.variables.iter().filter(|variable| variable.section == section);
    let local = own.filter_map(|variable| variable.file.map(|file| (variable.range.start, file)));
    let local: Vec<(usize, usize)> = local.collect();
    let after = local.partition_point(|&(start, _)| start <= address);
    // Before the first and after the last may be variables that C compilers leave to the linker to
    // place (`-fcommon`): GNU ld puts those of all files at the end of `.bss`, LLD at its
    // beginning.
    let edge = after == 0 || after == local.len();
    if edge {
        return Some(&table.files);
    }
    let (first, next) = (local[after - 1].1, local[after].1);
    // Out of order: some linker works differently from what is assumed here.
    if first != next && !(table.in_order && local.iter().is_sorted_by_key(|&(_, file)| file)) {
        return None;
    }
    table.files.get(first..=next)
}

fn of_source(source: Source) -> Option<Language> {
    match source {
        Source::C => Some(Language::C),
        Source::Rust | Source::Std => Some(Language::Rust),
        Source::Unknown => None,
    }
}

#[cfg(test)]
mod tests;
