//! The layout of a struct as debug information has it, of C's and of Rust's alike: its fields, and
//! the values of which it is made in the end.

use gimli::{DW_AT_bit_size, DW_AT_data_bit_offset, DW_AT_data_member_location, DW_AT_type};

use super::c_type::{self, CType};
use super::info::{At, Info, Language};
use crate::platform::modules::find_bytes;

/// Structs in structs, and elements of arrays, that are looked into.
const DEEP: usize = 12;
/// Values of a struct that are compared at most.
const MOST: usize = 4096;

/// A struct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Its bytes.
    pub(super) size: u64,
    /// Its own fields.
    pub(super) fields: Vec<Field>,
    /// What it is made of, in the order of the offsets.
    pub(super) values: Vec<Value>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// True if it is made of bits.
    pub(super) is_bits: bool,
}

/// A value in a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) sort: Sort,
    /// `point.x`
    pub(super) path: String,
    /// What it leads to, if it is the address of something that is known.
    pub(super) to: Option<At>,
}

/// Sorts of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// An integer, a `bool`, an enum.
    Whole,
    Float,
    Address,
    /// Bits, bytes, a union: what may be in it is not compared.
    Any,
}

/// The layout of the struct there; `None` if it is not complete, or not all of it can be read.
pub(super) fn of(info: &Info, at: At) -> Option<Layout> {
    let CType::Aggregate { at, size: Some(size), is_union: false } = c_type::read(info, Some(at)) else { return None };
    let mut layout = Layout { size, ..Layout::default() };
    for member in info.children(at, &[gimli::DW_TAG_member, gimli::DW_TAG_variant_part, gimli::DW_TAG_inheritance]) {
        let field = field(info, member)?;
        add(info, member, field.offset, &field.name, &mut layout.values, DEEP)?;
        layout.fields.push(field);
    }
    layout.values.sort_by_key(|value| value.offset);
    Some(layout)
}

/// A member; `None` if it is none with a fixed place.
fn field(info: &Info, member: At) -> Option<Field> {
    let entry = info.entry(member)?;
    if entry.tag() != gimli::DW_TAG_member || entry.has_attr(gimli::DW_AT_external) {
        return None;
    }
    let ty = info.reference(member.0, &entry, DW_AT_type)?;
    let name = info.name(member.0, &entry).unwrap_or_default();
    let is_bits = entry.has_attr(DW_AT_bit_size);
    if is_bits {
        let bits = c_type::number(&entry, DW_AT_bit_size)?;
        let size = c_type::size_of(info, Some(ty))?;
        let (offset, size) = match c_type::number(&entry, DW_AT_data_bit_offset) {
            Some(first) => (first / 8, (first % 8 + bits).div_ceil(8)),
            // As version 3 has it: within the unit that has the bits.
            None => (c_type::number(&entry, DW_AT_data_member_location).unwrap_or(0), size),
        };
        return Some(Field { name, offset, size, is_bits });
    }
    let offset = match entry.has_attr(DW_AT_data_member_location) {
        true => c_type::number(&entry, DW_AT_data_member_location)?,
        false => 0,
    };
    // An array without a count, at the end, has no size.
    let size = match c_type::read(info, Some(ty)) {
        CType::Array { count: None, .. } => 0,
        _ => c_type::size_of(info, Some(ty))?,
    };
    Some(Field { name, offset, size, is_bits })
}

fn add(info: &Info, member: At, start: u64, path: &str, values: &mut Vec<Value>, deep: usize) -> Option<()> {
    let entry = info.entry(member)?;
    let ty = info.reference(member.0, &entry, DW_AT_type)?;
    if entry.has_attr(DW_AT_bit_size) {
        let Field { size, .. } = field(info, member)?;
        values.push(Value { offset: start, size, sort: Sort::Any, path: path.to_owned(), to: None });
        return Some(());
    }
    value(info, ty, start, path, values, deep)
}

/// Adds what a value of a type is made of. `None` if that cannot be read.
fn value(info: &Info, ty: At, start: u64, path: &str, values: &mut Vec<Value>, deep: usize) -> Option<()> {
    if deep == 0 || values.len() > MOST {
        return None;
    }
    let mut push = |size, sort| values.push(Value { offset: start, size, sort, path: path.to_owned(), to: None });
    match c_type::read(info, Some(ty)) {
        // A single byte may be of anything.
        CType::Integer { size: 1, .. } => push(1, Sort::Any),
        CType::Integer { size, .. } | CType::Bool(size) | CType::Enum(size) => push(size, Sort::Whole),
        CType::Float(size) => push(size, Sort::Float),
        CType::Pointer(to) => {
            let (size, sort) = (size_of::<usize>() as u64, Sort::Address);
            values.push(Value { offset: start, size, sort, path: path.to_owned(), to });
        }
        CType::Aggregate { size: Some(0), .. } => {}
        CType::Aggregate { at, size: Some(size), is_union } => {
            let members = info.children(at, &[gimli::DW_TAG_member, gimli::DW_TAG_variant_part]);
            let is_struct = members
                .iter()
                .all(|member| info.entry(*member).is_some_and(|entry| entry.tag() == gimli::DW_TAG_member));
            if is_union || !is_struct || members.is_empty() {
                push(size, Sort::Any);
                return Some(());
            }
            for member in members {
                let Field { name, offset, .. } = field(info, member)?;
                let path = if name.is_empty() { path.to_owned() } else { format!("{path}.{name}") };
                add(info, member, start + offset, &path, values, deep - 1)?;
            }
        }
        CType::Array { of, count } => {
            let (count, size) = (count.unwrap_or(0), c_type::size_of(info, Some(of))?);
            if size == 1 || count > 256 {
                push(size.checked_mul(count)?, Sort::Any);
                return Some(());
            }
            for index in 0..count {
                value(info, of, start + index * size, &format!("{path}[{index}]"), values, deep - 1)?;
            }
        }
        CType::Void | CType::Function(_) | CType::Other | CType::Aggregate { size: None, .. } => {
            push(c_type::size_of(info, Some(ty))?, Sort::Any);
        }
    }
    Some(())
}

/// The Rust struct of this path, as `std::any::type_name` has it, and of this size if that is
/// known. `None` if the debug information has none. If all of this name and size are alike, the
/// modules of the path are not looked at: [`has_path`] does that for each of the places, which
/// takes long.
pub(super) fn of_rust(
    info: &Info,
    sections: (&[u8], &[u8]),
    path: &str,
    size: Option<u64>,
) -> Option<(Vec<At>, Layout)> {
    // A name with parameters is written otherwise there.
    if path.contains(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')) {
        return None;
    }
    let name = path.rsplit("::").next()?;
    let (entries, strings) = sections;
    let (texts, is_within) = texts(strings, name);
    let mut found: Vec<(Vec<At>, Layout)> = Vec::new();
    let mut units = 0;
    for text in texts {
        // The linker keeps one of the texts that a name could begin in.
        if is_within && !found.is_empty() {
            break;
        }
        for place in every(entries, &u32::try_from(text).ok()?.to_ne_bytes()) {
            let Some((at, layout)) = at_name(info, place, name, size) else { continue };
            units += 1;
            match found.iter_mut().find(|(_, known)| *known == layout) {
                Some((places, _)) => places.push(at),
                None => found.push((vec![at], layout)),
            }
            if units == UNITS {
                break;
            }
        }
    }
    if found.len() > 1 {
        // Structs of one name in several modules.
        found.retain(|(places, _)| places.iter().any(|at| has_path(info, *at, path)));
    }
    found.pop().filter(|_| found.is_empty())
}

/// Descriptions of a struct that are read, each in a unit of its own.
const UNITS: usize = 8;
/// Places of a text that are searched for.
const TEXTS: usize = 3;
/// Longer texts with the name at the end that are searched for: in a large program many names end
/// in `Point`.
const LONGER: usize = 64;

/// Where the name may be in the section of texts, and true if it is the end of longer ones there:
/// GNU ld lets a text begin in another one.
fn texts(strings: &[u8], name: &str) -> (Vec<usize>, bool) {
    let whole = every(strings, &[b"\0", name.as_bytes(), b"\0"].concat());
    let is_within = whole.is_empty();
    let mut texts = match is_within {
        true => every(strings, &[name.as_bytes(), b"\0"].concat()),
        false => whole.into_iter().map(|at| at + 1).collect(),
    };
    texts.truncate(if is_within { LONGER } else { TEXTS });
    (texts, is_within)
}

/// The layout of the struct whose entry has its name at this place of the section. Rustc writes a
/// struct's name first, so the entry begins a byte or two before: what is read there has to be a
/// struct of this name and size.
fn at_name(info: &Info, place: usize, name: &str, size: Option<u64>) -> Option<(At, Layout)> {
    (1..=2).find_map(|before| {
        let at = info.at(gimli::DebugInfoOffset(place.checked_sub(before)?))?;
        if info.language(at.0) != Language::Rust {
            return None;
        }
        let entry = info.entry(at)?;
        let is_it = entry.tag() == gimli::DW_TAG_structure_type
            && (size.is_none() || c_type::number(&entry, gimli::DW_AT_byte_size) == size)
            && info.text(at.0, &entry, gimli::DW_AT_name) == Some(name.as_bytes());
        if is_it { Some((at, of(info, at)?)) } else { None }
    })
}

/// The places where `needle` begins in `haystack`.
fn every(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let (mut places, mut from) = (Vec::new(), 0);
    while let Some(place) = haystack.get(from..).and_then(|rest| find_bytes(rest, needle)) {
        places.push(from + place);
        from += place + 1;
    }
    places
}

/// True if the struct there is in the modules of its path: each may stand in a unit more than once.
pub(super) fn has_path(info: &Info, at: At, path: &str) -> bool {
    let mut modules: Vec<&str> = path.split("::").collect();
    modules.pop();
    let Some(unit) = info.unit(at.0) else { return false };
    let mut around = vec![(at.0, unit.header.root_offset())];
    for module in modules {
        let inner = around.iter().flat_map(|at| info.children(*at, &[gimli::DW_TAG_namespace]));
        around = inner.filter(|at| is_named(info, *at, module)).collect();
    }
    around.iter().any(|around| info.children(*around, &[gimli::DW_TAG_structure_type]).contains(&at))
}

fn is_named(info: &Info, at: At, name: &str) -> bool {
    info.entry(at).and_then(|entry| info.text(at.0, &entry, gimli::DW_AT_name)) == Some(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_kept_within_a_longer_one_is_found_however_many_end_alike() {
        let longer: Vec<String> = (0..20).map(|i| format!("Breaking{i}Point")).collect();
        let strings = format!("first\0{}\0Pointer\0", longer.join("\0"));
        let (found, is_within) = texts(strings.as_bytes(), "Point");
        assert!(is_within);
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|&at| strings[at..].starts_with("Point\0")));
        let (found, is_within) = texts(format!("{strings}Point\0").as_bytes(), "Point");
        assert_eq!((found, is_within), (vec![strings.len()], false));
    }
}
