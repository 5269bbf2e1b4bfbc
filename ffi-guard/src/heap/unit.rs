//! Sixteen bytes of the heap's own in one go: how canary and poison are written and compared.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_setzero_si128,
    _mm_xor_si128,
};

/// Bytes of a unit.
pub(super) const UNIT: usize = 16;

#[cfg(target_arch = "x86_64")]
type Inner = __m128i;
#[cfg(not(target_arch = "x86_64"))]
type Inner = [u64; 2];

/// Sixteen bytes, as they lie in memory.
#[derive(Clone, Copy)]
pub(super) struct Unit(Inner);

impl Unit {
    /// Reads the 16 bytes at a multiple of 16. Volatile: C may be writing.
    ///
    /// # Safety
    /// - They are committed memory.
    #[inline(always)]
    pub(super) unsafe fn read(at: usize) -> Unit {
        // SAFETY: the caller's promise.
        Unit(unsafe { (at as *const Inner).read_volatile() })
    }

    /// Writes them. On x86-64 in one store: the hot path of an allocation is bound by its stores,
    /// not by arithmetic.
    ///
    /// # Safety
    /// - As for [`Unit::read`], and not in use.
    #[inline(always)]
    pub(super) unsafe fn write(self, at: usize) {
        // SAFETY: the caller's promise.
        unsafe { (at as *mut Inner).write(self.0) };
    }
}

/// SSE2 is part of the architecture.
#[cfg(target_arch = "x86_64")]
impl Unit {
    #[inline(always)]
    pub(super) fn of([first, second]: [u64; 2]) -> Unit {
        // SAFETY: the processor has the instruction.
        Unit(unsafe { _mm_set_epi64x(second as i64, first as i64) })
    }

    /// The bits in which the two differ.
    #[inline(always)]
    pub(super) fn differing(self, other: Unit) -> Unit {
        // SAFETY: as above.
        Unit(unsafe { _mm_xor_si128(self.0, other.0) })
    }

    /// The bits of either.
    #[inline(always)]
    pub(super) fn or(self, other: Unit) -> Unit {
        // SAFETY: as above.
        Unit(unsafe { _mm_or_si128(self.0, other.0) })
    }

    /// The bits that are not among these.
    #[inline(always)]
    pub(super) fn without(self, those: Unit) -> Unit {
        // SAFETY: as above.
        Unit(unsafe { _mm_andnot_si128(those.0, self.0) })
    }

    #[inline(always)]
    pub(super) fn is_zero(self) -> bool {
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.0, _mm_setzero_si128())) == 0xFFFF }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Unit {
    #[inline(always)]
    pub(super) fn of(words: [u64; 2]) -> Unit {
        Unit(words)
    }

    /// The bits in which the two differ.
    #[inline(always)]
    pub(super) fn differing(self, other: Unit) -> Unit {
        let ([a, b], [c, d]) = (self.0, other.0);
        Unit([a ^ c, b ^ d])
    }

    /// The bits of either.
    #[inline(always)]
    pub(super) fn or(self, other: Unit) -> Unit {
        let ([a, b], [c, d]) = (self.0, other.0);
        Unit([a | c, b | d])
    }

    /// The bits that are not among these.
    #[inline(always)]
    pub(super) fn without(self, those: Unit) -> Unit {
        let ([a, b], [c, d]) = (self.0, those.0);
        Unit([a & !c, b & !d])
    }

    #[inline(always)]
    pub(super) fn is_zero(self) -> bool {
        let [a, b] = self.0;
        a | b == 0
    }
}
