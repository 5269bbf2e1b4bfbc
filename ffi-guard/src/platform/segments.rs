//! The parts of an ELF file that the loader maps, read from the file's bytes without allocating.

/// `PT_LOAD`.
const LOAD: u32 = 1;
/// The loader rounds the first address down to a page. Linkers begin at a multiple of the largest
/// page that a machine may have.
const PAGE: u64 = 4096;

/// The distance of a byte of the file, as the loader maps it, from the first byte that is mapped.
/// `None` if this is no ELF file of 64 bits, or the byte is in no part that is mapped.
pub(super) fn from_start(file: &[u8], offset: usize) -> Option<usize> {
    // The class: 64 bits.
    if !file.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let (table, size) = (word(file, 32)?, half(file, 54)?);
    let part = |number: u16| {
        let at = table.checked_add(u64::from(number) * u64::from(size))?;
        file.get(usize::try_from(at).ok()?..)
    };
    let mut first = None;
    for number in 0..half(file, 56)? {
        let header = part(number)?;
        let [start, address, len] = [word(header, 8)?, word(header, 16)?, word(header, 32)?];
        if bytes::<4>(header, 0).map(u32::from_ne_bytes)? != LOAD {
            continue;
        }
        // The parts come in the order of their addresses.
        let first = *first.get_or_insert(address & !(PAGE - 1));
        let into = (offset as u64).checked_sub(start).filter(|&into| into < len);
        if let Some(into) = into {
            return usize::try_from(address.checked_add(into)?.checked_sub(first)?).ok();
        }
    }
    None
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

fn half(from: &[u8], at: usize) -> Option<u16> {
    bytes(from, at).map(u16::from_ne_bytes)
}

fn word(from: &[u8], at: usize) -> Option<u64> {
    bytes(from, at).map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with these parts: type, offset, address, bytes in the file.
    fn file(parts: &[(u32, u64, u64, u64)]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..5].copy_from_slice(b"\x7fELF\x02");
        file[32..40].copy_from_slice(&64_u64.to_ne_bytes());
        file[54..56].copy_from_slice(&56_u16.to_ne_bytes());
        file[56..58].copy_from_slice(&(parts.len() as u16).to_ne_bytes());
        for (kind, offset, address, len) in parts {
            let mut header = [0; 56];
            header[..4].copy_from_slice(&kind.to_ne_bytes());
            for (at, value) in [(8, offset), (16, address), (32, len), (40, len)] {
                header[at..at + 8].copy_from_slice(&value.to_ne_bytes());
            }
            file.extend(header);
        }
        file
    }

    #[test]
    fn a_byte_is_where_its_part_is_loaded() {
        // LLD: the addresses run ahead of the offsets by a page for each part, and a small file is
        // one page.
        let lld = file(&[(6, 64, 64, 168), (LOAD, 0, 0, 0x2c8), (LOAD, 0x2d0, 0x12d0, 0x30), (LOAD, 0x300, 0x2300, 8)]);
        assert_eq!(from_start(&lld, 0x10), Some(0x10));
        assert_eq!(from_start(&lld, 0x2d4), Some(0x12d4));
        assert_eq!(from_start(&lld, 0x307), Some(0x2307));
        assert_eq!(from_start(&lld, 0x2c9), None);
        assert_eq!(from_start(&lld, 0x308), None);
        // An executable with fixed addresses, whose headers are not loaded.
        let fixed = file(&[(LOAD, 0x1000, 0x40_1000, 0x500), (LOAD, 0x1800, 0x40_2800, 0x500)]);
        assert_eq!(from_start(&fixed, 0x1010), Some(0x10));
        assert_eq!(from_start(&fixed, 0x1808), Some(0x1808));
    }

    #[test]
    fn bad_files_are_no_reason_to_panic() {
        let good = file(&[(LOAD, 0, 0, 0x100), (LOAD, 0x1000, u64::MAX, 0x100)]);
        for len in 0..good.len() {
            let _ = from_start(&good[..len], 0x1000);
        }
        assert_eq!(from_start(&good, 0x1002), None);
        let mut far = good;
        far[32..40].copy_from_slice(&u64::MAX.to_ne_bytes());
        assert_eq!(from_start(&far, 0), None);
        assert_eq!(from_start(b"\x7fELF\x01 a file of 32 bits", 0), None);
    }
}
