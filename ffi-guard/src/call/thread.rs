//! State of each thread: its stack, its number, and its calls under way.

use std::cell::Cell;
use std::ops::Range;
use std::ptr::null_mut;

use crate::heap;
use crate::platform;
use crate::platform::process::Errno;

/// State of a thread. Without a destructor, so that the hot path can read it at any time.
struct ThreadState {
    /// The stack, `(low, high)`; `(0, 0)` until asked for, `(1, 1)` if it is not known.
    stack: Cell<(usize, usize)>,
    /// Number of guarded calls so far, from level 2 on.
    crossings: Cell<usize>,
    /// The innermost watched call under way, from level 2 on: head of a list that `boundary` keeps.
    watched: Cell<*mut ()>,
    /// The innermost call under way that works on copies: head of a list that `boundary` keeps.
    copying: Cell<*mut ()>,
    /// An address in the frame of the outermost call under way that is only noted; 0 without one.
    noting: Cell<usize>,
    /// The wrapper of the guarded function that is asked about just now.
    wrapper: Cell<Wrapper>,
    /// Number of the last call that is only noted and lends several blocks.
    lends_several: Cell<usize>,
    /// The lowest address of a variable on the stack that C may keep, all bits turned round, so
    /// that a search does not find it; 0 without one.
    lowest_kept: Cell<usize>,
}

/// A wrapper of a guarded function, by what lies in its frame. It tells whose the frames next to it
/// are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrapper {
    /// Where the arguments are laid out in its frame; 0 without a wrapper.
    pub(crate) arguments: usize,
    /// Frames above that one of which it is certain that they are Rust's. The second one only if
    /// the first one is another function of the wrapper.
    pub(crate) callers: u8,
}

impl Wrapper {
    const NONE: Wrapper = Wrapper { arguments: 0, callers: 0 };
}

/// Names the wrapper as long as it lives, then the one that was named before.
pub(crate) struct WrapperNamed(Wrapper);

impl Drop for WrapperNamed {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.wrapper.set(self.0));
    }
}

/// Names the wrapper that is asked about.
pub(crate) fn name_wrapper(wrapper: Wrapper) -> WrapperNamed {
    WrapperNamed(HERE.try_with(|here| here.wrapper.replace(wrapper)).unwrap_or(Wrapper::NONE))
}

/// The wrapper that is asked about.
pub(crate) fn wrapper() -> Wrapper {
    HERE.try_with(|here| here.wrapper.get()).unwrap_or(Wrapper::NONE)
}

thread_local! {
    static HERE: ThreadState = const {
        ThreadState { stack: Cell::new((0, 0)), crossings: Cell::new(0), watched: Cell::new(null_mut()), copying: Cell::new(null_mut()), noting: Cell::new(0), wrapper: Cell::new(Wrapper::NONE), lowest_kept: Cell::new(0), lends_several: Cell::new(0) }
    };
}

/// The calling thread's stack; empty if it is not known.
#[inline]
pub(crate) fn stack() -> Range<usize> {
    HERE.try_with(|here| match here.stack.get() {
        (0, 0) => learn_stack(here),
        (low, high) => low..high,
    })
    .unwrap_or(0..0)
}

/// Part of the stack that belongs to the frames above the one that holds `local`. On a coroutine's
/// stack it is that stack's if it lies in a block of the heap; else the thread's own.
#[inline]
pub(crate) fn callers_stack<T>(local: &T) -> Range<usize> {
    let frame = std::ptr::from_ref(local).addr();
    let stack = stack();
    if !stack.contains(&frame)
        && let Some(block) = heap::stacks::mark(frame)
    {
        return frame..block.end;
    }
    frame.max(stack.start)..stack.end
}

/// Bytes that must be left of the calling thread's stack for the guard to do its deepest work
/// there: reading symbols and debug information, writing a report.
const ROOM: usize = 128 << 10;

/// Runs `f`, which goes deep, where there is room for it.
pub(crate) fn with_room<R>(f: impl FnOnce() -> R) -> R {
    let local = 0_u8;
    let (here, stack) = ((&raw const local).addr(), stack());
    let room = if stack.contains(&here) { here - stack.start } else { 0 };
    if room < ROOM { platform::stack::with_room(f) } else { f() }
}

/// Tells the heap if the code that runs now runs on a stack in one of its blocks.
#[inline]
pub(crate) fn tell_of_stack() {
    let local = 0_u8;
    let (frame, (low, high)) = ((&raw const local).addr(), stack_bounds());
    if !(low..high).contains(&frame) {
        heap::stacks::mark(frame);
    }
}

/// True if an address lies on the calling thread's stack, as far as its bounds were asked for.
#[inline(always)]
pub(crate) fn is_on_stack(address: usize) -> bool {
    let (low, high) = stack_bounds();
    address.wrapping_sub(low) < high.wrapping_sub(low)
}

/// Cached bounds of the calling thread's stack: `(0, 0)` if it was never asked for.
#[inline(always)]
pub(crate) fn stack_bounds() -> (usize, usize) {
    HERE.try_with(|here| here.stack.get()).unwrap_or((0, 0))
}

#[cold]
fn learn_stack(here: &ThreadState) -> Range<usize> {
    let _errno = Errno::keep();
    let mut bounds = platform::stack::bounds();
    // Its creator took it from the heap, whose mapping says nothing of where it ends.
    if let Some(block) = bounds.end.checked_sub(1).and_then(heap::stacks::mark) {
        bounds.start = bounds.start.max(block.start);
    }
    here.stack.set(if bounds.is_empty() { (1, 1) } else { (bounds.start, bounds.end) });
    bounds
}

/// The lowest address of a variable on this thread's stack that C may keep; the highest address of
/// all without one.
pub(crate) fn lowest_kept() -> usize {
    !HERE.try_with(|here| here.lowest_kept.get()).unwrap_or(0)
}

/// Sets what [`lowest_kept`] says.
pub(crate) fn set_lowest_kept(lowest: Option<usize>) {
    let _ = HERE.try_with(|here| here.lowest_kept.set(lowest.map_or(0, |lowest| !lowest)));
}

/// The calling thread's number, which the heap notes with a block as well.
pub(crate) fn id() -> u32 {
    platform::thread::id()
}

/// Counts a guarded call and returns how many there were, including this one.
#[inline]
pub(crate) fn count_crossing() -> usize {
    HERE.try_with(|here| {
        here.crossings.set(here.crossings.get().wrapping_add(1));
        here.crossings.get()
    })
    .unwrap_or(0)
}

/// Runs `f` with the head of the list of watched calls under way, from level 2 on.
pub(crate) fn with_watched<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.watched)).ok()
}

/// Runs `f` with the head of the list of calls under way that work on copies.
pub(crate) fn with_copying<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
    HERE.try_with(|here| f(&here.copying)).ok()
}

/// Begins a call that is only noted. True if it is the outermost such call of its thread. `frame`:
/// an address in its wrapper's frame.
#[inline]
pub(crate) fn begin_noting_at(frame: usize) -> bool {
    HERE.try_with(|here| {
        // A call that C left by `longjmp` never ends: its frame lies deeper than that of a later
        // call.
        let outermost = here.noting.get() <= frame;
        if outermost {
            here.noting.set(frame);
        }
        outermost
    })
    .unwrap_or(false)
}

/// Ends the outermost call that is only noted.
#[inline]
pub(crate) fn end_noting() {
    let _ = HERE.try_with(|here| here.noting.set(0));
}

/// True if C may be inside a call that is only noted, further up this thread's stack: what it holds
/// now may be gone when that call returns.
pub(crate) fn is_noting() -> bool {
    HERE.try_with(|here| here.noting.get() != 0).unwrap_or(false)
}

/// True if a guarded call of this thread is under way, from level 2 on: Rust runs because C called
/// back.
pub(crate) fn is_in_call() -> bool {
    HERE.try_with(|here| !here.watched.get().is_null() || here.noting.get() != 0).unwrap_or(false)
}

/// Notes that a call which is only noted lends several blocks. `call`: its number among the guarded
/// calls.
#[inline]
pub(crate) fn begin_lending_several(call: usize) {
    let _ = HERE.try_with(|here| here.lends_several.set(call));
}

/// True if no guarded call or callback has begun since the last call that lent several blocks
/// began: it ends now, and no Rust code that is known of has run meanwhile.
pub(crate) fn has_lent_several_alone() -> bool {
    HERE.try_with(|here| here.lends_several.get() == here.crossings.get()).unwrap_or(false)
}

/// Number of guarded calls so far.
pub(crate) fn crossings() -> usize {
    HERE.try_with(|here| here.crossings.get()).unwrap_or(0)
}
