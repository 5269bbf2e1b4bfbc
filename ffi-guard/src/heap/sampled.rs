//! `GUARD_SAMPLE=n`: one block in n has pages of its own, as GWP-ASan does it: cheap enough for
//! production.
//!
//! Each thread counts down from a number drawn between 1 and 2n - 1, so that a program that
//! allocates in a rhythm is not checked in the same places for ever. With `c-heap` the blocks of
//! both halves are counted together.

/// Live blocks of each half on pages of their own at one time: 4 KiB of memory and two mappings
/// each, 4 MiB for blocks of up to a page.
pub(super) const MOST: usize = 1024;
/// Freed ones of each half that wait (`resting.rs`): 64 KiB of addresses each, and no memory.
pub(super) const RESTING: usize = 1024;
/// Larger blocks are left out. (Those over 256 KiB have a page without access after them anyhow.)
pub(super) const LARGEST: usize = 32 << 10;

/// How many blocks are still to come before the next one on pages of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Countdown {
    left: u32,
    /// One block in this many is chosen; 0 for none.
    each: u32,
    /// Where the next number comes from.
    random: u64,
}

impl Countdown {
    /// The countdown of a new thread.
    pub(crate) fn new(each: u32) -> Countdown {
        let mut countdown = Countdown { left: 0, each, random: crate::platform::clock::ticks() | 1 };
        if each != 0 {
            countdown.draw();
        }
        countdown
    }

    /// Whether blocks are chosen at all.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.each != 0
    }

    /// Counts a block, if blocks are chosen at all; false for the chosen one.
    #[inline(always)]
    pub(crate) fn goes_on(&mut self) -> bool {
        self.each == 0 || {
            self.left = self.left.wrapping_sub(1);
            self.left != 0
        }
    }

    /// Whether the next block is the chosen one.
    #[cfg(feature = "c-heap")]
    #[inline]
    pub(crate) fn is_next(&self) -> bool {
        self.left == 1
    }

    /// Whether this block is the chosen one, which is counted here if it is not yet; then the next
    /// one is drawn.
    pub(crate) fn is_over(&mut self, counted: bool) -> bool {
        if !counted {
            self.left = self.left.wrapping_sub(1);
        }
        let over = self.left == 0;
        if over {
            self.draw();
        }
        over
    }

    fn draw(&mut self) {
        // xorshift: no number in sight is to come back soon, that is all.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.left = 1 + (self.random % (2 * u64::from(self.each) - 1)).min(u64::from(u32::MAX) - 1) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::Countdown;

    #[test]
    fn one_block_in_so_many_is_chosen() {
        for each in [1, 2, 10, 1000] {
            let mut countdown = Countdown::new(each);
            let blocks = each as usize * 2000;
            let chosen = (0..blocks).filter(|i| match i % 3 {
                0 => countdown.is_over(false),
                _ => !countdown.goes_on() && countdown.is_over(true),
            });
            let chosen = chosen.count();
            assert!((1800..=2200).contains(&chosen), "{chosen} of {blocks}, one in {each}");
        }
        assert!(!Countdown::new(0).is_on());
        assert!(Countdown::new(u32::MAX).is_on());
    }
}
