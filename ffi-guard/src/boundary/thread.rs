//! What the boundary remembers of each thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::ptr::null_mut;

use super::copies::Copies;
use super::parked::{self, Way};
use super::pending::Pending;
use crate::heap;
use crate::platform::{self, process::Errno};
use crate::reentry::Reentry;
use crate::report::violation::Violation;
use crate::scan::{self, Between};

/// One thread's part. Without a destructor where the hot path reads it, so that it can be read at any time.
struct Here {
    /// The stack, `(low, high)`; `(0, 0)` until asked for, `(1, 1)` where it cannot be told.
    stack: Cell<(usize, usize)>,
    /// Where the innermost open `catch` scope is on the stack; 0 without one.
    catching: Cell<usize>,
    /// Guarded calls so far, from level 2 on.
    crossings: Cell<usize>,
    /// The innermost guarded call under way, from level 2 on.
    innermost: Cell<*mut Pending>,
    /// The innermost guarded call under way that works on copies.
    copying: Cell<*mut Copies>,
    /// An address in the frame of the outermost call under way that is only noted; 0 without one.
    noting: Cell<usize>,
}

thread_local! {
    static HERE: Here = const {
        Here { stack: Cell::new((0, 0)), catching: Cell::new(0), crossings: Cell::new(0), innermost: Cell::new(null_mut()), copying: Cell::new(null_mut()), noting: Cell::new(0) }
    };
    /// The violation that unwinds through this thread, with the address of its payload's text.
    static IN_FLIGHT: RefCell<Option<InFlight>> = const { RefCell::new(None) };
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

/// The part of the calling thread's stack that belongs to the frames above the one that `local` is in.
#[inline]
pub(crate) fn callers_stack<T>(local: &T) -> Range<usize> {
    let frame = std::ptr::from_ref(local).addr();
    let stack = stack();
    frame.max(stack.start)..stack.end
}

/// The same where it was asked for before; `0..0` where not.
#[inline(always)]
pub(crate) fn known_stack() -> Range<usize> {
    let (low, high) = stack_bounds();
    low..high
}

/// The same as it is kept: `(0, 0)` where it was never asked for.
#[inline(always)]
pub(crate) fn stack_bounds() -> (usize, usize) {
    HERE.try_with(|here| here.stack.get()).unwrap_or((0, 0))
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
#[inline]
pub(crate) fn count_crossing() -> usize {
    HERE.try_with(|here| {
        here.crossings.set(here.crossings.get().wrapping_add(1));
        here.crossings.get()
    })
    .unwrap_or(0)
}

/// Runs `f` with the place of the innermost watched call under way, from level 2 on.
pub(super) fn with_innermost<R>(f: impl FnOnce(&Cell<*mut Pending>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.innermost)).ok()
}

/// Runs `f` with the place of the innermost call under way that works on copies.
pub(super) fn with_copies<R>(f: impl FnOnce(&Cell<*mut Copies>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.copying)).ok()
}

/// A call begins that is only noted. Whether it is the outermost of its thread.
#[inline]
pub(crate) fn begin_noting() -> bool {
    let local = 0_u8;
    begin_noting_at((&raw const local).addr())
}

/// The same. `frame`: an address in the frame of the call's wrapper.
#[inline]
pub(crate) fn begin_noting_at(frame: usize) -> bool {
    HERE.try_with(|here| {
        // A call that C left by `longjmp` never ends: its frame lay deeper than that of a call made later.
        let outermost = here.noting.get() <= frame;
        if outermost {
            here.noting.set(frame);
        }
        outermost
    })
    .unwrap_or(false)
}

/// The outermost call that is only noted has ended.
#[inline]
pub(crate) fn end_noting() {
    let _ = HERE.try_with(|here| here.noting.set(0));
}

/// Whether C may be in the middle of a call that is only noted, further up this thread's stack: what it holds just now
/// may be gone when that call returns.
pub(crate) fn is_noting() -> bool {
    HERE.try_with(|here| here.noting.get() != 0).unwrap_or(false)
}

/// Whether a guarded call of this thread is under way, from level 2 on: Rust runs because C called back.
pub(crate) fn is_in_call() -> bool {
    HERE.try_with(|here| !here.innermost.get().is_null() || here.noting.get() != 0).unwrap_or(false)
}

/// Guarded calls so far.
pub(crate) fn crossings() -> usize {
    HERE.try_with(|here| here.crossings.get()).unwrap_or(0)
}

/// Whether the calling thread is inside `catch`, and a violation here would get there.
pub(crate) fn catching() -> bool {
    caught_at().is_some_and(|scope| parked::way_to(scope) != Way::Beyond)
}

/// An address in the frame of the innermost open `catch`.
pub(crate) fn caught_at() -> Option<usize> {
    HERE.try_with(|here| here.catching.get()).ok().filter(|&at| at != 0)
}

/// While it lives, violations of this thread become values.
pub(crate) struct Catching {
    /// The scope around this one.
    outer: usize,
}

impl Catching {
    #[inline(always)]
    pub(crate) fn enter() -> Catching {
        let local = 0_u8;
        let here = (&raw const local).addr();
        Catching { outer: HERE.try_with(|at| at.catching.replace(here)).unwrap_or(0) }
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.catching.set(self.outer));
    }
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

/// The calling thread's name, where it has one.
///
/// `std::thread::current` may call C's `malloc`, so not in a signal handler; and once a thread's own destructors have run
/// it panics, which the main thread's have by the time exit handlers run.
pub(crate) fn name() -> Option<String> {
    if platform::thread::is_first() {
        return Some("main".to_owned());
    }
    if scan::between(None) == Between::Signal {
        return None;
    }
    std::panic::catch_unwind(|| std::thread::current().name().map(str::to_owned)).ok().flatten()
}
