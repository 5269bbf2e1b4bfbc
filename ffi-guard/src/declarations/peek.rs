//! The language of a unit, read from the bytes of its first entry. To parse the abbreviations of
//! all units takes most of a second in a debug build, and one of each is of use.

use gimli::{DW_AT_language, DwForm, DwLang, Encoding, Format};

/// The bytes that are still to be read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
    }
}

/// The language that the first entry of a unit states. `entry`: its bytes; `abbreviations`: those
/// of the unit. `None` if there is none, or something in it is not known here.
pub(super) fn language(entry: &[u8], abbreviations: &[u8], encoding: Encoding) -> Option<DwLang> {
    let (mut entry, mut abbreviations) = (Bytes(entry), Bytes(abbreviations));
    let wanted = entry.number()?;
    loop {
        let code = abbreviations.number()?;
        // The tag, and whether it has children.
        abbreviations.number()?;
        abbreviations.skip(1)?;
        if code == wanted {
            break;
        }
        if code == 0 {
            return None;
        }
        skip_abbreviation(&mut abbreviations)?;
    }
    loop {
        let (name, form) = (abbreviations.number()?, DwForm(u16::try_from(abbreviations.number()?).ok()?));
        if name == 0 {
            return None;
        }
        if name == u64::from(DW_AT_language.0) {
            let value = match form {
                gimli::DW_FORM_data1 => u64::from(*entry.0.first()?),
                gimli::DW_FORM_data2 => u64::from(u16::from_ne_bytes(*entry.0.first_chunk()?)),
                gimli::DW_FORM_udata => entry.number()?,
                gimli::DW_FORM_implicit_const => abbreviations.number()?,
                _ => return None,
            };
            return Some(DwLang(u16::try_from(value).ok()?));
        }
        skip(&mut entry, &mut abbreviations, form, encoding)?;
    }
}

/// Skips the names and forms of an abbreviation.
fn skip_abbreviation(abbreviations: &mut Bytes<'_>) -> Option<()> {
    loop {
        let (name, form) = (abbreviations.number()?, abbreviations.number()?);
        if form == u64::from(gimli::DW_FORM_implicit_const.0) {
            abbreviations.number()?;
        }
        if (name, form) == (0, 0) {
            return Some(());
        }
    }
}

/// Skips the value of a form that is met before the language.
fn skip(entry: &mut Bytes<'_>, abbreviations: &mut Bytes<'_>, form: DwForm, encoding: Encoding) -> Option<()> {
    let word = match encoding.format {
        Format::Dwarf32 => 4,
        Format::Dwarf64 => 8,
    };
    match form {
        gimli::DW_FORM_flag_present => Some(()),
        gimli::DW_FORM_data1 | gimli::DW_FORM_flag | gimli::DW_FORM_strx1 | gimli::DW_FORM_addrx1 => entry.skip(1),
        gimli::DW_FORM_data2 | gimli::DW_FORM_strx2 | gimli::DW_FORM_addrx2 => entry.skip(2),
        gimli::DW_FORM_strx3 => entry.skip(3),
        gimli::DW_FORM_data4 | gimli::DW_FORM_strx4 => entry.skip(4),
        gimli::DW_FORM_data8 => entry.skip(8),
        gimli::DW_FORM_strp | gimli::DW_FORM_line_strp | gimli::DW_FORM_sec_offset => entry.skip(word),
        gimli::DW_FORM_addr => entry.skip(usize::from(encoding.address_size)),
        gimli::DW_FORM_udata | gimli::DW_FORM_strx | gimli::DW_FORM_addrx => entry.number().map(drop),
        gimli::DW_FORM_implicit_const => abbreviations.number().map(drop),
        gimli::DW_FORM_string => entry.skip(entry.0.iter().position(|&byte| byte == 0)? + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODING: Encoding = Encoding { address_size: 8, format: Format::Dwarf32, version: 5 };

    #[test]
    fn the_language_is_found_behind_other_attributes() {
        // DW_TAG_compile_unit with children: producer (strp), language (data1), then the end.
        let abbreviations = [1, 0x11, 1, 0x25, 0x0e, 0x13, 0x0b, 0, 0];
        assert_eq!(language(&[1, 9, 9, 9, 9, 0x1c], &abbreviations, ENCODING), Some(gimli::DW_LANG_Rust));
        // As GCC has it in version 5: the producer in another section, the language in two bytes.
        let abbreviations = [1, 0x11, 1, 0x25, 0x1f, 0x13, 0x05, 0, 0];
        let language_of = |entry: &[u8]| language(entry, &abbreviations, ENCODING);
        assert_eq!(language_of(&[&[1, 9, 9, 9, 9][..], &0x1d_u16.to_ne_bytes()].concat()), Some(gimli::DW_LANG_C11));
    }

    #[test]
    fn the_first_entry_need_not_have_the_first_abbreviation() {
        // A name with a constant of the abbreviation's own, then the unit.
        let abbreviations = [1, 0x34, 0, 0x3a, 0x21, 7, 0, 0, 2, 0x11, 1, 0x13, 0x0b, 0, 0];
        assert_eq!(language(&[2, 0x1c], &abbreviations, ENCODING), Some(gimli::DW_LANG_Rust));
        assert_eq!(language(&[3, 0x1c], &abbreviations, ENCODING), None);
    }

    #[test]
    fn what_is_not_known_is_left_to_others() {
        let abbreviations = [1, 0x11, 1, 0x25, 0x0e, 0x13, 0x0b, 0, 0];
        assert_eq!(language(&[2, 9, 9, 9, 9, 0x1c], &abbreviations, ENCODING), None);
        for len in 0..6 {
            assert_eq!(language(&[1, 9, 9, 9, 9, 0x1c][..len], &abbreviations, ENCODING), None);
            let _ = language(&[1, 9, 9, 9, 9, 0x1c], &abbreviations[..len], ENCODING);
        }
        // No language at all.
        assert_eq!(language(&[1, 9, 9, 9, 9], &[1, 0x11, 1, 0x25, 0x0e, 0, 0], ENCODING), None);
        assert_eq!(
            language(&[1, 0xff], &[1, 0x11, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], ENCODING),
            None
        );
    }
}
