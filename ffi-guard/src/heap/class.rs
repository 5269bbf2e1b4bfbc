//! Size classes: which slot a request gets, and which slot an offset lies in.

/// Classes, with class 0 left empty: its share of the region is the red zone before the first slab.
pub(crate) const COUNT: usize = 64;
/// Added to the number of a class: C's half of the region, if there is one. A class number below is
/// Rust's.
#[cfg(feature = "c-heap")]
pub(crate) const C: usize = COUNT;
/// Class numbers of all halves.
pub(crate) const ALL: usize = if cfg!(feature = "c-heap") { 2 * COUNT } else { COUNT };
/// Every slot ends in at least this many bytes that the program did not ask for. One past the end
/// of a block is thus inside it, and an overrun meets the canary before it meets a neighbour.
pub(crate) const SLACK: usize = 16;
/// The largest slot. What does not fit goes to a run of pages.
pub(crate) const LARGEST: usize = 256 * 1024;
/// Requests up to here (with an alignment of 16 or less) find their class in one load.
const TABLED: usize = 1024 - SLACK;

/// 16 apart up to 256, eight to a doubling up to 1 KiB, four to a doubling up to 256 KiB.
const SIZES: [u32; COUNT] = {
    let mut sizes = [0; COUNT];
    let mut class = 1;
    let mut size: u32 = 32;
    while class < COUNT {
        sizes[class] = size;
        size += if size < 256 {
            16
        } else if size < 1024 {
            (1 << size.ilog2()) / 8
        } else {
            (1 << size.ilog2()) / 4
        };
        class += 1;
    }
    sizes
};

/// ceil(2^64 / size): the high half of its product with an offset is the slot.
///
/// Exact for every offset below 2^64 / size: the rounding of the reciprocal adds less than
/// `offset * size / 2^64 < 1/size` to a quotient whose fraction is at most `1 - 1/size`.
const RECIPROCALS: [u64; COUNT] = {
    let mut all = [0; COUNT];
    let mut class = 1;
    while class < COUNT {
        all[class] = u64::MAX / SIZES[class] as u64 + 1;
        class += 1;
    }
    all
};

/// Class by 16-byte steps of request and slack.
const BY_STEPS: [u8; 65] = {
    let mut table = [0u8; 65];
    let mut steps = 0;
    while steps < 65 {
        let mut class = 1;
        while SIZES[class] < steps as u32 * 16 {
            class += 1;
        }
        table[steps] = class as u8;
        steps += 1;
    }
    table
};

const _: () = {
    assert!(SIZES[COUNT - 1] as usize == LARGEST, "the classes end with the largest slot");
    assert!(SIZES[1] as usize > SLACK, "one byte and its slack fit the smallest slot");
    let mut class = 1;
    while class < COUNT {
        assert!(SIZES[class].is_multiple_of(16), "slots end on a canary's boundary");
        class += 1;
    }
};

/// Whether this number, 0 or [`C`], stands for the runs of pages of its half and not for a class.
#[inline(always)]
pub(crate) const fn is_run(class: usize) -> bool {
    class & (COUNT - 1) == 0
}

/// A class that [`of_common`] or [`of`] returned, as a number of the half that `like` is of.
#[inline(always)]
pub(crate) const fn on_side_of(like: usize, class: usize) -> usize {
    like & !(COUNT - 1) | class
}

/// Bytes of a slot.
#[inline(always)]
pub(crate) const fn size(class: usize) -> usize {
    SIZES[class & (COUNT - 1)] as usize
}

/// See [`RECIPROCALS`].
#[inline(always)]
pub(crate) const fn reciprocal(class: usize) -> u64 {
    RECIPROCALS[class & (COUNT - 1)]
}

/// The slot that an offset into a class's slab lies in.
#[inline(always)]
pub(crate) const fn slot_at(offset: usize, reciprocal: u64) -> usize {
    ((offset as u128 * reciprocal as u128) >> 64) as usize
}

/// The class of a request from 1 byte to a little less than 1 KiB with a common alignment; others
/// are for [`of`].
#[inline(always)]
pub(crate) fn of_common(size: usize, align: usize) -> Option<usize> {
    if size.wrapping_sub(1) >= TABLED || align > 16 {
        return None;
    }
    BY_STEPS.get((size + SLACK + 15) >> 4).map(|&class| class as usize)
}

/// The class of a request that a slot holds, with a common alignment; others are for [`of`].
#[inline(always)]
pub(crate) fn of_slot(size: usize, align: usize) -> Option<usize> {
    if let Some(class) = of_common(size, align) {
        return Some(class);
    }
    if size.wrapping_sub(1) >= LARGEST - SLACK || align > 16 {
        return None;
    }
    // Beyond the table, four classes to a doubling: the highest bit of the last byte and the two
    // below it number them.
    let last = size + SLACK - 1;
    let log = last.ilog2();
    Some(AFTER_TABLED + (((log - TABLED_LOG) << 2) as usize | last >> (log - 2) & 3))
}

/// log2 of the largest slot that is found by table.
const TABLED_LOG: u32 = (TABLED + SLACK).ilog2();
/// The first class after that one.
const AFTER_TABLED: usize = BY_STEPS[64] as usize + 1;

/// The smallest class whose slots hold this request, or 0: a run of pages is needed.
pub(crate) fn of(size: usize, align: usize) -> usize {
    if let Some(class) = of_common(size, align) {
        return class;
    }
    if size > LARGEST - SLACK || align > LARGEST {
        return 0;
    }
    let first = SIZES.partition_point(|&slot| (slot as usize) < size + SLACK);
    // A slab starts at a multiple of the largest slot, so that slots are as aligned as their size
    // is. The largest slot itself is a power of two: the search ends.
    (first.max(1)..COUNT).find(|&class| self::size(class) & (align - 1) == 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_gets_the_smallest_slot_that_fits_with_its_slack() {
        for request in (1..4096).chain((4096..=LARGEST).step_by(61)) {
            for align in [1, 8, 16, 32, 64, 4096, LARGEST] {
                let class = of(request, align);
                let best =
                    (1..COUNT).find(|&c| size(c) >= request + SLACK && size(c).is_multiple_of(align)).unwrap_or(0);
                assert_eq!(class, best, "{request} bytes aligned {align}");
                if align <= 16 {
                    assert_eq!(of_slot(request, align).unwrap_or(0), best, "{request} bytes, found at once");
                }
            }
        }
        assert_eq!(of(LARGEST - SLACK, 1), COUNT - 1);
        assert_eq!(of(LARGEST - SLACK + 1, 1), 0);
        assert_eq!(of(1, LARGEST * 2), 0);
        assert_eq!(of(usize::MAX, 1), 0);
    }

    #[test]
    fn slots_waste_at_most_a_quarter() {
        for class in 2..COUNT {
            let step = size(class) - size(class - 1);
            assert!(step * 4 <= size(class - 1) || step == 16, "class {class}");
        }
    }

    #[test]
    fn the_reciprocal_divides_exactly() {
        // Around every multiple the quotient changes; there, at the ends of the range, and at
        // random it must be right.
        let limit = 1usize << 42;
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        for class in 1..COUNT {
            let (size, reciprocal) = (size(class), reciprocal(class));
            let check = |offset: usize| assert_eq!(slot_at(offset, reciprocal), offset / size, "{offset} by {size}");
            for _ in 0..20_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let multiple = random as usize % (limit / size) * size;
                check(multiple);
                check(multiple + size - 1);
                check(multiple + random as usize % size);
            }
            check(0);
            check(limit - 1);
        }
    }
}
