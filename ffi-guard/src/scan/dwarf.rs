//! The language of a variable with a plain name, and its place in the source, from debug
//! information.
//!
//! C's `char *kept;` and Rust's `#[no_mangle] static mut KEPT` look alike in the symbol table. The
//! unit of debug information that defines the variable states its language. Parsing all units would
//! take seconds in a debug build, so the bytes of the address are searched for, and only the units
//! that have them are parsed.

use std::ops::Range;
use std::path::PathBuf;

use gimli::{
    AttributeValue, DW_AT_decl_file, DW_AT_decl_line, DW_AT_declaration, DW_AT_language, DW_AT_location, DW_AT_name,
    DW_AT_specification, DW_LANG_Rust, DW_OP_GNU_push_tls_address, DW_OP_addr, DW_OP_const8u, DW_OP_form_tls_address,
    DW_TAG_base_type, DW_TAG_variable, DebuggingInformationEntry, Dwarf, EndianSlice, Expression, NativeEndian,
    Operation, Unit,
};

use super::dwarf_types::mentions;
use super::elf::{Elf, Storage};
use super::names::Language;
use crate::platform::modules::find_bytes;

pub(super) type Slice<'file> = EndianSlice<'file, NativeEndian>;

/// The facts that debug information has on a variable.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// The language of the unit that defines it.
    pub(super) language: Option<Language>,
    /// Its place in the source: file and line.
    pub(super) source: Option<(String, u32)>,
}

/// The definition of the variable at this link-time address; `None` if no unit defines one there.
pub(super) fn definition(elf: &Elf<'_>, storage: Storage, address: usize) -> Option<Definition> {
    let dwarf = load(elf)?;
    let at = At { storage, address: address as u64 };
    let info = elf.section(".debug_info")?;
    let places: Vec<usize> = at.expressions().iter().flat_map(|expression| every(info, expression)).collect();
    // Version 5 may keep addresses in a table of their own, as clang does.
    let aside = elf.section(".debug_addr").filter(|_| storage == Storage::Static).unwrap_or_default();
    let places_aside = every(aside, &at.address.to_ne_bytes());
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let start = header.debug_info_offset()?.0;
        let range = start..start + header.length_including_self();
        let here = places.iter().any(|place| range.contains(place));
        if !here && (places_aside.is_empty() || header.version() < 5) {
            continue;
        }
        let Ok(unit) = dwarf.unit(header) else { continue };
        let own = addresses(&unit, aside);
        if (here || places_aside.iter().any(|place| own.contains(place)))
            && let Some(definition) = defines(&dwarf, &unit, &at)
        {
            return Some(definition);
        }
    }
    None
}

/// The address of a variable.
struct At {
    storage: Storage,
    address: u64,
}

impl At {
    /// The location expressions for it, each with its length in front: push this address; push this
    /// offset and take it as one into the thread's copy.
    fn expressions(&self) -> Vec<Vec<u8>> {
        let address = self.address.to_ne_bytes();
        match self.storage {
            Storage::Static => vec![[&[9, DW_OP_addr.0], &address[..]].concat()],
            Storage::Thread => [DW_OP_GNU_push_tls_address, DW_OP_form_tls_address]
                .iter()
                .map(|last| [&[10, DW_OP_const8u.0], &address[..], &[last.0]].concat())
                .collect(),
        }
    }
}

/// The codegen units of rustc with all their variables in the debug information: those built with
/// `debug = 2`, since only these have types. rustc names a unit `src/main.rs/@/` and the object
/// file.
pub(super) fn complete_units(elf: &Elf<'_>) -> Vec<String> {
    let mut complete = Vec::new();
    let Some(dwarf) = load(elf) else { return complete };
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let name = unit.name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some((_, file)) = name.rsplit_once("/@/")
            && has_types(&unit)
        {
            complete.push(file.to_owned());
        }
    }
    complete
}

fn has_types(unit: &Unit<Slice<'_>>) -> bool {
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if entry.tag() == DW_TAG_base_type {
            return true;
        }
    }
    false
}

pub(super) fn load<'file>(elf: &Elf<'file>) -> Option<Dwarf<Slice<'file>>> {
    let section = |id: gimli::SectionId| {
        Ok::<_, gimli::Error>(EndianSlice::new(elf.section(id.name()).unwrap_or_default(), NativeEndian))
    };
    Dwarf::load(section).ok()
}

/// The definition of a thread-local variable of this name that says no place: GCC writes none for
/// 64-bit ARM.
pub(super) fn without_place(elf: &Elf<'_>, name: &str) -> Option<Definition> {
    let dwarf = load(elf)?;
    let places = mentions(elf.section(".debug_info")?, elf.section(".debug_str")?, name);
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let start = header.debug_info_offset()?.0;
        let range = start..start + header.length_including_self();
        if places.iter().any(|place| range.contains(place))
            && let Ok(unit) = dwarf.unit(header)
            && let Some(definition) = defines_without_place(&dwarf, &unit, name)
        {
            return Some(definition);
        }
    }
    None
}

fn defines_without_place(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, name: &str) -> Option<Definition> {
    let mut language = None;
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if let Some(AttributeValue::Language(name)) = entry.attr_value(DW_AT_language) {
            language = Some(if name == DW_LANG_Rust { Language::Rust } else { Language::C });
        }
        let is_definition = entry.tag() == DW_TAG_variable
            && entry.attr_value(DW_AT_location).is_none()
            && entry.attr_value(DW_AT_declaration).is_none();
        if !is_definition {
            continue;
        }
        let declared = match entry.attr_value(DW_AT_specification) {
            Some(AttributeValue::UnitRef(offset)) => unit.entry(offset).ok(),
            _ => None,
        };
        let own = entry.attr_value(DW_AT_name).or_else(|| declared?.attr_value(DW_AT_name));
        if own.and_then(|own| dwarf.attr_string(unit, own).ok()).is_some_and(|own| own.slice() == name.as_bytes()) {
            return Some(Definition { language, source: source(dwarf, unit, entry) });
        }
    }
    None
}

/// The part of `.debug_addr` that belongs to this unit. The length stands 8 bytes before it and
/// counts all but itself.
fn addresses(unit: &Unit<Slice<'_>>, aside: &[u8]) -> Range<usize> {
    let base = unit.addr_base.0;
    let length = base.checked_sub(8).and_then(|at| aside.get(at..at + 4)).and_then(|bytes| bytes.try_into().ok());
    base..base.saturating_add(length.map_or(0, u32::from_ne_bytes) as usize).saturating_sub(4)
}

/// The places where `needle` begins in `haystack`.
pub(super) fn every(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(place) = find_bytes(&haystack[from..], needle) {
        places.push(from + place);
        from += place + 1;
    }
    places
}

/// The unit's facts on the variable at the address, if it defines one. (The bytes alone may be an
/// argument's value at a call.)
fn defines(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, at: &At) -> Option<Definition> {
    let mut language = None;
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if let Some(AttributeValue::Language(name)) = entry.attr_value(DW_AT_language) {
            language = Some(if name == DW_LANG_Rust { Language::Rust } else { Language::C });
        }
        if entry.tag() == DW_TAG_variable
            && let Some(AttributeValue::Exprloc(location)) = entry.attr_value(DW_AT_location)
            && is_at(dwarf, unit, location, at)
        {
            return Some(Definition { language, source: source(dwarf, unit, entry) });
        }
    }
    None
}

/// True if the location is this address and nothing else.
fn is_at(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, location: Expression<Slice<'_>>, at: &At) -> bool {
    let mut operations = location.operations(unit.encoding());
    let (first, storage) = match operations.next() {
        Ok(Some(Operation::Address { address })) => (Some(address), Storage::Static),
        Ok(Some(Operation::AddressIndex { index })) => (dwarf.address(unit, index).ok(), Storage::Static),
        Ok(Some(Operation::UnsignedConstant { value })) => (Some(value), Storage::Thread),
        _ => return false,
    };
    if storage == Storage::Thread && !matches!(operations.next(), Ok(Some(Operation::TLS))) {
        return false;
    }
    storage == at.storage && first == Some(at.address) && matches!(operations.next(), Ok(None))
}

/// The variable's place in the source: its own, or that of the declaration that it completes.
fn source(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    entry: &DebuggingInformationEntry<Slice<'_>>,
) -> Option<(String, u32)> {
    let own = (number(entry, DW_AT_decl_file), number(entry, DW_AT_decl_line));
    let declared = match entry.attr_value(DW_AT_specification) {
        Some(AttributeValue::UnitRef(offset)) => unit.entry(offset).ok(),
        _ => None,
    };
    let declared =
        declared.map_or((None, None), |entry| (number(&entry, DW_AT_decl_file), number(&entry, DW_AT_decl_line)));
    // A completion names only what differs from the declaration.
    let (file, line) = (own.0.or(declared.0), own.1.or(declared.1));
    let file = file_name(dwarf, unit, file?)?;
    Some((file, u32::try_from(line?).ok().filter(|&line| line != 0)?))
}

fn number(entry: &DebuggingInformationEntry<Slice<'_>>, name: gimli::DwAt) -> Option<u64> {
    match entry.attr_value(name)? {
        AttributeValue::FileIndex(index) => Some(index),
        value => value.udata_value(),
    }
}

/// The path of one of the unit's source files: relative to the unit's folder, unless it is
/// absolute.
fn file_name(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, index: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let text = |value| Some(dwarf.attr_string(unit, value).ok()?.to_string_lossy().into_owned());
    let mut path = PathBuf::new();
    path.extend(unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned()));
    // Pushing an absolute path drops what came before.
    path.extend(file.directory(header).and_then(text));
    path.push(text(file.path_name())?);
    Some(path.to_string_lossy().into_owned())
}
