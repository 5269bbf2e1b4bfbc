//! Whose variable a word was found in: C's or Rust's.
//!
//! Both have their variables side by side in one `.data` and one `.bss` where C was linked statically. A Rust static
//! that holds a pointer is no mistake, so C is only said where it is certain. In this order:
//!
//! 1. a module in which rustc had no part is C's wholly, stripped or not;
//! 2. a name that only rustc makes is Rust's, one that only C++ makes is not;
//! 3. a symbol that is local to an object file is its;
//! 4. a plain name's language stands in the debug information, where there is any;
//! 5. linkers keep the variables of an object file together, and LLD, Rust's own linker, object files in order: what
//!    lies between two variables whose object files are known belongs to these or to one between them.

use super::elf::{Table, Variable};
use super::names::{self, Language, Source};
use super::symbols::{self, Place, Symbols};
use crate::reentry::Reentry;

/// Whose variable an address in a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// C's.
    C(Global),
    /// A Rust static.
    Rust,
    /// In a module's writable data, but nothing tells whose.
    Unknown(Global),
    /// In no module's writable data.
    Nowhere,
}

/// A place in a module's writable data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Global {
    /// The module's file name, without folders.
    pub(crate) module: String,
    /// The variable, where a symbol tells.
    pub(crate) symbol: Option<String>,
    /// Bytes from the start of the variable; from the module's load address without one.
    pub(crate) offset: usize,
    /// `.bss`, `.data`, ..
    pub(crate) section: String,
    /// The file has no symbols but what it exports, or could not be read.
    pub(crate) stripped: bool,
}

/// Whose variable it is.
///
/// The first question about a module reads its file; the first about a plain name, its debug information.
pub(crate) fn owner(location: usize) -> Owner {
    let _own = Reentry::enter();
    let Some(place) = symbols::place(location) else { return Owner::Nowhere };
    let symbols = place.symbols;
    let variable = symbols.table().and_then(|table| table.variable(place.address));
    let language = if symbols.has_rust() {
        symbols.table().and_then(|table| decide(symbols, table, variable, place.address))
    } else {
        Some(Language::C)
    };
    match language {
        Some(Language::Rust) => Owner::Rust,
        Some(Language::C) => Owner::C(global(&place, variable)),
        None => Owner::Unknown(global(&place, variable)),
    }
}

fn global(place: &Place, variable: Option<&Variable>) -> Global {
    let symbols = place.symbols;
    let section =
        symbols.table().and_then(|table| table.section(place.address)).map(|section| section.name.to_string());
    if variable.is_none() {
        symbols.say_unnamed();
    }
    Global {
        module: symbols.module.clone(),
        symbol: variable.map(|variable| names::display(&variable.name).to_owned()),
        offset: place.address - variable.map_or(0, |variable| variable.range.start),
        section: section.unwrap_or_else(|| if place.from_file { ".data" } else { ".bss" }.to_owned()),
        stripped: symbols.is_stripped(),
    }
}

/// The language, in a module that has both.
fn decide(symbols: &Symbols, table: &Table, variable: Option<&Variable>, address: usize) -> Option<Language> {
    let Some(variable) = variable else { return by_position(table, address, false) };
    names::language(&variable.name)
        .or_else(|| variable.file.and_then(|file| of_source(table.files[file])))
        .or_else(|| table.copied.contains(&variable.range.start).then_some(Language::C))
        .or_else(|| symbols.debug_language(variable.range.start))
        .or_else(|| by_position(table, address, true))
}

/// The language of all object files that the address may come from, if it is one. `named`: a symbol with a plain name
/// covers it; the standard library has none such.
fn by_position(table: &Table, address: usize, named: bool) -> Option<Language> {
    let section = table.sections.iter().position(|section| section.range.contains(&address))?;
    let own = table.variables.iter().filter(|variable| variable.section == section);
    let local = own.filter_map(|variable| variable.file.map(|file| (variable.range.start, file)));
    let local: Vec<(usize, usize)> = local.collect();
    let after = local.partition_point(|&(start, _)| start <= address);
    // The end of `.bss` has what C compilers leave to the linker to place (`-fcommon`), of any file.
    let (last, next) = (local[..after].last(), local.get(after)?.1);
    let first = match last {
        Some(&(_, last)) if last == next => last,
        // Were they out of order, some linker did otherwise than is assumed here.
        _ if !table.in_order || !local.iter().is_sorted_by_key(|&(_, file)| file) => return None,
        Some(&(_, last)) => last,
        None => 0,
    };
    let candidates = table.files[first..=next].iter().filter(|&&source| !named || source != Source::Std);
    let mut languages = candidates.map(|&source| of_source(source));
    let first = languages.next()??;
    languages.all(|language| language == Some(first)).then_some(first)
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
