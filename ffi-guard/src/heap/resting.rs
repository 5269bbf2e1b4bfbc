//! Freed blocks on pages of their own that wait, without access and without memory, until a number
//! of younger ones are freed: C's always, and Rust's if the process has no quarantine.

use super::paged;
use super::region::{self, SIDES};
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};

/// The runs of the freed blocks of a half, the oldest first, in memory of its own.
#[derive(Debug)]
pub(super) struct Resting {
    /// First address of the places.
    ring: usize,
    /// None before [`set_up`], and without memory for them: then no block waits.
    places: usize,
    /// Runs ever put in.
    tail: usize,
}

pub(super) static FREED: [Locked<Resting>; SIDES] =
    [const { Locked::new(Resting { ring: 0, places: 0, tail: 0 }) }; SIDES];

fn of(side: usize) -> &'static Locked<Resting> {
    &FREED[region::place_of(side)]
}

/// Has as many freed blocks of a half wait. No more than a quarter of what there is of addresses.
pub(super) fn set_up(side: usize, places: usize) {
    let places = places.min(region::units(side).len() / 4);
    let bytes = (places * size_of::<u32>()).next_multiple_of(PAGE);
    let Some(ring) = memory::reserve(bytes, PAGE) else { return };
    if memory::commit(ring..ring + bytes) {
        of(side).with(|resting| *resting = Resting { ring, places, tail: 0 });
    } else {
        memory::release(ring..ring + bytes);
    }
}

/// A block's run, freed just now, waits; the oldest one may be used again.
pub(super) fn rest(first: u32) {
    let oldest = of(region::side_of(first)).with(|resting| resting.exchange(first));
    if let Some(oldest) = oldest {
        paged::release(oldest);
    }
}

impl Resting {
    /// Puts a run in; what comes out is the oldest one.
    fn exchange(&mut self, first: u32) -> Option<u32> {
        if self.places == 0 {
            return Some(first);
        }
        // SAFETY: there is memory for `places` places, zero at first, which is used under this lock
        // alone.
        let place = unsafe { &mut *(self.ring as *mut u32).add(self.tail % self.places) };
        let oldest = std::mem::replace(place, first);
        self.tail = self.tail.wrapping_add(1);
        (self.tail > self.places).then_some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_comes_out_after_as_many_younger_ones_as_there_are_places() {
        let mut memory = [0_u32; 5];
        let mut resting = Resting { ring: memory.as_mut_ptr().expose_provenance(), places: 5, tail: 0 };
        let out: Vec<_> = (1..=12).map(|run| resting.exchange(run)).collect();
        assert_eq!(out[..5], [None; 5]);
        assert_eq!(out[5..], [1, 2, 3, 4, 5, 6, 7].map(Some));
        assert_eq!(Resting { ring: 0, places: 0, tail: 0 }.exchange(7), Some(7), "without places none waits");
    }
}
