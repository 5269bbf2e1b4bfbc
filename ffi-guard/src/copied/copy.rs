//! A copy: made before C runs, compared and copied back afterwards.

use std::ops::Range;

use super::pages::Pages;
use super::records::{self, CopyRecord, Written};
use crate::heap::{Damage, canary_bytes};
use crate::platform::memory::PAGE;
use crate::platform::read;

/// A copy that C works on. Its pages lose their access when it is dropped.
#[derive(Debug)]
pub(crate) struct Copy {
    // Fields are dropped in this order: the record is closed before the access goes.
    _record: Option<Written>,
    pages: Pages,
    /// First byte.
    start: usize,
    /// Range that was copied.
    original: Range<usize>,
    /// Its bytes at that time.
    before: Vec<u8>,
}

/// Adjacent bytes that C has changed, as offsets from the copy's first.
pub(crate) type Run = Range<usize>;

const WORD: usize = size_of::<usize>();

impl Copy {
    /// Copies memory. `align`: power of two modulo which the copy's address equals the original's.
    /// `vouched`: the original is readable; otherwise the kernel is asked to read it. `None` if
    /// there is no room, or it cannot be read.
    ///
    /// # Safety
    /// - If `vouched`, the bytes are readable.
    pub(crate) unsafe fn make(
        original: Range<usize>,
        align: usize,
        vouched: bool,
        record: impl FnOnce(usize) -> CopyRecord,
    ) -> Option<Copy> {
        let len = original.len();
        let align = align.clamp(1, PAGE);
        let mut before = Vec::new();
        before.try_reserve_exact(len).ok()?;
        before.resize(len, 0);
        if vouched {
            // SAFETY: the caller promises that vouched bytes are readable; the vector has room.
            // Uninitialised bytes are copied as they lie.
            // is copied as it lies.
            unsafe {
                let from = std::ptr::with_exposed_provenance::<u8>(original.start);
                from.copy_to_nonoverlapping(before.as_mut_ptr(), len);
            }
        } else {
            read::read(original.start, &mut before)?;
        }
        let pages = Pages::take(len.checked_add(align - 1)?)?;
        let range = pages.range();
        let last = range.end - len;
        let start = last - (last.wrapping_sub(original.start) & (align - 1));
        let copy = Copy { _record: records::write(&range, &record(start)), pages, start, original, before };
        for zone in copy.zones() {
            // SAFETY: parts of the new pages, which only this copy has.
            unsafe { lay(copy.start, zone) };
        }
        // SAFETY: `len` bytes of the new pages, which do not overlap the vector.
        unsafe {
            let to = std::ptr::with_exposed_provenance_mut::<u8>(start);
            to.copy_from_nonoverlapping(copy.before.as_ptr(), len);
        }
        Some(copy)
    }

    /// Range that was copied.
    pub(crate) fn original(&self) -> Range<usize> {
        self.original.clone()
    }

    /// Range of the copy.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.original.len()
    }

    /// Translates an address in the original to the copy; its end to the copy's end.
    pub(crate) fn to_copy(&self, address: usize) -> Option<usize> {
        let offset = address.checked_sub(self.original.start)?;
        (offset <= self.original.len()).then(|| self.start + offset)
    }

    /// Translates an address in the copy to the original.
    #[inline]
    pub(crate) fn to_original(&self, address: usize) -> Option<usize> {
        let offset = address.checked_sub(self.start)?;
        (offset <= self.original.len()).then(|| self.original.start + offset)
    }

    /// Parts of the pages before and after the copy.
    fn zones(&self) -> [Range<usize>; 2] {
        let Range { start, end } = self.pages.range();
        [start..self.start, self.range().end..end]
    }

    /// Damage outside the copy: after it, else before it.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let [front, behind] = self.zones();
        let end = behind.start;
        // SAFETY: parts of pages that are accessible as long as the copy lives.
        if let Some((at, len, first_bytes)) = unsafe { compare(self.start, behind) } {
            return Some(Damage { before: false, offset: at - end, len, first_bytes });
        }
        // SAFETY: parts of pages that are accessible as long as the copy lives.
        let (at, len, first_bytes) = unsafe { compare(self.start, front) }?;
        Some(Damage { before: true, offset: self.start - at, len, first_bytes })
    }

    /// Bytes of the copy as C left them.
    fn after(&self) -> &[u8] {
        // SAFETY: the copy's own bytes, initialised by `make`, and accessible as long as it lives.
        // C has returned; a C thread that still writes there breaks the loan, and no byte read here
        // is trusted for more than its value.
        unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(self.start), self.original.len()) }
    }

    /// Runs of bytes that C changed.
    pub(crate) fn changes(&self) -> Vec<Run> {
        const STEP: usize = 256;
        let mut runs: Vec<Run> = Vec::new();
        let pieces = self.before.chunks(STEP).zip(self.after().chunks(STEP));
        for (piece, (before, after)) in pieces.enumerate() {
            if before == after {
                continue;
            }
            for (i, (before, after)) in before.iter().zip(after).enumerate() {
                let at = piece * STEP + i;
                match runs.last_mut() {
                    _ if before == after => {}
                    Some(run) if run.end == at => run.end += 1,
                    _ => runs.push(at..at + 1),
                }
            }
        }
        runs
    }

    /// Bytes of a run before C ran.
    pub(crate) fn before(&self, run: &Run) -> &[u8] {
        self.before.get(run.clone()).unwrap_or_default()
    }

    /// Bytes of a run as C left them.
    pub(crate) fn now(&self, run: &Run) -> &[u8] {
        self.after().get(run.clone()).unwrap_or_default()
    }

    /// Writes to the original what C changed. If C stored a pointer into some copy, `to_original`
    /// translates it, and the original gets a pointer into the original.
    ///
    /// # Safety
    /// - The original is still there, and C could have written to it.
    pub(crate) unsafe fn copy_back(&self, runs: &[Run], to_original: impl Fn(usize) -> Option<usize>) {
        let after = self.after();
        for run in runs {
            let Some(bytes) = after.get(run.clone()) else { continue };
            // SAFETY: within the original, which the caller promises to be writable, not the copy.
            unsafe {
                let to = std::ptr::with_exposed_provenance_mut::<u8>(self.original.start + run.start);
                to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
            // Words that the run touches, aligned as the program sees them.
            let first = (self.original.start + run.start) & !(WORD - 1);
            let mut at = first.max(self.original.start.next_multiple_of(WORD));
            while at < self.original.start + run.end && at + WORD <= self.original.end {
                let offset = at - self.original.start;
                let word = after.get(offset..offset + WORD).and_then(|bytes| bytes.try_into().ok());
                if let Some(word) = word.map(usize::from_ne_bytes).and_then(&to_original) {
                    // SAFETY: an aligned word of the original, which the caller lets us write.
                    unsafe { std::ptr::with_exposed_provenance_mut::<usize>(at).write(word) };
                }
                at += WORD;
            }
        }
    }
}

/// Byte of the canary at an address.
#[inline]
fn byte(unit: &[u8; 16], at: usize) -> u8 {
    unit.get(at % 16).copied().unwrap_or(0)
}

/// Fills a zone with the canary.
///
/// # Safety
/// - The zone is writable, and only the caller uses it.
unsafe fn lay(start: usize, zone: Range<usize>) {
    let unit = canary_bytes(start);
    let mut at = zone.start;
    while at < zone.end {
        if at.is_multiple_of(16) && at + 16 <= zone.end {
            // SAFETY: 16 bytes of the zone, which the caller promises to be writable.
            unsafe { std::ptr::with_exposed_provenance_mut::<[u8; 16]>(at).write(unit) };
            at += 16;
        } else {
            // SAFETY: one byte of the zone, which the caller promises to be writable.
            unsafe { std::ptr::with_exposed_provenance_mut::<u8>(at).write(byte(&unit, at)) };
            at += 1;
        }
    }
}

/// Compares a zone with the canary. Returns the address of the first byte that differs, the length
/// up to the last one, and the first bytes from there.
///
/// # Safety
/// - The zone is readable.
unsafe fn compare(start: usize, zone: Range<usize>) -> Option<(usize, usize, [u8; 16])> {
    let unit = canary_bytes(start);
    let (mut at, mut first, mut last) = (zone.start, None, 0);
    let read = |at: usize| {
        // SAFETY: called only with addresses in the zone, which the caller promises to be readable.
        unsafe { std::ptr::with_exposed_provenance::<u8>(at).read_volatile() }
    };
    while at < zone.end {
        if at.is_multiple_of(16) && at + 16 <= zone.end {
            // SAFETY: 16 bytes of the zone, which the caller promises to be readable.
            let bytes = unsafe { std::ptr::with_exposed_provenance::<[u8; 16]>(at).read_volatile() };
            if bytes == unit {
                at += 16;
                continue;
            }
        }
        for at in at..(at + 1).next_multiple_of(16).min(zone.end) {
            if read(at) != byte(&unit, at) {
                first = first.or(Some(at));
                last = at;
            }
        }
        at = (at + 1).next_multiple_of(16).min(zone.end);
    }
    let first = first?;
    let mut first_bytes = [0; 16];
    for (byte, at) in first_bytes.iter_mut().zip(first..zone.end) {
        *byte = read(at);
    }
    Some((first, last + 1 - first, first_bytes))
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::call::declaration::{Declaration, Function};

    static FUNCTION: Function = Function::new(&Declaration::internal("fill"));

    fn copy(of: &mut [u8], align: usize) -> Copy {
        let at = of.as_mut_ptr().expose_provenance();
        let (len, location) = (of.len(), Location::caller());
        let record = |copy| CopyRecord {
            copy,
            len,
            original: at,
            function: &FUNCTION,
            parameter: 0,
            location,
            thread: 1,
            open: true,
        };
        // SAFETY: the slice is live.
        unsafe { Copy::make(at..at + len, align, true, record) }.expect("room")
    }

    fn poke(at: usize, byte: u8) {
        // SAFETY: the tests poke into the pages of a copy that is alive.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(at).write(byte) };
    }

    #[test]
    fn a_copy_ends_its_pages_as_its_alignment_allows() {
        let mut bytes = [0_u64; 5];
        // SAFETY: 39 bytes of forty.
        let bytes = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast::<u8>(), 39) };
        assert!(copy(bytes, 1).range().end.is_multiple_of(PAGE));
        let aligned = copy(bytes, 8).range();
        assert!(aligned.start.is_multiple_of(8) && aligned.end.next_multiple_of(PAGE) - aligned.end == 1);
        let skewed = copy(bytes.get_mut(3..).unwrap(), 8).range();
        assert_eq!(skewed.start % 8, 3, "as the original lies");
    }

    #[test]
    fn what_was_changed_goes_home_and_nothing_else() {
        let mut bytes = [1_u8; 600];
        let copy = copy(&mut bytes, 1);
        poke(copy.range().start + 3, 7);
        poke(copy.range().start + 4, 8);
        poke(copy.range().start + 599, 9);
        assert_eq!(copy.changes(), [3..5, 599..600]);
        // Meanwhile a callback changed the original.
        bytes[100] = 5;
        // SAFETY: the array is there.
        unsafe { copy.copy_back(&copy.changes(), |_| None) };
        let mut expected = [1; 600];
        (expected[3], expected[4], expected[100], expected[599]) = (7, 8, 5, 9);
        assert_eq!(bytes, expected);
        assert!(copy.damage().is_none());
    }

    #[test]
    fn a_pointer_into_the_copy_becomes_one_into_the_original() {
        let mut words = [0_usize; 4];
        // SAFETY: the array as bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), 32) };
        let original = bytes.as_ptr().addr();
        let copy = copy(bytes, 8);
        for (i, byte) in (copy.range().start + 8).to_ne_bytes().into_iter().enumerate() {
            poke(copy.range().start + 16 + i, byte);
        }
        // SAFETY: the array is there.
        unsafe { copy.copy_back(&copy.changes(), |word| copy.to_original(word)) };
        assert_eq!(words, [0, 0, original + 8, 0]);
    }

    #[test]
    fn damage_is_told_from_the_copys_ends() {
        let mut bytes = [0_u8; 20];
        let at = bytes.as_ptr().addr();
        let copy = copy(&mut bytes, 16);
        let range = copy.range();
        assert_eq!(copy.damage(), None);
        poke(range.start - 2, 0);
        let damage = copy.damage().expect("before");
        assert!(damage.before && (damage.offset, damage.len) == (2, 1));
        if range.end % 16 < 14 {
            poke(range.end + 1, b'x');
            let damage = copy.damage().expect("behind");
            assert!(!damage.before && (damage.offset, damage.len, damage.first_bytes[0]) == (1, 1, b'x'), "{at:#x}");
        }
    }

    #[test]
    fn whose_copy_it_was_is_known_after_its_end() {
        let mut bytes = [0_u8; 20];
        let held = copy(&mut bytes, 1);
        let range = held.range();
        let record = super::records::of(range.start + 3).expect("a copy");
        assert!(record.open && record.copy == range.start && record.function.declaration.name == "fill");
        assert!(super::records::of(range.end).is_some_and(|record| record.open), "one past the end is still its own");
        drop(held);
        assert!(super::records::of(range.start).is_some_and(|record| !record.open));
        assert!(super::records::of(bytes.as_ptr().addr()).is_none());
    }
}
