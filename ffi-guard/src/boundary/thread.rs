//! What the boundary remembers of each thread.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::platform::{self, process::Errno};
use crate::report::violation::Violation;

/// One thread's part. Without a destructor where the hot path reads it, so that it can be read at any time.
struct Here {
    /// The stack, `(low, high)`; `(0, 0)` until asked for, `(1, 1)` where it cannot be told.
    stack: Cell<(usize, usize)>,
    /// How many `catch` scopes are open.
    catching: Cell<u32>,
    /// Guarded calls so far, from level 2 on.
    crossings: Cell<usize>,
}

thread_local! {
    static HERE: Here = const {
        Here { stack: Cell::new((0, 0)), catching: Cell::new(0), crossings: Cell::new(0) }
    };
    /// The violation that unwinds through this thread, with the address of its payload's text.
    static IN_FLIGHT: RefCell<Option<(Violation, usize)>> = const { RefCell::new(None) };
}

/// The calling thread's stack; empty where it cannot be told.
#[inline]
pub(crate) fn stack() -> Range<usize> {
    HERE.try_with(|here| match here.stack.get() {
        (0, 0) => learn_stack(here),
        (low, high) => low..high,
    })
    .unwrap_or(0..0)
}

/// The same where it was asked for before; `0..0` where not.
#[inline(always)]
pub(crate) fn known_stack() -> Range<usize> {
    HERE.try_with(|here| here.stack.get()).map_or(0..0, |(low, high)| low..high)
}

#[cold]
fn learn_stack(here: &Here) -> Range<usize> {
    let _errno = Errno::keep();
    let bounds = platform::stack::bounds();
    here.stack.set(if bounds.is_empty() { (1, 1) } else { (bounds.start, bounds.end) });
    bounds
}

/// The calling thread's number, the same that the heap notes with a block.
pub(crate) fn id() -> u32 {
    platform::thread::id()
}

/// Counts a guarded call and returns how many there were, with this one.
pub(crate) fn count_crossing() -> usize {
    HERE.try_with(|here| {
        here.crossings.set(here.crossings.get().wrapping_add(1));
        here.crossings.get()
    })
    .unwrap_or(0)
}

/// Guarded calls so far.
pub(crate) fn crossings() -> usize {
    HERE.try_with(|here| here.crossings.get()).unwrap_or(0)
}

/// Whether the calling thread is inside `catch`.
pub(crate) fn catching() -> bool {
    HERE.try_with(|here| here.catching.get() != 0).unwrap_or(false)
}

/// While it lives, violations of this thread become values.
pub(crate) struct Catching(());

impl Catching {
    pub(crate) fn enter() -> Catching {
        let _ = HERE.try_with(|here| here.catching.set(here.catching.get() + 1));
        Catching(())
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.catching.set(here.catching.get() - 1));
    }
}

/// Notes the violation that is about to unwind and the address of the text that carries it.
pub(crate) fn set_in_flight(violation: Violation, text: usize) {
    let _ = IN_FLIGHT.try_with(|slot| slot.replace(Some((violation, text))));
}

/// Takes the violation whose payload's text lies at this address.
///
/// The address is compared because a program may have caught an earlier violation by itself: what is left of that one is
/// not this one.
pub(crate) fn take_in_flight(text: usize) -> Option<Violation> {
    IN_FLIGHT.try_with(RefCell::take).ok().flatten().filter(|(_, at)| *at == text).map(|(violation, _)| violation)
}

/// Whether a violation is unwinding through this thread.
pub(crate) fn violation_in_flight() -> bool {
    std::thread::panicking() && IN_FLIGHT.try_with(|slot| slot.borrow().is_some()).unwrap_or(false)
}
