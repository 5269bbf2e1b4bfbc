//! The open scopes of a thread, by where their frames lie on its stack: the outermost guarded call,
//! the innermost guarded callback, the innermost `catch`. They tell where a panic that starts here
//! gets to.

use std::cell::Cell;

/// One thread's part. Without a destructor, so that it can be read at any time of a thread's life.
struct Here {
    /// An address in the frame of the outermost guarded call under way; 0 without one.
    outermost: Cell<usize>,
    /// An address in the frame of the innermost guarded callback under way; 0 without one.
    boundary: Cell<usize>,
    /// An address in the frame of the innermost open `catch`; 0 without one.
    catching: Cell<usize>,
    /// Whether a panic of a callback waits for the outermost guarded call. The panic itself is
    /// `boundary::parked`'s.
    parked: Cell<bool>,
}

thread_local! {
    static HERE: Here = const {
        Here { outermost: Cell::new(0), boundary: Cell::new(0), catching: Cell::new(0), parked: Cell::new(false) }
    };
}

/// C is about to run. True if this is the outermost guarded call of its thread: then
/// [`end_outermost`] follows. `frame`: an address in its wrapper's frame.
#[inline(always)]
pub(crate) fn begin_outermost(frame: usize) -> bool {
    let outermost = HERE.try_with(|here| {
        // A call that C left by `longjmp` never ends: its frame lay deeper than that of a call made
        // later.
        let outermost = here.outermost.get() < frame;
        if outermost {
            here.outermost.set(frame);
        }
        outermost
    });
    outermost.unwrap_or(false)
}

/// C has returned to the outermost guarded call of the thread, or has unwound out of it. True if a
/// parked panic waits for that.
#[inline(always)]
pub(crate) fn end_outermost() -> bool {
    let parked = HERE.try_with(|here| {
        here.outermost.set(0);
        here.parked.get()
    });
    parked.unwrap_or(false)
}

/// Says whether a panic waits.
pub(crate) fn set_parked(parked: bool) {
    let _ = HERE.try_with(|here| here.parked.set(parked));
}

/// Whether a guarded call of this thread is under way: what is parked now will be resumed.
pub(crate) fn is_call_below() -> bool {
    HERE.try_with(|here| is_live(here.outermost.get())).unwrap_or(false)
}

/// How a panic gets on from a thread's innermost guarded callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// No guarded callback is between here and the scope in question.
    Open,
    /// It is parked, and comes out of a guarded call within the scope.
    Around,
    /// It is parked and comes out beyond the scope, or ends the process.
    Beyond,
}

/// How a panic that starts here gets to a scope whose frame holds the address `scope`.
pub(crate) fn way_to(scope: usize) -> Way {
    let (outermost, boundary) = HERE.try_with(|here| (here.outermost.get(), here.boundary.get())).unwrap_or_default();
    match boundary {
        boundary if !is_live(boundary) || boundary > scope => Way::Open,
        // A call within the callback is not below it.
        _ if outermost > boundary && outermost < scope => Way::Around,
        _ => Way::Beyond,
    }
}

/// An address in the frame of the innermost guarded callback under way.
pub(crate) fn boundary() -> Option<usize> {
    HERE.try_with(|here| here.boundary.get()).ok().filter(|&boundary| is_live(boundary))
}

/// Whether a frame is further up the stack than this one. One that C left by `longjmp` lies deeper.
fn is_live(frame: usize) -> bool {
    let local = 0_u8;
    frame > (&raw const local).addr()
}

/// While it lives, panics of this thread end at its frame.
pub(crate) struct BoundaryScope {
    outer: usize,
}

impl BoundaryScope {
    #[inline(always)]
    pub(crate) fn enter() -> BoundaryScope {
        let local = 0_u8;
        let frame = (&raw const local).addr();
        BoundaryScope { outer: HERE.try_with(|here| here.boundary.replace(frame)).unwrap_or(0) }
    }
}

impl Drop for BoundaryScope {
    #[inline(always)]
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.boundary.set(self.outer));
    }
}

/// Whether the calling thread is inside `catch`, and a violation here would get there.
pub(crate) fn catching() -> bool {
    caught_at().is_some_and(|scope| way_to(scope) != Way::Beyond)
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
