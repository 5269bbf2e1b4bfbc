//! The search of memory for words that lie in wanted ranges.

use super::hit::{Hit, WORD};
use super::machine::{self, Way};
use super::wanted::Wanted;

/// Adds every aligned word in `[start, start + len)` that lies in a wanted range to `hits`.
///
/// # Safety
/// The memory is readable for the whole call. C or other threads may write it at the same time:
/// each word is read once, whole.
pub(crate) unsafe fn words(start: usize, len: usize, wanted: &Wanted, hits: &mut Vec<Hit>) {
    let found = &mut |hit| {
        hits.push(hit);
        true
    };
    // SAFETY: the caller says that the memory is readable for the whole call.
    unsafe { search(start, len, wanted, found) };
}

/// Searches `[start, start + len)` without allocating: `found` gets each hit, and returns false to
/// stop.
///
/// # Safety
/// The memory is readable for the whole call, as for [`words`].
pub(super) unsafe fn search(start: usize, len: usize, wanted: &Wanted, found: &mut dyn FnMut(Hit) -> bool) {
    // SAFETY: the caller says that the memory is readable for the whole call; this machine has the
    // best way.
    unsafe { search_by(Way::best(), start, len, wanted, found) };
}

/// Searches `[start, start + len)` by the given way, until `found` returns false.
///
/// # Safety
/// The memory is readable for the whole call, and the machine has the way.
unsafe fn search_by(way: Way, start: usize, len: usize, wanted: &Wanted, found: &mut dyn FnMut(Hit) -> bool) {
    let Some(mut at) = start.checked_next_multiple_of(WORD) else { return };
    let end = start.saturating_add(len) / WORD * WORD;
    if at >= end || wanted.is_empty() {
        return;
    }
    // 0 if words are looked at one by one.
    let group = way.group();
    while at < end {
        let mut stop = end;
        if let Some(groups) = (end - at).checked_div(group) {
            let whole = at + groups * group;
            // SAFETY: `[at, whole)` is within the caller's memory, in whole groups; the machine has
            // the way.
            at = unsafe { machine::skip_groups(way, at, whole, &wanted.envelopes) };
            if at < whole {
                stop = at + group;
            }
        }
        // SAFETY: `[at, stop)` is within the caller's memory, in whole aligned words.
        while let Some(hit) = unsafe { machine::next(at, stop, &wanted.envelopes) } {
            if wanted.contains(hit.word) && !found(hit) {
                return;
            }
            at = hit.location + WORD;
        }
        at = stop;
    }
}

/// Every way that this machine has, for measurements.
#[cfg(test)]
pub(super) fn ways() -> Vec<Way> {
    Way::all()
}

#[cfg(test)]
impl Way {
    /// The number of hits found this way.
    pub(super) fn count(self, memory: &[usize], wanted: &Wanted) -> usize {
        let mut hits = 0;
        let found = &mut |_| {
            hits += 1;
            true
        };
        // SAFETY: a live slice, and a way of `ways`.
        unsafe { search_by(self, memory.as_ptr().addr(), size_of_val(memory), wanted, found) };
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A seeded generator, so that a failure repeats.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0).unwrap()
        }

        fn below(&mut self, bound: usize) -> usize {
            self.next() % bound
        }
    }

    /// The plain search, byte by byte, to compare with.
    fn naive(memory: &[u8], wanted: &Wanted) -> Vec<Hit> {
        let base = memory.as_ptr().addr();
        (0..memory.len().saturating_sub(WORD - 1))
            .filter(|offset| (base + offset).is_multiple_of(WORD))
            .map(|offset| Hit {
                location: base + offset,
                word: usize::from_ne_bytes(memory[offset..offset + WORD].try_into().unwrap()),
            })
            .filter(|hit| wanted.contains(hit.word))
            .collect()
    }

    /// The hits of every way that this machine has, which all find the same.
    fn found(memory: &[u8], wanted: &Wanted) -> Vec<Hit> {
        let by = |way| {
            let mut hits = Vec::new();
            let found = &mut |hit| {
                hits.push(hit);
                true
            };
            // SAFETY: a live slice, and a way that the machine has.
            unsafe { search_by(way, memory.as_ptr().addr(), memory.len(), wanted, found) };
            hits
        };
        let best = by(Way::best());
        for way in Way::all() {
            assert_eq!(by(way), best, "{way:?}");
        }
        best
    }

    /// Words at and around every edge of the ranges, and on both sides of the sign bit.
    fn interesting(random: &mut Random, edges: &[usize]) -> usize {
        match random.below(6) {
            0 => 0,
            1 => usize::MAX,
            2 => random.next(),
            3 => random.next() | 1 << 63,
            _ => edges[random.below(edges.len())].wrapping_add(random.below(3)).wrapping_sub(1),
        }
    }

    fn bytes(words: &[usize]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn agrees_with_the_naive_loop_at_every_alignment_and_length() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let sets: [&[std::ops::Range<usize>]; 9] = [
            &[0x7f00_0000_1000..0x7f00_0000_1040, 0..0],
            &[0x10_0000_0000..0x10_0000_0100, 0x7ffe_0000_0000..0x7ffe_0000_0800],
            &[0x1000..0x1001, 0x2000..0x2010, 0x9000_0000..0x9000_0001],
            &[1 << 63..(1 << 63) + 16, (1 << 63) - 16..(1 << 63) - 8],
            &[0xffff_8000_0000_0000..0xffff_8000_0000_1000, 0..0],
            &[0..8, usize::MAX - 8..usize::MAX],
            // Envelopes of half of all addresses and of more, where a signed comparison goes wrong.
            &[8..16, (1 << 63) - 16..(1 << 63) - 8],
            &[0..8, (1 << 63) - 8..1 << 63],
            &[0..1 << 40, (1 << 63) + 8..(1 << 63) + 16, usize::MAX - 8..usize::MAX],
        ];
        for ranges in sets {
            let wanted = Wanted::new(ranges.iter().cloned());
            let edges: Vec<usize> = ranges.iter().flat_map(|range| [range.start, range.end]).collect();
            for len in 0..200 {
                let words: Vec<usize> = (0..28).map(|_| interesting(&mut random, &edges)).collect();
                let memory = bytes(&words);
                for start in 0..WORD {
                    let slice = &memory[start..start + len];
                    assert_eq!(found(slice, &wanted), naive(slice, &wanted), "{ranges:x?} from {start}, {len} bytes");
                }
            }
        }
    }

    #[test]
    fn every_lane_is_looked_at() {
        let range = 0x7f12_3456_7000..0x7f12_3456_7008;
        let wanted = Wanted::new([range.clone()]);
        for position in 0..64 {
            let mut words = vec![0_usize; 64];
            words[position] = range.start + 7;
            assert_eq!(found(&bytes(&words), &wanted).len(), 1, "word {position}");
            words[position] = range.end;
            assert!(found(&bytes(&words), &wanted).is_empty(), "word {position}");
        }
    }

    #[test]
    fn words_between_the_ranges_of_an_envelope_are_no_hits() {
        let wanted = Wanted::new([100..104, 200..204, 300..304]);
        let words: Vec<usize> = (90..320).collect();
        let hits = found(&bytes(&words), &wanted);
        let expected: Vec<usize> = (100..104).chain(200..204).chain(300..304).collect();
        assert_eq!(hits.iter().map(|hit| hit.word).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_search_stops_when_told() {
        let wanted = Wanted::new(std::iter::once(0..1));
        let memory = vec![0_usize; 100];
        let mut seen = 0;
        // SAFETY: a live slice.
        unsafe {
            search(memory.as_ptr().addr(), size_of_val(&*memory), &wanted, &mut |_| {
                seen += 1;
                seen < 3
            });
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn the_portable_loop_agrees_with_the_assembly() {
        let wanted = Wanted::new([10..20, 1 << 63..(1 << 63) + 4]);
        let memory = [9, 10, 19, 20, (1 << 63) - 1, 1 << 63, (1 << 63) + 4, 0, usize::MAX];
        let (mut at, end) = (memory.as_ptr().addr(), memory.as_ptr_range().end.addr());
        let mut hits = Vec::new();
        // SAFETY: the array is live and aligned.
        while let Some(hit) = unsafe { crate::scan::portable::next(at, end, &wanted.envelopes) } {
            hits.push(hit);
            at = hit.location + WORD;
        }
        assert_eq!(hits.iter().map(|hit| hit.word).collect::<Vec<_>>(), [10, 19, 1 << 63]);
        assert_eq!(hits, found(&bytes(&memory), &wanted).iter().zip(&hits).map(|(_, &hit)| hit).collect::<Vec<_>>());
    }

    #[test]
    fn one_word_at_a_time_finds_what_groups_find() {
        let wanted = Wanted::new([500..510, 1 << 62..(1 << 62) + 4]);
        let memory: Vec<usize> =
            (0..1000).map(|word| if word % 7 == 0 { (1 << 62) + word % 5 } else { word }).collect();
        let (mut at, end) = (memory.as_ptr().addr(), memory.as_ptr_range().end.addr());
        let mut hits = Vec::new();
        // SAFETY: the vector is live and aligned.
        while let Some(hit) = unsafe { machine::next(at, end, &wanted.envelopes) } {
            if wanted.contains(hit.word) {
                hits.push(hit);
            }
            at = hit.location + WORD;
        }
        let mut grouped = Vec::new();
        // SAFETY: the vector is live.
        unsafe { words(memory.as_ptr().addr(), size_of_val(&*memory), &wanted, &mut grouped) };
        assert_eq!(hits, grouped);
    }
}
