//! The value that C gets: a number that no address can be.
//!
//! ```text
//!   63    54            46              25 24           0
//!    1 0…  1 0…  0      generation         slot
//! ```
//! On x86-64 an address has bit 63 equal to bit 47 (or to bit 56, with five levels of page tables),
//! and linear address masking, which ignores bits in between, still compares those two: bit 63 set
//! with 47 and 56 clear faults in every mode. On arm64 with the top byte ignored, bit 54 must equal
//! bit 55: one set and one clear faults. So C code that takes it for a pointer and follows it is
//! stopped at that very instruction; no allocation ever has this address; and it is neither null
//! nor -1, which have meanings in C.

use super::slot::{GENERATION_BITS, LAST_GENERATION};

/// Bits of a slot's number: 33 million live handles.
pub(crate) const SLOT_BITS: u32 = 25;
/// The bits that all handles have in common, and no address has.
const MARK: u64 = 1 << 63 | 1 << 54;

const _: () = assert!(SLOT_BITS + GENERATION_BITS <= 47, "bit 47 stays clear");
const _: () = assert!(usize::BITS == 64, "the marks above are those of 64-bit machines");

/// A slot and its generation, as C holds them.
pub(crate) fn pack(slot: u32, generation: u32) -> usize {
    (MARK | u64::from(generation) << SLOT_BITS | u64::from(slot)) as usize
}

/// Slot and generation; `None` if `raw` does not have the form of a handle.
#[inline]
pub(crate) fn unpack(raw: usize) -> Option<(u32, u32)> {
    let plain = raw as u64 ^ MARK;
    let (slot, generation) = (plain & ((1 << SLOT_BITS) - 1), plain >> SLOT_BITS);
    // Both fit 32 bits: the slot by its mask, the generation by the comparison.
    (generation <= u64::from(LAST_GENERATION)).then_some((slot as u32, generation as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_nothing_else_does() {
        for (slot, generation) in [(0, 0), (5, 1), ((1 << SLOT_BITS) - 1, LAST_GENERATION)] {
            assert_eq!(unpack(pack(slot, generation)), Some((slot, generation)));
        }
        let local = 0_u8;
        for raw in [0, 1, 0x1000, usize::MAX, (&raw const local).addr(), pack(0, 0) | 1 << 47, pack(0, 0) & !(1 << 54)]
        {
            assert_eq!(unpack(raw), None, "{raw:#x}");
        }
    }

    #[test]
    fn no_address_looks_so() {
        for raw in [pack(0, 0), pack((1 << SLOT_BITS) - 1, LAST_GENERATION)] {
            let bit = |n: u32| raw >> n & 1;
            assert_ne!(bit(63), bit(47), "four levels of page tables");
            assert_ne!(bit(63), bit(56), "five levels");
            assert_ne!(bit(54), bit(55), "arm64, the top byte ignored");
        }
    }
}
