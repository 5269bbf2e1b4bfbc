//! A module's machine code and the functions in it, read from its file.

use std::ops::Range;

use object::SymbolIndex;
use object::elf::{
    R_AARCH64_GLOB_DAT, R_AARCH64_RELATIVE, R_X86_64_GLOB_DAT, R_X86_64_RELATIVE, RelocationType, SHF_ALLOC,
    SHF_EXECINSTR, SHT_PROGBITS, SHT_SYMTAB, STB_LOCAL, STT_FILE, STT_FUNC, STT_GNU_IFUNC,
};
use object::read::elf::{Rela as _, SectionHeader as _, Sym as _, SymbolTable};

use super::{Data, ENDIAN, Elf, Header, to_usize};

/// The code. Addresses are link-time ones.
pub(in crate::scan) struct Code<'file> {
    /// The executable sections: where each begins, and what is in it.
    pub(in crate::scan) sections: Vec<(usize, &'file [u8])>,
    /// By address. Without those that have no size: of these nothing tells what is theirs.
    pub(in crate::scan) functions: Vec<Function>,
    /// A program, not a shared object.
    pub(in crate::scan) is_program: bool,
    symbols: SymbolTable<'file, Header, Data<'file>>,
}

/// A function.
pub(in crate::scan) struct Function {
    pub(in crate::scan) range: Range<usize>,
    /// Index into the table's object files; `None` for a symbol that is not local to one.
    pub(in crate::scan) file: Option<usize>,
    pub(in crate::scan) global: bool,
    symbol: SymbolIndex,
}

impl<'file> Code<'file> {
    /// `None` in a file without symbols, and in one whose code has addresses instead of distances.
    pub(in crate::scan) fn of(elf: &Elf<'file>) -> Option<Code<'file>> {
        if !elf.movable {
            return None;
        }
        let symbols = elf.symbols(SHT_SYMTAB)?;
        let executable = SHF_ALLOC.0 | SHF_EXECINSTR.0;
        let sections = elf
            .sections
            .iter()
            .filter(|section| section.sh_flags(ENDIAN).0 & executable == executable)
            .filter(|section| section.sh_type(ENDIAN) == SHT_PROGBITS)
            .filter_map(|section| Some((to_usize(section.sh_addr(ENDIAN)), section.data(ENDIAN, elf.data).ok()?)))
            .collect();
        let functions = functions(&symbols);
        Some(Code { sections, functions, is_program: elf.is_program(), symbols })
    }

    /// The symbol's name.
    pub(in crate::scan) fn name(&self, function: &Function) -> String {
        let symbol = self.symbols.symbol(function.symbol).ok();
        let name = symbol.and_then(|symbol| self.symbols.symbol_name(ENDIAN, symbol).ok());
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    /// The functions that an address is in: more than one where the linker has folded what is equal.
    pub(in crate::scan) fn functions_at(&self, address: usize) -> impl Iterator<Item = &Function> {
        let after = self.functions.partition_point(|function| function.range.start <= address);
        let near = self.functions[..after].iter().rev().take(16);
        near.filter(move |function| function.range.contains(&address))
    }
}

fn functions<'file>(symbols: &SymbolTable<'file, Header, Data<'file>>) -> Vec<Function> {
    let (mut functions, mut files, mut file) = (Vec::new(), 0, None);
    for (index, symbol) in symbols.enumerate() {
        let kind = symbol.st_type();
        if kind == STT_FILE {
            // Counted as for the variables: one without a name is none.
            let named = symbols.symbol_name(ENDIAN, symbol).is_ok_and(|name| !name.is_empty());
            file = named.then_some(files);
            files += usize::from(named);
        } else if (kind == STT_FUNC || kind == STT_GNU_IFUNC) && !symbol.is_undefined(ENDIAN) {
            let start = to_usize(symbol.st_value(ENDIAN));
            let range = start..start.saturating_add(to_usize(symbol.st_size(ENDIAN)));
            let global = symbol.st_bind() != STB_LOCAL;
            if !range.is_empty() {
                functions.push(Function { range, file: file.filter(|_| !global), global, symbol: index });
            }
        }
    }
    functions.sort_by_key(|function| function.range.start);
    functions
}

/// The slots of the global offset table where the loader writes an address in this range. `None` where it writes one
/// elsewhere too, in a constant or a variable: who reads it there is another question.
pub(in crate::scan) fn slots(elf: &Elf<'_>, wanted: &Range<usize>) -> Option<Vec<usize>> {
    const KINDS: [RelocationType; 2] = if cfg!(target_arch = "aarch64") {
        [R_AARCH64_RELATIVE, R_AARCH64_GLOB_DAT]
    } else {
        [R_X86_64_RELATIVE, R_X86_64_GLOB_DAT]
    };
    let named = |section: &&object::elf::SectionHeader64<object::NativeEndian>| {
        elf.sections.section_name(ENDIAN, section).is_ok_and(|name| name.starts_with(b".got"))
    };
    let tables: Vec<Range<usize>> = elf.sections.iter().filter(named).map(range).collect();
    let mut slots = Vec::new();
    for section in elf.sections.iter().filter(|section| section.sh_flags(ENDIAN).0 & SHF_ALLOC.0 != 0) {
        let Ok(Some((entries, symbols))) = section.rela(ENDIAN, elf.data) else { continue };
        let symbols = elf.sections.symbol_table_by_index(ENDIAN, elf.data, symbols).ok();
        for entry in entries.iter().filter(|entry| KINDS.contains(&entry.r_type(ENDIAN, false))) {
            let slot = to_usize(entry.r_offset(ENDIAN));
            let symbol = entry.symbol(ENDIAN, false);
            let symbol = symbol.and_then(|index| symbols.as_ref()?.symbol(index).ok());
            let value = symbol.map_or(0, |symbol| to_usize(symbol.st_value(ENDIAN)));
            let value = value.wrapping_add_signed(entry.r_addend(ENDIAN) as isize);
            if wanted.contains(&value) {
                slots.push(slot);
            }
        }
    }
    slots.iter().all(|slot| tables.iter().any(|table| table.contains(slot))).then_some(slots)
}

fn range(section: &object::elf::SectionHeader64<object::NativeEndian>) -> Range<usize> {
    let start = to_usize(section.sh_addr(ENDIAN));
    start..start.saturating_add(to_usize(section.sh_size(ENDIAN)))
}
