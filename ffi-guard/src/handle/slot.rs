//! The state of one slot of the table: a word that says who may use it.
//!
//! ```text
//!            make              release                 the last one leaves          recycle
//!  FREE(g) ────────> LIVE(g) ──────────> RELEASED(g) ─────────────────────> EMPTIED ────────> FREE(g + 1)
//!                    enter, leave        leave                              one owner   └──> RETIRED, after
//!                                                                                             the last g
//! ```
//! The users that have entered and not left are counted; the last user to leave a released slot
//! owns its value. There is no lock, so a lookup may run in a signal handler, and never waits.
//! `tests/tests/tools_loom.rs` compiles this file against loom.

use super::atomic::{AtomicU64, Ordering, fence};

/// Bits of a generation.
pub(crate) const GENERATION_BITS: u32 = 22;
/// The last generation: a slot that had it is never used again, so that no handle's number ever
/// comes twice.
pub(crate) const LAST_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// The users are counted in the low 32 bits; then comes the bit that says live, then the
/// generation.
const LIVE: u64 = 1 << 32;
const USERS: u64 = LIVE - 1;
const GENERATION_SHIFT: u32 = 33;

/// The word. All zero: free, of generation 0.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

/// The outcome of an attempt to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The slot holds its value until `leave`.
    Yes,
    /// The slot has another generation, or is released.
    Gone,
    /// The caller's own test said no. The slot was not entered.
    Refused,
}

fn generation(word: u64) -> u32 {
    // 22 bits at most are ever stored there.
    (word >> GENERATION_SHIFT) as u32
}

impl State {
    /// Free, of this generation. For tests: the table's slots begin as zeroed memory.
    #[allow(dead_code)]
    pub(crate) fn free(generation: u32) -> State {
        State(AtomicU64::new(u64::from(generation) << GENERATION_SHIFT))
    }

    /// The generation, and true if the slot is still free in it.
    pub(crate) fn now(&self) -> (u32, bool) {
        let word = self.0.load(Ordering::Acquire);
        (generation(word), word & (LIVE | USERS) == 0)
    }

    /// Makes a free slot live, and returns the generation. Called by the thread that took the slot
    /// off its free list. Users that enter see all that this thread wrote into the slot before.
    pub(crate) fn make(&self) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & (LIVE | USERS), 0, "a slot from the free list is free");
        self.0.store(word | LIVE, Ordering::Release);
        generation(word)
    }

    /// Enters, if the slot is live in this generation and `may` agrees. `may` reads atomics of the
    /// slot; its answer holds only if the outcome is `Yes`.
    #[inline]
    pub(crate) fn enter(&self, wanted: u32, may: impl Fn() -> bool) -> Entered {
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if generation(word) != wanted || word & LIVE == 0 {
                return Entered::Gone;
            }
            if !may() {
                return Entered::Refused;
            }
            // Acquire: sees what the maker wrote. Generations do not come back, so a live word of
            // the same generation was never anything else in between.
            match self.0.compare_exchange_weak(word, word + 1, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Entered::Yes,
                Err(other) => word = other,
            }
        }
    }

    /// Keeps further users from entering. Called by a user that has entered; false if another one
    /// was first.
    pub(crate) fn release(&self) -> bool {
        self.0.fetch_and(!LIVE, Ordering::Relaxed) & LIVE != 0
    }

    /// Leaves. True if the slot is released and this was the last user: it owns the slot from here
    /// on.
    #[inline]
    pub(crate) fn leave(&self) -> bool {
        let before = self.0.fetch_sub(1, Ordering::Release);
        let last = before & (LIVE | USERS) == 1;
        if last {
            // What other users did with the value happens before what the owner does with it now.
            fence(Ordering::Acquire);
        }
        last
    }

    /// Makes an emptied slot free again, in the next generation. Called by its owner. False after
    /// the last generation: the slot must never be used again.
    pub(crate) fn recycle(&self) -> bool {
        let next = generation(self.0.load(Ordering::Relaxed)) + 1;
        self.0.store(u64::from(next) << GENERATION_SHIFT, Ordering::Release);
        next <= LAST_GENERATION
    }
}
