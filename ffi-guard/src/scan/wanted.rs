//! The addresses that a search looks for.

use std::ops::Range;

/// Sorted address ranges that are searched for; some dozens at most.
///
/// The search tests each word against two envelopes first. Most of what is lent to C is on the Rust
/// heap and on a thread's stack, terabytes apart: one envelope over both would cover every shared
/// library between them, and so nearly every pointer that C has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Ascending, none empty, none touching its neighbour.
    ranges: Vec<Range<usize>>,
    /// Two spans that cover all of `ranges`, split at the widest gap; the second is empty if there
    /// is only one range.
    pub(super) envelopes: [Envelope; 2],
}

/// A span of addresses, in a form that needs one subtract and one unsigned compare to test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// The first address.
    pub(super) low: usize,
    /// The length in bytes; with 0 it contains nothing.
    pub(super) len: usize,
}

impl Envelope {
    fn over(ranges: &[Range<usize>]) -> Envelope {
        match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => Envelope { low: first.start, len: last.end - first.start },
            _ => Envelope::default(),
        }
    }
}

impl Wanted {
    /// Makes the list from ranges in any order, which may overlap. Empty ranges are left out.
    pub(crate) fn new(ranges: impl IntoIterator<Item = Range<usize>>) -> Wanted {
        let mut sorted: Vec<Range<usize>> = ranges.into_iter().filter(|range| range.start < range.end).collect();
        sorted.sort_unstable_by_key(|range| range.start);
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
        let split = widest_gap(&ranges);
        let envelopes = [Envelope::over(&ranges[..split]), Envelope::over(&ranges[split..])];
        Wanted { ranges, envelopes }
    }

    /// True if nothing is searched for.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// True if the word is an address in one of the ranges.
    pub(crate) fn contains(&self, word: usize) -> bool {
        let after = self.ranges.partition_point(|range| range.start <= word);
        after > 0 && word < self.ranges[after - 1].end
    }
}

/// The number of ranges before the widest gap; all of them if there is no gap.
fn widest_gap(ranges: &[Range<usize>]) -> usize {
    (1..ranges.len()).max_by_key(|&after| ranges[after].start - ranges[after - 1].end).unwrap_or(ranges.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        let wanted = Wanted::new([30..40, 10..20, 20..25, 12..14, 50..50]);
        assert_eq!(wanted.ranges, [10..25, 30..40]);
        assert!(!wanted.is_empty());
        assert!([9, 25, 29, 40, 50].iter().all(|&word| !wanted.contains(word)));
        assert!([10, 24, 30, 39].iter().all(|&word| wanted.contains(word)));
    }

    #[test]
    fn nothing_wanted_contains_nothing() {
        let empty = 8..8;
        let wanted = Wanted::new([empty]);
        assert!(wanted.is_empty());
        assert!(!wanted.contains(8) && !wanted.contains(0) && !wanted.contains(usize::MAX));
    }

    #[test]
    fn heap_and_stack_have_an_envelope_each() {
        let heap = 0x10_0000_0000_usize;
        let stack = 0x7ffe_0000_0000_usize;
        let wanted = Wanted::new([stack..stack + 64, heap..heap + 16, heap + 4096..heap + 4100]);
        assert_eq!(wanted.envelopes, [Envelope { low: heap, len: 4100 }, Envelope { low: stack, len: 64 }]);
    }

    #[test]
    fn the_highest_address_can_be_wanted() {
        let wanted = Wanted::new(std::iter::once(usize::MAX - 8..usize::MAX));
        assert!(wanted.contains(usize::MAX - 1) && !wanted.contains(usize::MAX));
    }
}
