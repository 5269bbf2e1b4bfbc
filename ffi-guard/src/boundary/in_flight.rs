//! The violation that unwinds through a thread, on its way to `catch`.

use std::any::Any;
use std::cell::RefCell;

use crate::facts::Violation;
use crate::heap;
use crate::reentry::Reentry;

thread_local! {
    /// The violation, with the address of its payload's text.
    static IN_FLIGHT: RefCell<Option<InFlight>> = const { RefCell::new(None) };
}

/// A violation on its way to `catch`.
pub(crate) struct InFlight {
    violation: Violation,
    text: usize,
    /// Which of the blocks at that address it is.
    generation: u32,
}

/// Notes the violation that is about to unwind and the address of the text that carries it, a block of the program's.
pub(crate) fn set_in_flight(violation: Violation, text: usize) {
    let _inside = Reentry::enter();
    let generation = heap::lookup(text).map_or(0, |block| block.generation);
    let _ = IN_FLIGHT.try_with(|slot| slot.replace(Some(InFlight { violation, text, generation })));
}

/// Takes the violation whose payload's text lies at this address.
///
/// The address is compared because a program may have caught an earlier violation by itself: what is left of that one is
/// not this one.
pub(crate) fn take_in_flight(text: usize) -> Option<Violation> {
    IN_FLIGHT.try_with(RefCell::take).ok().flatten().filter(|it| it.text == text).map(|it| it.violation)
}

/// Takes the violation that this panic carries, to be put back when the panic goes on.
pub(crate) fn take_flying(payload: &Box<dyn Any + Send>) -> Option<InFlight> {
    let text = payload.downcast_ref::<String>()?.as_ptr().addr();
    let mine = |slot: &RefCell<Option<InFlight>>| slot.borrow_mut().take_if(|it| it.text == text);
    IN_FLIGHT.try_with(mine).ok().flatten()
}

/// Puts back what [`take_flying`] took.
pub(crate) fn set_flying(violation: InFlight) {
    let _ = IN_FLIGHT.try_with(|slot| slot.replace(Some(violation)));
}

/// Whether a violation is unwinding through this thread. One that the program caught by itself is not: its payload is
/// freed by then.
pub(crate) fn violation_in_flight() -> bool {
    let is_live =
        |it: &InFlight| heap::lookup(it.text).is_some_and(|block| block.live && block.generation == it.generation);
    std::thread::panicking() && IN_FLIGHT.try_with(|slot| slot.borrow().as_ref().is_some_and(is_live)).unwrap_or(false)
}
