//! The states of a handle's slot under loom: every order in which threads can make, enter, release
//! and leave.
//!
//! The file of the library is compiled once more here, over loom's atomics in the place of std's.

#![allow(dead_code, unreachable_pub, missing_docs)]

#[path = "../../ffi-guard/src/handle/slot.rs"]
mod slot;

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use slot::{Entered, LAST_GENERATION, State};

/// A slot with a value in it; loom finds any two accesses of the value that nothing orders.
struct Slot {
    state: State,
    value: UnsafeCell<u32>,
    /// How often the value was taken out.
    emptied: AtomicUsize,
}

// SAFETY: what is tested.
unsafe impl Sync for Slot {}
// SAFETY: as above.
unsafe impl Send for Slot {}

impl Slot {
    fn new(generation: u32) -> Arc<Slot> {
        Arc::new(Slot { state: State::free(generation), value: UnsafeCell::new(0), emptied: AtomicUsize::new(0) })
    }

    fn make(&self, value: u32) -> u32 {
        // SAFETY: the slot is free and this thread's.
        self.value.with_mut(|place| unsafe { *place = value });
        self.state.make()
    }

    fn empty(&self) {
        // SAFETY: the last one to leave owns the slot.
        self.value.with_mut(|place| unsafe { *place = u32::MAX });
        self.emptied.fetch_add(1, Ordering::Relaxed);
    }

    /// `Handle::with`.
    fn with(&self, generation: u32) -> Option<u32> {
        if self.state.enter(generation, || true) != Entered::Yes {
            return None;
        }
        // SAFETY: entered.
        let value = self.value.with(|place| unsafe { *place });
        if self.state.leave() {
            self.empty();
            self.state.recycle();
        }
        Some(value)
    }

    /// `Handle::take`: true if this call released it.
    fn take(&self, generation: u32) -> bool {
        if self.state.enter(generation, || true) != Entered::Yes {
            return false;
        }
        let released = self.state.release();
        if self.state.leave() {
            self.empty();
            self.state.recycle();
        }
        released
    }
}

#[test]
fn a_value_is_whole_while_it_is_used_and_emptied_once() {
    loom::model(|| {
        let slot = Slot::new(0);
        let generation = slot.make(7);
        let other = Arc::clone(&slot);
        let user = thread::spawn(move || {
            assert!(matches!(other.with(generation), None | Some(7)));
        });
        assert!(slot.take(generation));
        assert!(slot.with(generation).is_none(), "released");
        user.join().unwrap();
        assert_eq!(slot.emptied.load(Ordering::Relaxed), 1);
        assert_eq!(slot.state.now(), (generation + 1, true));
    });
}

#[test]
fn of_two_that_take_one_gets_it() {
    loom::model(|| {
        let slot = Slot::new(3);
        let generation = slot.make(7);
        let other = Arc::clone(&slot);
        let taker = thread::spawn(move || other.take(generation));
        let mine = slot.take(generation);
        let theirs = taker.join().unwrap();
        assert!(mine != theirs);
        assert_eq!(slot.emptied.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn the_next_value_of_a_slot_is_not_found_under_the_old_number() {
    loom::model(|| {
        let slot = Slot::new(0);
        let generation = slot.make(7);
        let other = Arc::clone(&slot);
        let user = thread::spawn(move || {
            assert!(matches!(other.with(generation), None | Some(7)), "never 8");
        });
        slot.take(generation);
        if slot.state.now() == (generation + 1, true) {
            let next = slot.make(8);
            assert_eq!(slot.with(next), Some(8));
        }
        user.join().unwrap();
    });
}

#[test]
fn the_last_generation_is_the_last() {
    loom::model(|| {
        let slot = Slot::new(LAST_GENERATION);
        let generation = slot.make(7);
        assert_eq!(slot.state.enter(generation, || true), Entered::Yes);
        assert!(slot.state.release() && slot.state.leave());
        assert!(!slot.state.recycle(), "it must not be used again");
        assert_eq!(slot.state.enter(0, || true), Entered::Gone);
    });
}
