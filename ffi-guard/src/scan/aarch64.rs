//! The inner loops on 64-bit ARM: groups in assembly, for the reasons given in `x86_64.rs`; single
//! words in Rust.

use std::arch::asm;

pub(super) use super::portable::next;
use super::wanted::Envelope;

/// A way to search memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Four vectors of 128 bits together: every such processor has NEON.
    Neon,
    /// Word by word.
    #[cfg(test)]
    Words,
}

impl Way {
    /// The fastest way.
    pub(super) fn best() -> Way {
        Way::Neon
    }

    /// All ways.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Way> {
        vec![Way::Neon, Way::Words]
    }

    /// Bytes in one group of [`skip_groups`]; 0 if it may not be called.
    pub(super) fn group(self) -> usize {
        match self {
            Way::Neon => 64,
            #[cfg(test)]
            Way::Words => 0,
        }
    }
}

/// The first group in `[at, end)` with a word in an envelope; `end` if there is none. NEON compares
/// 64-bit words unsigned, so it tests `word - low < len` as it stands.
///
/// # Safety
/// - `[at, end)` is readable memory, and `end - at` a nonzero multiple of the way's group.
pub(super) unsafe fn skip_groups(_way: Way, mut at: usize, end: usize, envelopes: &[Envelope; 2]) -> usize {
    let [first, second] = envelopes;
    // SAFETY: it loads from `[at, end)` only, in whole groups, which the caller says are readable.
    // NEON is part of the architecture.
    unsafe {
        asm!(
            "dup v0.2d, {low}",
            "dup v1.2d, {len}",
            "dup v2.2d, {low2}",
            "dup v3.2d, {len2}",
            "b 3f",
            "2:",
            "ldp q4, q5, [{at}]",
            "ldp q6, q7, [{at}, #32]",
            "sub v16.2d, v4.2d, v0.2d",
            "sub v17.2d, v5.2d, v0.2d",
            "sub v18.2d, v6.2d, v0.2d",
            "sub v19.2d, v7.2d, v0.2d",
            "sub v4.2d, v4.2d, v2.2d",
            "sub v5.2d, v5.2d, v2.2d",
            "sub v6.2d, v6.2d, v2.2d",
            "sub v7.2d, v7.2d, v2.2d",
            "cmhi v16.2d, v1.2d, v16.2d",
            "cmhi v17.2d, v1.2d, v17.2d",
            "cmhi v18.2d, v1.2d, v18.2d",
            "cmhi v19.2d, v1.2d, v19.2d",
            "cmhi v4.2d, v3.2d, v4.2d",
            "cmhi v5.2d, v3.2d, v5.2d",
            "cmhi v6.2d, v3.2d, v6.2d",
            "cmhi v7.2d, v3.2d, v7.2d",
            "orr v16.16b, v16.16b, v17.16b",
            "orr v18.16b, v18.16b, v19.16b",
            "orr v4.16b, v4.16b, v5.16b",
            "orr v6.16b, v6.16b, v7.16b",
            "orr v16.16b, v16.16b, v18.16b",
            "orr v4.16b, v4.16b, v6.16b",
            "orr v4.16b, v4.16b, v16.16b",
            "umaxp v4.4s, v4.4s, v4.4s",
            "fmov {any}, d4",
            "cbnz {any}, 4f",
            "add {at}, {at}, #64",
            "3:",
            "cmp {at}, {end}",
            "b.lo 2b",
            "4:",
            at = inout(reg) at,
            end = in(reg) end,
            any = out(reg) _,
            low = in(reg) first.low,
            len = in(reg) first.len,
            low2 = in(reg) second.low,
            len2 = in(reg) second.len,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _,
            options(readonly, nostack),
        );
    }
    at
}
