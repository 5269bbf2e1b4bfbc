//! The open scopes of a thread, by the addresses of their frames: the outermost guarded call, the
//! innermost guarded callback, the innermost `catch`. They tell how far a panic gets.

use std::cell::Cell;

use super::thread;

/// State of a thread. Without a destructor, so that it can be read throughout a thread's life.
struct Scopes {
    /// An address in the frame of the outermost guarded call under way; 0 without one.
    outermost: Cell<usize>,
    /// An address in the frame of the innermost guarded callback under way; 0 without one.
    boundary: Cell<usize>,
    /// An address in the frame of the innermost open `catch`; 0 without one.
    catching: Cell<usize>,
    /// The innermost `catch` if it is that of `assert_clean!`, as in `catching`; 0 without one.
    asserting: Cell<usize>,
    /// Number of open tests: of `#[ffi_guard::test]` and of `assert_clean!`.
    tests: Cell<u32>,
    /// True if a panic of a callback waits for the outermost guarded call. The panic itself is in
    /// `boundary::parked`.
    parked: Cell<bool>,
}

thread_local! {
    static HERE: Scopes = const {
        Scopes {
            outermost: Cell::new(0),
            boundary: Cell::new(0),
            catching: Cell::new(0),
            asserting: Cell::new(0),
            tests: Cell::new(0),
            parked: Cell::new(false),
        }
    };
}

/// Begins a guarded call before C runs. True if it is the outermost of its thread:
/// [`end_outermost`] must then follow. `frame`: an address in its wrapper's frame.
#[inline(always)]
pub(crate) fn begin_outermost(frame: usize) -> bool {
    let outermost = HERE.try_with(|here| {
        // A call that C left by `longjmp` never ends: its frame lies deeper than that of a later
        // call.
        let outermost = here.outermost.get() < frame;
        if outermost {
            here.outermost.set(frame);
        }
        outermost
    });
    outermost.unwrap_or(false)
}

/// Ends the thread's outermost guarded call after C returned or unwound. True if a parked panic
/// waits for that.
#[inline(always)]
pub(crate) fn end_outermost() -> bool {
    let parked = HERE.try_with(|here| {
        here.outermost.set(0);
        here.parked.get()
    });
    parked.unwrap_or(false)
}

/// Records if a panic is parked.
pub(crate) fn set_parked(parked: bool) {
    let _ = HERE.try_with(|here| here.parked.set(parked));
}

/// True if a guarded call of this thread is under way: it will resume what is parked now.
pub(crate) fn is_call_below() -> bool {
    HERE.try_with(|here| is_live(here.outermost.get())).unwrap_or(false)
}

/// True if a guarded call of this thread is under way. For a signal handler, which may run on
/// another stack.
pub(crate) fn is_in_call() -> bool {
    HERE.try_with(|here| here.outermost.get() != 0).unwrap_or(false)
}

/// True if Rust runs because the guarded call under way has called back. For a signal handler, as
/// [`is_in_call`].
pub(crate) fn is_in_callback() -> bool {
    HERE.try_with(|here| (1..here.outermost.get()).contains(&here.boundary.get())).unwrap_or(false)
}

/// True if an address of this thread's stack is above the outermost guarded call under way: what
/// lies there outlives the call.
pub(crate) fn is_above_all_calls(address: usize) -> bool {
    HERE.try_with(|here| here.outermost.get()).is_ok_and(|outermost| is_live(outermost) && address > outermost)
}

/// Way of a panic out of a thread's innermost guarded callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// No guarded callback lies between here and the scope in question.
    Open,
    /// It is parked, and comes out of a guarded call within the scope.
    Around,
    /// It is parked and comes out beyond the scope, or ends the process.
    Beyond,
}

/// Way of a panic from here to a scope whose frame holds the address `scope`.
pub(crate) fn way_to(scope: usize) -> Way {
    let (outermost, boundary) = HERE.try_with(|here| (here.outermost.get(), here.boundary.get())).unwrap_or_default();
    match boundary {
        boundary if !is_live(boundary) || boundary > scope => Way::Open,
        // A call inside the callback is not below it.
        _ if outermost > boundary && outermost < scope => Way::Around,
        _ => Way::Beyond,
    }
}

/// An address in the frame of the innermost guarded callback under way.
pub(crate) fn boundary() -> Option<usize> {
    HERE.try_with(|here| here.boundary.get()).ok().filter(|&boundary| is_live(boundary))
}

/// True if a frame is further up the stack than this one. One that C left by `longjmp` lies deeper.
fn is_live(frame: usize) -> bool {
    let local = 0_u8;
    frame > (&raw const local).addr()
}

/// Scope at whose frame panics of this thread end.
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

/// True if the calling thread is inside `catch`, and a violation here would get there: with
/// `panic = "abort"` none ever does.
pub(crate) fn catching() -> bool {
    cfg!(panic = "unwind") && caught_at().is_some_and(|scope| way_to(scope) != Way::Beyond)
}

/// True if the innermost open `catch` of the calling thread is that of `assert_clean!`, for which
/// warnings count too.
pub(crate) fn asserting() -> bool {
    HERE.try_with(|here| here.asserting.get() != 0 && here.asserting.get() == here.catching.get()).unwrap_or(false)
}

/// True if a test of the calling thread is open, whose end tells what was found meanwhile.
pub(crate) fn in_test() -> bool {
    HERE.try_with(|here| here.tests.get() != 0).unwrap_or(false)
}

/// The thread that gets what the calling one finds where nothing can unwind: itself if a `catch` or
/// a test is open, whose end tells it; else 0, for any.
pub(crate) fn recipient() -> u32 {
    if catching() || in_test() { thread::id() } else { 0 }
}

/// A test that is open on its thread as long as this lives.
pub(crate) struct TestOpen(());

impl TestOpen {
    pub(crate) fn enter() -> TestOpen {
        let _ = HERE.try_with(|here| here.tests.set(here.tests.get() + 1));
        TestOpen(())
    }
}

impl Drop for TestOpen {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| here.tests.set(here.tests.get().saturating_sub(1)));
    }
}

/// An address in the frame of the innermost open `catch`.
pub(crate) fn caught_at() -> Option<usize> {
    HERE.try_with(|here| here.catching.get()).ok().filter(|&at| at != 0)
}

/// Scope in which violations of this thread become values.
pub(crate) struct Catching {
    /// The scope around this one.
    outer: usize,
    /// The scope of `assert_clean!` around this one, if this is one.
    asserting: Option<usize>,
}

impl Catching {
    #[inline(always)]
    pub(crate) fn enter() -> Catching {
        let local = 0_u8;
        let here = (&raw const local).addr();
        Catching { outer: HERE.try_with(|at| at.catching.replace(here)).unwrap_or(0), asserting: None }
    }

    /// The scope of `assert_clean!`.
    pub(crate) fn asserting() -> Catching {
        let local = 0_u8;
        let frame = (&raw const local).addr();
        let outer = HERE.try_with(|here| (here.catching.replace(frame), here.asserting.replace(frame)));
        let (outer, asserting) = outer.unwrap_or((0, 0));
        Catching { outer, asserting: Some(asserting) }
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        let _ = HERE.try_with(|here| {
            here.catching.set(self.outer);
            if let Some(asserting) = self.asserting {
                here.asserting.set(asserting);
            }
        });
    }
}
