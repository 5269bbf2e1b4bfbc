//! The debug information of one module: its units by address, and the functions of the units of C.
//!
//! Most units of a Rust program are Rust's, and of those only the first entry is read. A unit of
//! C's is read when a function in it is asked for: its functions, and no types.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;

use gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_declaration, DW_AT_external, DW_AT_language, DW_AT_linkage_name,
    DW_AT_name, DW_AT_specification, DW_AT_type, DebugInfoOffset, DebuggingInformationEntry, DwAt, DwLang, DwTag,
    Dwarf, Section as _, Unit, UnitHeader, UnitOffset,
};

use super::file::Slice;
use super::peek;

pub(super) type Entry = DebuggingInformationEntry<Slice>;

/// An entry: the index of its unit, and its place in the unit.
pub(super) type At = (usize, UnitOffset);

/// The debug information of a module.
pub(super) struct Info {
    pub(super) dwarf: Dwarf<Slice>,
    headers: Vec<UnitHeader<Slice>>,
    /// Each unit, once it was asked for.
    units: Vec<OnceCell<Option<Unit<Slice>>>>,
    /// The units of C's by their ranges of addresses, sorted; without ranges first.
    by_address: Vec<(u64, u64, usize)>,
    /// The functions of each unit, once they were asked for.
    functions: Vec<OnceCell<Vec<Known>>>,
    /// The units of C's that have all they describe in another file.
    split: Vec<usize>,
    languages: Vec<Language>,
    /// The functions of all units of C's by name, once they were asked for; `None` for two that
    /// differ.
    by_name: OnceCell<HashMap<&'static [u8], Option<At>>>,
}

/// A function that a unit defines.
#[derive(Clone, Copy)]
struct Known {
    name: Option<&'static [u8]>,
    address: Option<u64>,
    at: UnitOffset,
    external: bool,
}

/// Languages of units, as far as they decide something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    C,
    /// C++, whose functions have all their parameters.
    CPlusPlus,
    Rust,
    /// Assembler and others, whose types are not C's.
    Other,
}

impl Language {
    fn of(language: DwLang) -> Language {
        match language {
            gimli::DW_LANG_C | gimli::DW_LANG_C89 | gimli::DW_LANG_C99 | gimli::DW_LANG_C11 | gimli::DW_LANG_C17 => {
                Language::C
            }
            gimli::DW_LANG_C_plus_plus
            | gimli::DW_LANG_C_plus_plus_03
            | gimli::DW_LANG_C_plus_plus_11
            | gimli::DW_LANG_C_plus_plus_14
            | gimli::DW_LANG_C_plus_plus_17
            | gimli::DW_LANG_C_plus_plus_20 => Language::CPlusPlus,
            gimli::DW_LANG_Rust => Language::Rust,
            _ => Language::Other,
        }
    }

    pub(super) fn is_of_c(self) -> bool {
        matches!(self, Language::C | Language::CPlusPlus)
    }
}

impl Info {
    /// Reads the first entry of each unit.
    pub(super) fn new(dwarf: Dwarf<Slice>) -> Info {
        let mut headers = Vec::new();
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            headers.push(header);
        }
        let mut info = Info {
            units: headers.iter().map(|_| OnceCell::new()).collect(),
            functions: headers.iter().map(|_| OnceCell::new()).collect(),
            headers,
            dwarf,
            by_address: Vec::new(),
            split: Vec::new(),
            languages: Vec::new(),
            by_name: OnceCell::new(),
        };
        for index in 0..info.headers.len() {
            let language = info.language_of(index);
            info.languages.push(language);
            // A unit whose contents are in another file does not say there what its language is.
            let is_split = || info.unit(index).is_some_and(|unit| matches!(unit.dwo_name(), Ok(Some(_))));
            if language.is_of_c() || language == Language::Other && is_split() {
                info.note(index);
            }
        }
        info.by_address.sort_unstable();
        info
    }

    /// The language of a unit, by its first entry alone.
    fn language_of(&self, index: usize) -> Language {
        let Some(header) = self.headers.get(index) else { return Language::Other };
        let abbreviations = self.dwarf.debug_abbrev.reader().slice();
        let first = header.range_from(header.root_offset()..).ok();
        let peeked = first.and_then(|first| {
            let abbreviations = abbreviations.get(header.debug_abbrev_offset().0..)?;
            peek::language(first.slice(), abbreviations, header.encoding())
        });
        let read = || {
            let abbreviations = header.abbreviations(&self.dwarf.debug_abbrev).ok()?;
            let mut entries = header.entries(&abbreviations);
            entries.next_dfs().ok()?.and_then(|entry| match entry.attr_value(DW_AT_language) {
                Some(AttributeValue::Language(language)) => Some(language),
                _ => None,
            })
        };
        peeked.or_else(read).map_or(Language::Other, Language::of)
    }

    /// Notes where a unit of C's has its code.
    fn note(&mut self, index: usize) {
        let Some(unit) = self.unit(index) else { return };
        let is_split = matches!(unit.dwo_name(), Ok(Some(_)));
        let mut ranges = Vec::new();
        if let Ok(mut each) = self.dwarf.unit_ranges(unit) {
            while let Ok(Some(range)) = each.next() {
                ranges.push((range.begin, range.end, index));
            }
        }
        if ranges.is_empty() {
            ranges.push((0, 0, index));
        }
        self.by_address.extend(ranges);
        if is_split {
            self.split.push(index);
        }
    }

    pub(super) fn unit(&self, index: usize) -> Option<&Unit<Slice>> {
        let read = || self.dwarf.unit(*self.headers.get(index)?).ok();
        self.units.get(index)?.get_or_init(read).as_ref()
    }

    pub(super) fn language(&self, index: usize) -> Language {
        self.languages.get(index).copied().unwrap_or(Language::Other)
    }

    /// The index of the unit that a place in the section is in, and the place in it.
    pub(super) fn at(&self, offset: DebugInfoOffset) -> Option<At> {
        let start = |header: &UnitHeader<Slice>| header.debug_info_offset().map_or(usize::MAX, |offset| offset.0);
        let index = self.headers.partition_point(|header| start(header) <= offset.0).checked_sub(1)?;
        Some((index, offset.to_unit_offset(self.headers.get(index)?)?))
    }

    pub(super) fn entry(&self, (unit, at): At) -> Option<Entry> {
        self.unit(unit)?.entry(at).ok()
    }

    /// What an attribute refers to.
    pub(super) fn reference(&self, unit: usize, entry: &Entry, name: DwAt) -> Option<At> {
        match entry.attr_value(name)? {
            AttributeValue::UnitRef(offset) => Some((unit, offset)),
            AttributeValue::DebugInfoRef(offset) => self.at(offset),
            // By a signature, in a section of its own.
            _ => None,
        }
    }

    /// An attribute's text.
    pub(super) fn text(&self, unit: usize, entry: &Entry, name: DwAt) -> Option<&'static [u8]> {
        let text = self.dwarf.attr_string(self.unit(unit)?, entry.attr_value(name)?).ok()?;
        Some(text.slice())
    }

    /// The name of an entry, as text.
    pub(super) fn name(&self, unit: usize, entry: &Entry) -> Option<String> {
        self.text(unit, entry, DW_AT_name).map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// The entry and those that it completes: the instance, its abstract origin, its declaration.
    pub(super) fn with_origins(&self, at: At) -> Vec<(At, Entry)> {
        let mut chain: Vec<(At, Entry)> = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next
            && chain.len() < 4
        {
            let Some(entry) = self.entry(at) else { break };
            next = self
                .reference(at.0, &entry, DW_AT_abstract_origin)
                .or_else(|| self.reference(at.0, &entry, DW_AT_specification));
            chain.push((at, entry));
        }
        chain
    }

    /// The type that an entry has, or one that it completes. `Err` if there is one that cannot be
    /// found.
    pub(super) fn type_of(&self, chain: &[(At, Entry)]) -> Result<Option<At>, ()> {
        for ((unit, _), entry) in chain {
            if entry.has_attr(DW_AT_type) {
                return self.reference(*unit, entry, DW_AT_type).map(Some).ok_or(());
            }
        }
        Ok(None)
    }

    /// The children of an entry that have one of these tags.
    pub(super) fn children(&self, (unit, at): At, tags: &[DwTag]) -> Vec<At> {
        let mut children = Vec::new();
        let Some(unit_of) = self.unit(unit) else { return children };
        let Ok(mut entries) = unit_of.entries_at_offset(at) else { return children };
        let Ok(Some(first)) = entries.next_dfs() else { return children };
        if !first.has_children() {
            return children;
        }
        let mut next = entries.next_dfs();
        while let Ok(Some(entry)) = next {
            // The entry after the last child is above.
            if entry.depth() != 1 {
                break;
            }
            if tags.contains(&entry.tag()) {
                children.push((unit, entry.offset()));
            }
            next = entries.next_sibling();
        }
        children
    }

    /// The definition of the function at a link-time address, if a unit of C's has it.
    pub(super) fn at_address(&self, address: u64) -> Result<At, Missing> {
        let mut is_split = false;
        for &(begin, end, index) in &self.by_address {
            let has_no_ranges = begin == 0 && end == 0;
            if !has_no_ranges && !(begin..end).contains(&address) {
                continue;
            }
            is_split |= self.split.contains(&index);
            let found = self.functions(index).iter().find(|known| known.address == Some(address) && known.external);
            if let Some(known) = found {
                return Ok((index, known.at));
            }
        }
        Err(if is_split { Missing::Split } else { Missing::NoDefinition })
    }

    /// The one definition of this name in all units of C's, linked in or not.
    pub(super) fn by_name(&self, name: &str) -> Option<At> {
        let all = self.by_name.get_or_init(|| {
            let mut all: HashMap<&'static [u8], Option<At>> = HashMap::new();
            for index in (0..self.headers.len()).filter(|&index| self.language(index).is_of_c()) {
                for known in self.functions(index).iter().filter(|known| known.external) {
                    let Some(name) = known.name else { continue };
                    // Two of one name: which of them is meant is not known.
                    all.entry(name).and_modify(|known| *known = None).or_insert(Some((index, known.at)));
                }
            }
            all
        });
        all.get(name.as_bytes()).copied().flatten()
    }

    /// What a unit of C's declares of a function that it uses, or a variable of this name that
    /// leads to one of the function's type.
    pub(super) fn declared(&self, name: &str, variable: &str) -> Option<At> {
        let tags = [gimli::DW_TAG_subprogram, gimli::DW_TAG_variable];
        let is_named = |at: &At, tag, name: &str| {
            let entry = self.entry(*at).filter(|entry| entry.tag() == tag);
            entry.and_then(|entry| self.text(at.0, &entry, DW_AT_name)) == Some(name.as_bytes())
        };
        let units = (0..self.headers.len()).filter(|&index| self.language(index).is_of_c());
        let all: Vec<At> = units
            .filter_map(|index| Some((index, self.unit(index)?.header.root_offset())))
            .flat_map(|root| self.children(root, &tags))
            .collect();
        let function = all.iter().find(|at| is_named(at, gimli::DW_TAG_subprogram, name));
        function.or_else(|| all.iter().find(|at| is_named(at, gimli::DW_TAG_variable, variable))).copied()
    }

    /// The functions that a unit defines.
    fn functions(&self, index: usize) -> &[Known] {
        let read = || {
            let mut functions = Vec::new();
            if let Some(unit) = self.unit(index) {
                self.read_functions(index, unit, unit.header.root_offset(), &mut functions);
            }
            functions
        };
        self.functions.get(index).map_or(&[], |known| known.get_or_init(read))
    }

    fn read_functions(&self, index: usize, unit: &Unit<Slice>, root: UnitOffset, functions: &mut Vec<Known>) {
        let Ok(mut entries) = unit.entries_at_offset(root) else { return };
        let Ok(Some(_)) = entries.next_dfs() else { return };
        let mut inner = Vec::new();
        let mut next = entries.next_dfs();
        while let Ok(Some(entry)) = next {
            if entry.depth() < 1 {
                break;
            }
            match entry.tag() {
                gimli::DW_TAG_subprogram if !entry.has_attr(DW_AT_declaration) => {
                    functions.extend(self.known(index, unit, entry));
                }
                // `extern "C"` functions of C++ may stand in a namespace.
                gimli::DW_TAG_namespace => inner.push(entry.offset()),
                _ => {}
            }
            next = entries.next_sibling();
        }
        for root in inner {
            self.read_functions(index, unit, root, functions);
        }
    }

    fn known(&self, index: usize, unit: &Unit<Slice>, entry: &Entry) -> Option<Known> {
        let mut address = None;
        if let Ok(mut ranges) = self.dwarf.die_ranges(unit, entry)
            && let Ok(Some(range)) = ranges.next()
        {
            address = Some(range.begin);
        }
        // An instance without code is the abstract one, which the concrete one refers to.
        address?;
        let chain = self.with_origins((index, entry.offset()));
        let external =
            chain.iter().any(|(_, entry)| matches!(entry.attr_value(DW_AT_external), Some(AttributeValue::Flag(true))));
        let name = chain.iter().find_map(|((unit, _), entry)| self.text(*unit, entry, DW_AT_linkage_name));
        let name = name.or_else(|| chain.iter().find_map(|((unit, _), entry)| self.text(*unit, entry, DW_AT_name)));
        Some(Known { name, address, at: entry.offset(), external })
    }
}

/// Why a definition was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is in another file, by `-gsplit-dwarf`.
    Split,
    /// No unit of C's defines it.
    NoDefinition,
}

impl Info {
    /// File and line of a definition.
    pub(super) fn source(&self, at: At) -> Option<(String, u32)> {
        let chain = self.with_origins(at);
        let number = |name| chain.iter().find_map(|((unit, _), entry)| Some((*unit, of_file(entry, name)?)));
        let ((unit, file), (_, line)) = (number(gimli::DW_AT_decl_file)?, number(gimli::DW_AT_decl_line)?);
        let unit = self.unit(unit)?;
        let header = unit.line_program.as_ref()?.header();
        let file = header.file(file)?;
        let text = |value| Some(self.dwarf.attr_string(unit, value).ok()?.to_string_lossy().into_owned());
        let mut path = PathBuf::new();
        path.extend(unit.comp_dir.map(|folder| folder.to_string_lossy().into_owned()));
        // Pushing an absolute path drops what came before.
        path.extend(file.directory(header).and_then(text));
        path.push(text(file.path_name())?);
        Some((path.to_string_lossy().into_owned(), u32::try_from(line).ok().filter(|&line| line != 0)?))
    }
}

fn of_file(entry: &Entry, name: DwAt) -> Option<u64> {
    match entry.attr_value(name)? {
        AttributeValue::FileIndex(index) => Some(index),
        value => value.udata_value(),
    }
}
