//! The loops for processors without AVX2.
//!
//! SSE2 has no comparison of 64-bit words. With `d` for `word - low` and a `len` of at most 2^63: `d < len` where the sign
//! bit of `d` is clear and that of `d - len` is set. (A `d` of 2^63 or more is no less than `len`, and a smaller one borrows
//! from the sign bit just where it is less.)

use std::arch::asm;

use crate::scan::wanted::Envelope;

/// # Safety
/// As [`super::skip_groups`], in groups of 64 bytes, and the envelope's length is at most 2^63.
pub(super) unsafe fn skip_one(mut at: usize, end: usize, envelope: &Envelope) -> usize {
    // SAFETY: loads of `[at, end)` only, which the caller vouches for, in whole groups. SSE2 is part of x86-64.
    unsafe {
        asm!(
            "movq xmm0, {low}",
            "movq xmm1, {len}",
            "punpcklqdq xmm0, xmm0",
            "punpcklqdq xmm1, xmm1",
            "jmp 3f",
            ".p2align 5",
            "2:",
            "movdqu xmm4, xmmword ptr [{at}]",
            "movdqu xmm5, xmmword ptr [{at} + 16]",
            "movdqu xmm6, xmmword ptr [{at} + 32]",
            "movdqu xmm7, xmmword ptr [{at} + 48]",
            "psubq xmm4, xmm0",
            "psubq xmm5, xmm0",
            "psubq xmm6, xmm0",
            "psubq xmm7, xmm0",
            "movdqa xmm8, xmm4",
            "movdqa xmm9, xmm5",
            "movdqa xmm10, xmm6",
            "movdqa xmm11, xmm7",
            "psubq xmm8, xmm1",
            "psubq xmm9, xmm1",
            "psubq xmm10, xmm1",
            "psubq xmm11, xmm1",
            "pandn xmm4, xmm8",
            "pandn xmm5, xmm9",
            "pandn xmm6, xmm10",
            "pandn xmm7, xmm11",
            "por xmm4, xmm5",
            "por xmm6, xmm7",
            "por xmm4, xmm6",
            "movmskpd {any:e}, xmm4",
            "test {any:e}, {any:e}",
            "jnz 4f",
            "add {at}, 64",
            "3:",
            "cmp {at}, {end}",
            "jb 2b",
            "4:",
            at = inout(reg) at,
            end = in(reg) end,
            any = out(reg) _,
            low = in(reg) envelope.low,
            len = in(reg) envelope.len,
            out("xmm0") _, out("xmm1") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            options(readonly, nostack),
        );
    }
    at
}

/// As [`skip_one`], for both envelopes in one pass.
///
/// # Safety
/// As [`skip_one`], for both.
pub(super) unsafe fn skip_two(mut at: usize, end: usize, first: &Envelope, second: &Envelope) -> usize {
    // SAFETY: as in `skip_one`.
    unsafe {
        asm!(
            "movq xmm0, {low}",
            "movq xmm1, {len}",
            "movq xmm2, {low2}",
            "movq xmm3, {len2}",
            "punpcklqdq xmm0, xmm0",
            "punpcklqdq xmm1, xmm1",
            "punpcklqdq xmm2, xmm2",
            "punpcklqdq xmm3, xmm3",
            "jmp 3f",
            ".p2align 5",
            "2:",
            "movdqu xmm4, xmmword ptr [{at}]",
            "movdqu xmm5, xmmword ptr [{at} + 16]",
            "movdqu xmm6, xmmword ptr [{at} + 32]",
            "movdqu xmm7, xmmword ptr [{at} + 48]",
            "movdqa xmm8, xmm4",
            "movdqa xmm9, xmm5",
            "movdqa xmm10, xmm6",
            "movdqa xmm11, xmm7",
            "psubq xmm4, xmm0",
            "psubq xmm5, xmm0",
            "psubq xmm6, xmm0",
            "psubq xmm7, xmm0",
            "psubq xmm8, xmm2",
            "psubq xmm9, xmm2",
            "psubq xmm10, xmm2",
            "psubq xmm11, xmm2",
            "movdqa xmm12, xmm4",
            "movdqa xmm13, xmm5",
            "movdqa xmm14, xmm6",
            "movdqa xmm15, xmm7",
            "psubq xmm12, xmm1",
            "psubq xmm13, xmm1",
            "psubq xmm14, xmm1",
            "psubq xmm15, xmm1",
            "pandn xmm4, xmm12",
            "pandn xmm5, xmm13",
            "pandn xmm6, xmm14",
            "pandn xmm7, xmm15",
            "movdqa xmm12, xmm8",
            "movdqa xmm13, xmm9",
            "movdqa xmm14, xmm10",
            "movdqa xmm15, xmm11",
            "psubq xmm12, xmm3",
            "psubq xmm13, xmm3",
            "psubq xmm14, xmm3",
            "psubq xmm15, xmm3",
            "pandn xmm8, xmm12",
            "pandn xmm9, xmm13",
            "pandn xmm10, xmm14",
            "pandn xmm11, xmm15",
            "por xmm4, xmm5",
            "por xmm6, xmm7",
            "por xmm8, xmm9",
            "por xmm10, xmm11",
            "por xmm4, xmm6",
            "por xmm8, xmm10",
            "por xmm4, xmm8",
            "movmskpd {any:e}, xmm4",
            "test {any:e}, {any:e}",
            "jnz 4f",
            "add {at}, 64",
            "3:",
            "cmp {at}, {end}",
            "jb 2b",
            "4:",
            at = inout(reg) at,
            end = in(reg) end,
            any = out(reg) _,
            low = in(reg) first.low,
            len = in(reg) first.len,
            low2 = in(reg) second.low,
            len2 = in(reg) second.len,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(readonly, nostack),
        );
    }
    at
}
