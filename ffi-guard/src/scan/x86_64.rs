//! The inner loops on x86-64, in assembly.
//!
//! People run the checker in debug builds, where this crate is not optimised: a loop in Rust is
//! then 20 times slower, and intrinsics fare no better, since each becomes a call. Assembly is
//! equally fast in every profile. It may also read memory that C or another thread is writing,
//! which Rust's own loads may not.

use std::arch::{asm, is_x86_feature_detected};

use super::hit::Hit;
use super::wanted::Envelope;

/// A way to search memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Four vectors of 256 bits together.
    Avx2,
    /// Word by word, on processors without AVX2.
    Words,
}

impl Way {
    /// The fastest way that the processor and the system have. (std caches the answer.)
    pub(super) fn best() -> Way {
        if is_x86_feature_detected!("avx2") { Way::Avx2 } else { Way::Words }
    }

    /// All ways that the processor and the system have.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Way> {
        let mut all = vec![Way::Words];
        all.extend(is_x86_feature_detected!("avx2").then_some(Way::Avx2));
        all
    }

    /// Bytes in one group of [`skip_groups`]; 0 if it may not be called.
    pub(super) fn group(self) -> usize {
        match self {
            Way::Avx2 => 128,
            Way::Words => 0,
        }
    }
}

/// Turns an unsigned compare of 64-bit words into the signed one that AVX2 has.
const SIGN: usize = 1 << 63;

/// The first group in `[at, end)` with a word in an envelope; `end` if there is none. It may also
/// be a group without such a word: the caller looks at its words again.
///
/// # Safety
/// - The machine has the way.
/// - `[at, end)` is readable memory, and `end - at` a nonzero multiple of the way's group.
pub(super) unsafe fn skip_groups(_way: Way, at: usize, end: usize, envelopes: &[Envelope; 2]) -> usize {
    let [first, second] = envelopes;
    // SAFETY: the machine has the way, which is `Avx2`, since the other has no group; the caller
    // passes readable memory in whole groups.
    unsafe { if second.len == 0 { skip_one(at, end, first) } else { skip_two(at, end, first, second) } }
}

/// Skips groups for one envelope. The unsigned `word - low < len` is the signed
/// `word - (low ^ SIGN) < len ^ SIGN`: adding the sign bit and flipping it are the same in 64 bits.
/// An empty envelope gives the least number, and nothing is below it.
///
/// # Safety
/// The promises of [`skip_groups`] hold.
unsafe fn skip_one(mut at: usize, end: usize, envelope: &Envelope) -> usize {
    // SAFETY: it loads from `[at, end)` only, in whole groups, which the caller says are readable;
    // AVX2 is there. Clobbered registers are declared (an xmm register stands for its ymm
    // register), and the upper halves are cleared.
    unsafe {
        asm!(
            "vmovq xmm0, {low}",
            "vmovq xmm1, {len}",
            "vpbroadcastq ymm0, xmm0",
            "vpbroadcastq ymm1, xmm1",
            "jmp 3f",
            ".p2align 5",
            "2:",
            "vmovdqu ymm4, ymmword ptr [{at}]",
            "vmovdqu ymm5, ymmword ptr [{at} + 32]",
            "vmovdqu ymm6, ymmword ptr [{at} + 64]",
            "vmovdqu ymm7, ymmword ptr [{at} + 96]",
            "vpsubq ymm4, ymm4, ymm0",
            "vpsubq ymm5, ymm5, ymm0",
            "vpsubq ymm6, ymm6, ymm0",
            "vpsubq ymm7, ymm7, ymm0",
            "vpcmpgtq ymm4, ymm1, ymm4",
            "vpcmpgtq ymm5, ymm1, ymm5",
            "vpcmpgtq ymm6, ymm1, ymm6",
            "vpcmpgtq ymm7, ymm1, ymm7",
            "vpor ymm4, ymm4, ymm5",
            "vpor ymm6, ymm6, ymm7",
            "vpor ymm4, ymm4, ymm6",
            "vptest ymm4, ymm4",
            "jnz 4f",
            "add {at}, 128",
            "3:",
            "cmp {at}, {end}",
            "jb 2b",
            "4:",
            "vzeroupper",
            at = inout(reg) at,
            end = in(reg) end,
            low = in(reg) envelope.low ^ SIGN,
            len = in(reg) envelope.len ^ SIGN,
            out("xmm0") _, out("xmm1") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(readonly, nostack),
        );
    }
    at
}

/// Skips groups for both envelopes in one pass; compares as [`skip_one`] does.
///
/// # Safety
/// The promises of [`skip_groups`] hold.
unsafe fn skip_two(mut at: usize, end: usize, first: &Envelope, second: &Envelope) -> usize {
    // SAFETY: it loads from `[at, end)` only, in whole groups, which the caller says are readable;
    // AVX2 is there. Clobbered registers are declared, and the upper halves are cleared.
    unsafe {
        asm!(
            "vmovq xmm0, {low}",
            "vmovq xmm1, {len}",
            "vmovq xmm2, {low2}",
            "vmovq xmm3, {len2}",
            "vpbroadcastq ymm0, xmm0",
            "vpbroadcastq ymm1, xmm1",
            "vpbroadcastq ymm2, xmm2",
            "vpbroadcastq ymm3, xmm3",
            "jmp 3f",
            ".p2align 5",
            "2:",
            "vmovdqu ymm4, ymmword ptr [{at}]",
            "vmovdqu ymm5, ymmword ptr [{at} + 32]",
            "vmovdqu ymm6, ymmword ptr [{at} + 64]",
            "vmovdqu ymm7, ymmword ptr [{at} + 96]",
            "vpsubq ymm8, ymm4, ymm0",
            "vpsubq ymm9, ymm5, ymm0",
            "vpsubq ymm10, ymm6, ymm0",
            "vpsubq ymm11, ymm7, ymm0",
            "vpsubq ymm4, ymm4, ymm2",
            "vpsubq ymm5, ymm5, ymm2",
            "vpsubq ymm6, ymm6, ymm2",
            "vpsubq ymm7, ymm7, ymm2",
            "vpcmpgtq ymm8, ymm1, ymm8",
            "vpcmpgtq ymm9, ymm1, ymm9",
            "vpcmpgtq ymm10, ymm1, ymm10",
            "vpcmpgtq ymm11, ymm1, ymm11",
            "vpcmpgtq ymm4, ymm3, ymm4",
            "vpcmpgtq ymm5, ymm3, ymm5",
            "vpcmpgtq ymm6, ymm3, ymm6",
            "vpcmpgtq ymm7, ymm3, ymm7",
            "vpor ymm4, ymm4, ymm8",
            "vpor ymm5, ymm5, ymm9",
            "vpor ymm6, ymm6, ymm10",
            "vpor ymm7, ymm7, ymm11",
            "vpor ymm4, ymm4, ymm5",
            "vpor ymm6, ymm6, ymm7",
            "vpor ymm4, ymm4, ymm6",
            "vptest ymm4, ymm4",
            "jnz 4f",
            "add {at}, 128",
            "3:",
            "cmp {at}, {end}",
            "jb 2b",
            "4:",
            "vzeroupper",
            at = inout(reg) at,
            end = in(reg) end,
            low = in(reg) first.low ^ SIGN,
            len = in(reg) first.len ^ SIGN,
            low2 = in(reg) second.low ^ SIGN,
            len2 = in(reg) second.len ^ SIGN,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            options(readonly, nostack),
        );
    }
    at
}

/// The next word in an envelope.
///
/// # Safety
/// `[at, end)` consists of whole aligned words of readable memory.
pub(super) unsafe fn next(at: usize, end: usize, envelopes: &[Envelope; 2]) -> Option<Hit> {
    let [first, second] = envelopes;
    let mut location = at;
    let mut word: usize;
    // SAFETY: it loads from `[at, end)` only, which the caller says is readable; an aligned load is
    // whole, whoever writes.
    unsafe {
        asm!(
            "xor {word:e}, {word:e}",
            "jmp 3f",
            "2:",
            "mov {word}, qword ptr [{at}]",
            "mov {past}, {word}",
            "sub {past}, {low}",
            "cmp {past}, {len}",
            "jb 4f",
            "mov {past}, {word}",
            "sub {past}, {low2}",
            "cmp {past}, {len2}",
            "jb 4f",
            "add {at}, 8",
            "3:",
            "cmp {at}, {end}",
            "jb 2b",
            "4:",
            at = inout(reg) location,
            end = in(reg) end,
            word = out(reg) word,
            past = out(reg) _,
            low = in(reg) first.low,
            len = in(reg) first.len,
            low2 = in(reg) second.low,
            len2 = in(reg) second.len,
            options(readonly, nostack),
        );
    }
    (location < end).then_some(Hit { location, word })
}
