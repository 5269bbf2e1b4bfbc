//! The function that an address is in, looked up in a file's bytes without allocating, for a signal
//! handler.

use object::elf::{ET_EXEC, FileHeader64, PT_LOAD, SHT_DYNSYM, SHT_SYMTAB, STB_LOCAL, STT_FUNC};
use object::read::elf::{FileHeader as _, ProgramHeader as _, Sym as _};

use super::{ENDIAN, Header, to_usize};

/// The function at `address` of a module that is loaded from `base` on, and the bytes from
/// its start.
pub(crate) fn function_at(file: &[u8], base: usize, address: usize) -> Option<(&str, usize)> {
    const PAGE: usize = 4096;
    let header: &FileHeader64<object::NativeEndian> = Header::parse(file).ok()?;
    let first = header.program_headers(ENDIAN, file).ok()?.iter().find(|it| it.p_type(ENDIAN) == PT_LOAD)?;
    let moved = match header.e_type(ENDIAN) {
        ET_EXEC => 0,
        _ => base.wrapping_sub(to_usize(first.p_vaddr(ENDIAN)) & !(PAGE - 1)),
    };
    let wanted = address.wrapping_sub(moved);
    let sections = header.sections(ENDIAN, file).ok()?;
    for kind in [SHT_SYMTAB, SHT_DYNSYM] {
        let Ok(symbols) = sections.symbols(ENDIAN, file, kind) else { continue };
        let mut found = None;
        for symbol in symbols.iter().filter(|symbol| symbol.st_type() == STT_FUNC && !symbol.is_undefined(ENDIAN)) {
            let offset = wanted.wrapping_sub(to_usize(symbol.st_value(ENDIAN)));
            if offset >= to_usize(symbol.st_size(ENDIAN)) {
                continue;
            }
            let name = symbols.symbol_name(ENDIAN, symbol).ok().and_then(|name| std::str::from_utf8(name).ok());
            let Some(name) = name.filter(|name| !name.is_empty()) else { continue };
            found = Some((name, offset));
            if symbol.st_bind() != STB_LOCAL {
                break;
            }
        }
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(all(test, globals))]
mod tests {
    use super::function_at;
    use crate::platform::mapped::at;

    #[test]
    fn a_function_is_found_by_any_of_its_addresses() {
        let start = a_function_is_found_by_any_of_its_addresses as *const () as usize;
        for into in [0, 4] {
            let mapped = at(start + into).unwrap();
            let bytes = mapped.bytes().unwrap();
            let (name, offset) = function_at(bytes, mapped.base, start + into).unwrap();
            assert!(name.contains("a_function_is_found_by_any_of_its_addresses"), "{name}");
            assert_eq!(offset, into);
        }
        assert_eq!(function_at(b"no file of code", 0, start), None);
    }
}
