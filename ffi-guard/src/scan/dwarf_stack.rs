//! The variables of a function that lie in its frame, from debug information: which one is at a
//! place, and how large it is.
//!
//! In a build without optimisation every variable has a place of its own there. In an optimised one
//! those have that are lent.

use gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_byte_size, DW_AT_count, DW_AT_frame_base, DW_AT_location, DW_AT_name,
    DW_AT_type, DW_AT_upper_bound, DebuggingInformationEntry, Dwarf, Operation, Register, Unit, UnitOffset,
};

use super::dwarf::{Slice, load};
use super::elf::Elf;

/// A variable in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameVariable {
    pub(super) name: String,
    /// Bytes from where the frame begins, or from where the caller's begins.
    pub(super) offset: isize,
    pub(super) size: usize,
    pub(super) base: Base,
}

/// What the offsets of a function's variables count from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Where its frame begins: the stack pointer.
    Frame,
    /// Where its caller's frame begins.
    Caller,
}

/// Depth to which types that name others are followed.
const DEEP: usize = 16;
/// The frame pointer lies below the caller's frame, with the return address between.
const FRAME_POINTER: isize = -16;

/// The variables in the frame of the function that goes on at this link-time address, as far as
/// they are in scope there. `None` if there is no debug information of it.
pub(super) fn variables(elf: &Elf<'_>, ip: usize) -> Option<Vec<FrameVariable>> {
    let dwarf = load(elf)?;
    // The call itself: what follows it may be in another block.
    let at = ip.checked_sub(1)? as u64;
    let unit = unit_of(&dwarf, at)?;
    let mut found = Vec::new();
    let mut base = None;
    // Depth of an entry whose code is elsewhere: nothing in it is in scope.
    let mut outside: Option<isize> = None;
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        let depth = entry.depth();
        if outside.is_some_and(|outside| depth > outside) {
            continue;
        }
        outside = None;
        match entry.tag() {
            gimli::DW_TAG_subprogram | gimli::DW_TAG_lexical_block | gimli::DW_TAG_inlined_subroutine => {
                if !has(&dwarf, &unit, entry, at) {
                    outside = Some(depth);
                } else if entry.tag() == gimli::DW_TAG_subprogram {
                    (base, found) = (base_of(&unit, entry), Vec::new());
                }
            }
            gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                found.extend(base.and_then(|base| variable(&dwarf, &unit, entry, base)));
            }
            _ => {}
        }
    }
    base.map(|_| found)
}

fn unit_of<'file>(dwarf: &Dwarf<Slice<'file>>, at: u64) -> Option<Unit<Slice<'file>>> {
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let Ok(mut ranges) = dwarf.unit_ranges(&unit) else { continue };
        while let Ok(Some(range)) = ranges.next() {
            if (range.begin..range.end).contains(&at) {
                return Some(unit);
            }
        }
    }
    None
}

fn has<'file>(
    dwarf: &Dwarf<Slice<'file>>,
    unit: &Unit<Slice<'file>>,
    entry: &DebuggingInformationEntry<Slice<'file>>,
    at: u64,
) -> bool {
    let Ok(mut ranges) = dwarf.die_ranges(unit, entry) else { return false };
    while let Ok(Some(range)) = ranges.next() {
        if (range.begin..range.end).contains(&at) {
            return true;
        }
    }
    false
}

fn base_of(unit: &Unit<Slice<'_>>, entry: &DebuggingInformationEntry<Slice<'_>>) -> Option<(Base, isize)> {
    let Some(AttributeValue::Exprloc(expression)) = entry.attr_value(DW_AT_frame_base) else { return None };
    let mut operations = expression.operations(unit.encoding());
    let base = match operations.next() {
        Ok(Some(Operation::Register { register: Register(7) })) => (Base::Frame, 0),
        Ok(Some(Operation::Register { register: Register(6) })) => (Base::Caller, FRAME_POINTER),
        Ok(Some(Operation::CallFrameCFA)) => (Base::Caller, 0),
        _ => return None,
    };
    (cfg!(target_arch = "x86_64") && matches!(operations.next(), Ok(None))).then_some(base)
}

fn variable(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    entry: &DebuggingInformationEntry<Slice<'_>>,
    (base, from): (Base, isize),
) -> Option<FrameVariable> {
    let Some(AttributeValue::Exprloc(location)) = entry.attr_value(DW_AT_location) else { return None };
    let mut operations = location.operations(unit.encoding());
    let Ok(Some(Operation::FrameOffset { offset })) = operations.next() else { return None };
    if !matches!(operations.next(), Ok(None)) {
        return None;
    }
    // Of an inlined function's, the name and the type stand with the function.
    let origin = match entry.attr_value(DW_AT_abstract_origin) {
        Some(AttributeValue::UnitRef(origin)) => unit.entry(origin).ok(),
        _ => None,
    };
    let value = |name| entry.attr_value(name).or_else(|| origin.as_ref().and_then(|origin| origin.attr_value(name)));
    let size = size_of_type(unit, unit_offset(value(DW_AT_type))?, DEEP)?;
    let name = value(DW_AT_name).and_then(|name| dwarf.attr_string(unit, name).ok());
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Some(FrameVariable { name, offset: from + isize::try_from(offset).ok()?, size, base })
}

/// Bytes of a value of a type.
fn size_of_type(unit: &Unit<Slice<'_>>, at: UnitOffset, deep: usize) -> Option<usize> {
    let entry = unit.entry(at).ok()?;
    if let Some(size) = number(entry.attr_value(DW_AT_byte_size)) {
        return Some(size);
    }
    let inner = || size_of_type(unit, unit_offset(entry.attr_value(DW_AT_type))?, deep.checked_sub(1)?);
    match entry.tag() {
        gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type => Some(size_of::<usize>()),
        gimli::DW_TAG_array_type => {
            let mut tree = unit.entries_tree(Some(at)).ok()?;
            let mut children = tree.root().ok()?.children();
            let mut count = None;
            while let Ok(Some(child)) = children.next() {
                let entry = child.entry();
                if entry.tag() == gimli::DW_TAG_subrange_type {
                    let last = || number(entry.attr_value(DW_AT_upper_bound)).and_then(|last| last.checked_add(1));
                    count = number(entry.attr_value(DW_AT_count)).or_else(last);
                }
            }
            inner()?.checked_mul(count?)
        }
        gimli::DW_TAG_typedef | gimli::DW_TAG_const_type | gimli::DW_TAG_volatile_type => inner(),
        _ => None,
    }
}

fn number(value: Option<AttributeValue<Slice<'_>>>) -> Option<usize> {
    usize::try_from(value?.udata_value()?).ok()
}

fn unit_offset(value: Option<AttributeValue<Slice<'_>>>) -> Option<UnitOffset> {
    match value? {
        AttributeValue::UnitRef(at) => Some(at),
        _ => None,
    }
}
