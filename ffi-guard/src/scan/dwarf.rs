//! The language of a variable with a plain name, from debug information.
//!
//! C's `char *kept;` and Rust's `#[no_mangle] static mut KEPT` look the same in the symbol table. The unit of debug
//! information that defines the variable states its language. To parse all units would take seconds in a debug build,
//! so the address is looked for as bytes, and only the units that have them are parsed.

use std::ops::Range;

use gimli::{
    AttributeValue, DW_AT_language, DW_AT_location, DW_LANG_Rust, DW_OP_addr, DW_TAG_variable, Dwarf, EndianSlice,
    Expression, NativeEndian, Operation, Unit,
};

use super::elf::Elf;
use super::names::Language;
use crate::platform::modules::find_bytes;

type Slice<'file> = EndianSlice<'file, NativeEndian>;

/// The language of the unit that defines a variable at this link-time address; `None` where no unit does.
pub(super) fn language(elf: &Elf<'_>, address: usize) -> Option<Language> {
    let load = |id: gimli::SectionId| {
        Ok::<_, gimli::Error>(EndianSlice::new(elf.section(id.name()).unwrap_or_default(), NativeEndian))
    };
    let dwarf = Dwarf::load(load).ok()?;
    let address = address as u64;
    // An expression of nine bytes: push this address.
    let expression = [&[9, DW_OP_addr.0], &address.to_ne_bytes()[..]].concat();
    let places = every(elf.section(".debug_info")?, &expression);
    // Version 5 may keep addresses aside, as clang does.
    let aside = elf.section(".debug_addr").unwrap_or_default();
    let places_aside = every(aside, &address.to_ne_bytes());
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
            && let Some(language) = defines(&dwarf, &unit, address)
        {
            return Some(language);
        }
    }
    None
}

/// The part of `.debug_addr` that is this unit's. The length stands 8 bytes before it and counts all but itself.
fn addresses(unit: &Unit<Slice<'_>>, aside: &[u8]) -> Range<usize> {
    let base = unit.addr_base.0;
    let length = base.checked_sub(8).and_then(|at| aside.get(at..at + 4)).and_then(|bytes| bytes.try_into().ok());
    base..base.saturating_add(length.map_or(0, u32::from_ne_bytes) as usize).saturating_sub(4)
}

/// Where `needle` begins in `haystack`, each time.
fn every(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(place) = find_bytes(&haystack[from..], needle) {
        places.push(from + place);
        from += place + 1;
    }
    places
}

/// The unit's language, if it defines a variable at the address. (The bytes alone may be an argument's value at a call.)
fn defines(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, address: u64) -> Option<Language> {
    let mut language = None;
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if let Some(AttributeValue::Language(name)) = entry.attr_value(DW_AT_language) {
            language = Some(if name == DW_LANG_Rust { Language::Rust } else { Language::C });
        }
        if entry.tag() == DW_TAG_variable
            && let Some(AttributeValue::Exprloc(location)) = entry.attr_value(DW_AT_location)
            && is_at(dwarf, unit, location, address)
        {
            return language;
        }
    }
    None
}

/// Whether the location is this address and nothing else.
fn is_at(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, location: Expression<Slice<'_>>, address: u64) -> bool {
    let mut operations = location.operations(unit.encoding());
    let first = match operations.next() {
        Ok(Some(Operation::Address { address })) => Some(address),
        Ok(Some(Operation::AddressIndex { index })) => dwarf.address(unit, index).ok(),
        _ => None,
    };
    first == Some(address) && matches!(operations.next(), Ok(None))
}
