//! The words of a Rust struct that can be a pointer, from debug information.
//!
//! The type is searched for by its name, as a variable is by its address ([`dwarf`](super::dwarf)):
//! the bytes of the name's place among the strings, and only the units that have them are parsed.

use gimli::{
    AttributeValue, DW_AT_byte_size, DW_AT_count, DW_AT_data_member_location, DW_AT_encoding, DW_AT_name, DW_AT_type,
    DW_AT_upper_bound, Dwarf, Unit, UnitOffset,
};

use super::dwarf::{Slice, every, load};
use super::elf::Elf;

const WORD: usize = size_of::<usize>();
/// Depth to which structs in structs are followed.
const DEEP: usize = 16;

/// True for each aligned word of a type that can be a pointer. `path` is its name as
/// `std::any::type_name` has it. `None` if the debug information has no struct of this name and
/// size.
pub(super) fn words_of(elf: &Elf<'_>, path: &str, size: usize) -> Option<Vec<bool>> {
    // A name with parameters is written otherwise there.
    if path.contains(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')) {
        return None;
    }
    let names: Vec<&str> = path.split("::").collect();
    let name = *names.last()?;
    let dwarf = load(elf)?;
    let info = elf.section(".debug_info")?;
    let places = mentions(info, elf.section(".debug_str")?, name);
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let start = header.debug_info_offset()?.0;
        let range = start..start + header.length_including_self();
        if !places.iter().any(|place| range.contains(place)) {
            continue;
        }
        let Ok(unit) = dwarf.unit(header) else { continue };
        if let Some(entry) = find(&dwarf, &unit, &names, size) {
            let mut words = Words { unit: &unit, can: vec![false; size.div_ceil(WORD)] };
            words.structure(entry, 0, DEEP);
            return Some(words.can);
        }
    }
    None
}

/// The places among the entries where the place of this text among the strings is written.
pub(super) fn mentions(entries: &[u8], strings: &[u8], text: &str) -> Vec<usize> {
    let (whole, part) = ([b"\0", text.as_bytes(), b"\0"].concat(), [text.as_bytes(), b"\0"].concat());
    let mut texts: Vec<usize> = every(strings, &whole).into_iter().map(|at| at + 1).collect();
    if texts.is_empty() {
        // GNU ld lets a text begin in another one that ends like it: any of those may be the one.
        texts = every(strings, &part);
    }
    let texts: Vec<u32> = texts.into_iter().filter_map(|at| u32::try_from(at).ok()).collect();
    if texts.len() <= FEW {
        return texts.iter().flat_map(|text| every(entries, &text.to_ne_bytes())).collect();
    }
    // All of them in one pass, most of which looks at two bytes.
    let mut halves = vec![false; 1 << 16];
    texts.iter().for_each(|&text| halves[usize::from(text as u16)] = true);
    let words =
        (0..).zip(entries.windows(4)).filter_map(|(at, word)| Some((at, u32::from_ne_bytes(word.try_into().ok()?))));
    let named = words.filter(|&(_, word)| halves[usize::from(word as u16)] && texts.binary_search(&word).is_ok());
    named.map(|(at, _)| at).collect()
}

/// The most texts that are searched for one by one, by the C library's search, which is faster for
/// each.
const FEW: usize = 4;

/// The struct of this path and size, if the unit describes it.
fn find(dwarf: &Dwarf<Slice<'_>>, unit: &Unit<Slice<'_>>, names: &[&str], size: usize) -> Option<UnitOffset> {
    // The names of the entries around the current one, with their depths.
    let mut around: Vec<(isize, String)> = Vec::new();
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        let depth = entry.depth();
        while around.last().is_some_and(|(above, _)| *above >= depth) {
            around.pop();
        }
        let name = || {
            let name = dwarf.attr_string(unit, entry.attr_value(DW_AT_name)?).ok()?;
            Some(name.to_string_lossy().into_owned())
        };
        match entry.tag() {
            gimli::DW_TAG_namespace => around.extend(name().map(|name| (depth, name))),
            gimli::DW_TAG_structure_type if number(entry.attr_value(DW_AT_byte_size)) == Some(size) => {
                let path = around.iter().map(|(_, name)| name.clone()).chain(name());
                if path.eq(names.iter().copied()) {
                    return Some(entry.offset());
                }
            }
            _ => {}
        }
    }
    None
}

/// The words of a type that can be a pointer, as far as its fields are read.
struct Words<'a, 'file> {
    unit: &'a Unit<Slice<'file>>,
    can: Vec<bool>,
}

impl Words<'_, '_> {
    /// Reads the fields of a struct or union that lies at `start`.
    fn structure(&mut self, at: UnitOffset, start: usize, deep: usize) {
        let Ok(mut tree) = self.unit.entries_tree(Some(at)) else { return };
        let Ok(root) = tree.root() else { return };
        let size = number(root.entry().attr_value(DW_AT_byte_size)).unwrap_or(0);
        let mut fields = Vec::new();
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            match entry.tag() {
                gimli::DW_TAG_member => {
                    let offset = number(entry.attr_value(DW_AT_data_member_location)).unwrap_or(0);
                    fields.push((offset, type_of(entry.attr_value(DW_AT_type))));
                }
                // The variants of an enum: which one is there is not known.
                gimli::DW_TAG_variant_part => return self.any(start, size),
                _ => {}
            }
        }
        for (offset, ty) in fields {
            self.value(ty, start + offset, deep);
        }
    }

    /// Reads a value of a type that lies at `start`; a type that is not understood can be a pointer
    /// at each word up to the end.
    fn value(&mut self, ty: Option<UnitOffset>, start: usize, deep: usize) {
        let rest = (self.can.len() * WORD).saturating_sub(start);
        let (Some(at), true) = (ty, deep > 0) else { return self.any(start, rest) };
        let Ok(entry) = self.unit.entry(at) else { return self.any(start, rest) };
        let size = number(entry.attr_value(DW_AT_byte_size));
        match entry.tag() {
            gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type => self.structure(at, start, deep - 1),
            gimli::DW_TAG_enumeration_type => {}
            gimli::DW_TAG_base_type => {
                // A number of a pointer's size may carry an address.
                let whole = matches!(
                    entry.attr_value(DW_AT_encoding),
                    Some(AttributeValue::Encoding(gimli::DW_ATE_signed | gimli::DW_ATE_unsigned))
                );
                if whole && size == Some(WORD) {
                    self.any(start, WORD);
                }
            }
            gimli::DW_TAG_array_type => self.array(at, type_of(entry.attr_value(DW_AT_type)), start, deep - 1),
            gimli::DW_TAG_pointer_type => self.any(start, WORD),
            _ => self.any(start, size.unwrap_or(rest)),
        }
    }

    /// Reads the elements of an array. Numbers in an array are data.
    fn array(&mut self, at: UnitOffset, element: Option<UnitOffset>, start: usize, deep: usize) {
        let rest = (self.can.len() * WORD).saturating_sub(start);
        let Some(entry) = element.and_then(|element| self.unit.entry(element).ok()) else {
            return self.any(start, rest);
        };
        if entry.tag() == gimli::DW_TAG_base_type {
            return;
        }
        let stride = match entry.tag() {
            gimli::DW_TAG_pointer_type => Some(WORD),
            _ => number(entry.attr_value(DW_AT_byte_size)).filter(|size| *size > 0),
        };
        let (Some(count), Some(stride)) = (self.count(at), stride) else { return self.any(start, rest) };
        for index in 0..count.min(rest / stride) {
            self.value(element, start + index * stride, deep);
        }
    }

    fn count(&self, at: UnitOffset) -> Option<usize> {
        let mut tree = self.unit.entries_tree(Some(at)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            if entry.tag() == gimli::DW_TAG_subrange_type {
                let last = || number(entry.attr_value(DW_AT_upper_bound)).map(|last| last + 1);
                return number(entry.attr_value(DW_AT_count)).or_else(last);
            }
        }
        None
    }

    /// Marks the words that begin in these bytes.
    fn any(&mut self, start: usize, size: usize) {
        // A field that is not aligned is in no word of its own.
        let first = start.div_ceil(WORD);
        let end = (start + size) / WORD;
        for can in self.can.iter_mut().take(end).skip(first) {
            *can = true;
        }
    }
}

fn number(value: Option<AttributeValue<Slice<'_>>>) -> Option<usize> {
    usize::try_from(value?.udata_value()?).ok()
}

fn type_of(value: Option<AttributeValue<Slice<'_>>>) -> Option<UnitOffset> {
    match value? {
        AttributeValue::UnitRef(at) => Some(at),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, mentions};

    /// Entries that name what lies at these places, each after a byte of something else.
    fn entries(places: &[usize]) -> Vec<u8> {
        let words = places.iter().map(|&place| u32::try_from(place).expect("small").to_ne_bytes());
        words.flat_map(|word| [&[0xff], &word[..]].concat()).collect()
    }

    #[test]
    fn a_name_is_found_where_a_linker_keeps_it_in_a_longer_one() {
        let mut strings = b"\0Key\0AesKey\0".to_vec();
        // As it is, and not the end of another name.
        assert_eq!(mentions(&entries(&[8, 1]), &strings, "Key"), [6]);
        assert!(mentions(&entries(&[8, 1]), &strings[4..], "Key").is_empty());
        assert_eq!(mentions(&entries(&[8, 4]), &strings[4..], "Key"), [6]);
        strings = b"\0".to_vec();
        for i in 0..=FEW {
            strings.extend_from_slice(format!("{i}Key\0").as_bytes());
        }
        for i in 0..=FEW {
            let text = strings.iter().enumerate().filter(|(_, byte)| **byte == b'K').nth(i).expect("in each").0;
            assert_eq!(mentions(&entries(&[3, text, 9]), &strings, "Key"), [6], "{i}");
        }
    }
}
