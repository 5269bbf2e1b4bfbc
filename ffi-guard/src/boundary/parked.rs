//! A panic in a callback, kept from C until the outermost guarded call of the thread returns.
//!
//! ```text
//!  Rust ── guarded call ──> C ── calls back ──> Rust panics
//!   ^                       │                      │ at the boundary: park
//!   │                       │ <── neutral value ───┘
//!   └── resumed, the payload unchanged ── the outermost call of the thread returns
//! ```
//!
//! Each thread has its own: a callback on a thread that C started has no call to return to, and its
//! panic ends the process.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use crate::call::declaration::Function;
use crate::call::scopes::{self, BoundaryScope};
use crate::delivery::breach::Stop;
use crate::delivery::raise::{self, InFlight};
use crate::platform::process;
use crate::report;

/// Payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

thread_local! {
    static WAITING: RefCell<ParkedSlot> = const { RefCell::new(ParkedSlot(None)) };
}

/// The parked panic of a thread, if any.
struct ParkedSlot(Option<ParkedPanic>);

/// A parked panic.
struct ParkedPanic {
    payload: Payload,
    /// The violation that it carries, if any: `catch` returns it.
    violation: Option<InFlight>,
}

impl Drop for ParkedSlot {
    fn drop(&mut self) {
        if self.0.is_some() {
            process::say(format_args!("a thread ends with a panic of a callback that no guarded call came back for"));
        }
    }
}

/// Keeps a panic for the outermost guarded call. The first one wins; a later one leaves a line on
/// standard error.
pub(crate) fn park(payload: Payload) {
    let violation = raise::take_flying(&payload);
    let rest = WAITING.try_with(|waiting| match waiting.try_borrow_mut() {
        Ok(mut waiting) if waiting.0.is_none() => {
            waiting.0 = Some(ParkedPanic { payload, violation });
            None
        }
        _ => Some(payload),
    });
    match rest {
        Ok(None) => {
            scopes::set_parked(true);
        }
        Ok(Some(payload)) => discard(payload),
        // The thread-local is gone, and with it the call that could resume the panic.
        Err(_) => process::say(format_args!("a callback panicked while its thread ends; the panic is dropped")),
    }
}

/// Takes the panic parked on this thread, for the caller to resume.
pub(crate) fn take() -> Option<Payload> {
    let ParkedPanic { payload, violation } =
        WAITING.try_with(|waiting| waiting.try_borrow_mut().ok()?.0.take()).ok()??;
    scopes::set_parked(false);
    if let Some(violation) = violation {
        raise::set_flying(violation);
    }
    Some(payload)
}

/// Runs `body`, which C called. If it panics, parks the panic and returns to C what `neutral`
/// makes.
///
/// Without a guarded call below, no frame would resume the panic. It then goes on unwinding if the
/// ABI lets it (`unwinds`); else a line is printed and the process aborts, as Rust does.
#[inline]
pub(crate) fn at_boundary<R>(name: &str, unwinds: bool, body: impl FnOnce() -> R, neutral: impl FnOnce() -> R) -> R {
    let boundary = BoundaryScope::enter();
    let outcome = panic::catch_unwind(AssertUnwindSafe(body));
    drop(boundary);
    match outcome {
        Ok(result) => result,
        Err(payload) => after_panic(name, unwinds, payload, neutral),
    }
}

#[cold]
fn after_panic<R>(name: &str, unwinds: bool, payload: Payload, neutral: impl FnOnce() -> R) -> R {
    if !scopes::is_call_below() {
        if unwinds {
            panic::resume_unwind(payload);
        }
        end_process(format_args!(
            "`{name}`, which C called, panicked, and no guarded call of this thread is below it to go on from"
        ));
    }
    park(payload);
    match panic::catch_unwind(AssertUnwindSafe(neutral)) {
        Ok(value) => value,
        Err(_) => end_process(format_args!("`{name}` panicked, and so did what C was to get instead (`on_panic`)")),
    }
}

/// Ends the process because of a panic that can go nowhere.
#[cold]
pub(crate) fn end_process(why: std::fmt::Arguments<'_>) -> ! {
    process::say(format_args!("{why}; the process is aborted"));
    std::process::abort();
}

/// Drops a later panic, or one that another unwinding overtook.
#[cold]
fn discard(payload: Payload) {
    process::say(format_args!(
        "a callback panicked while an earlier panic waits for its call to return; the later one is dropped: {}",
        message(&payload)
    ));
    // Its destructor may panic as well, and C's frame is below.
    if let Err(again) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

/// First line of a panic's text, if it has text.
pub(crate) fn message(payload: &Payload) -> &str {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.and_then(|text| text.lines().next()).unwrap_or("(no text)")
}

/// Resumes the panic of a callback at the exit of the outermost guarded call. `outcome`: what that
/// exit found.
#[cold]
pub(super) fn resume(function: &'static Function, outcome: Result<(), Stop>) -> ! {
    if let Err(Stop(violation)) = outcome {
        // The panic came first, and only one can unwind.
        report::print(&violation);
    }
    match take() {
        Some(payload) if !function.declaration.keep_abi => panic::resume_unwind(payload),
        Some(payload) => end_process(format_args!(
            "a callback panicked ({}), which cannot go on from `{}`: it is declared `keep_abi`",
            message(&payload),
            function.declaration.name
        )),
        None => unreachable!("asked for where a panic is parked"),
    }
}

/// A guarded call under way: a parked panic resumes at the end of the outermost.
#[derive(Debug)]
pub(crate) struct PanicScope {
    outermost: bool,
}

impl PanicScope {
    /// Begins a call whose frame is the caller's.
    #[inline(always)]
    #[must_use]
    pub(crate) fn begin() -> PanicScope {
        let local = 0_u8;
        PanicScope::begin_at((&raw const local).addr())
    }

    /// Begins a call with `frame`, an address in its wrapper's frame.
    #[inline(always)]
    pub(super) fn begin_at(frame: usize) -> PanicScope {
        PanicScope { outermost: scopes::begin_outermost(frame) }
    }

    /// Ends the call after C returned. True if a parked panic must resume here.
    #[inline(always)]
    pub(crate) fn end(&mut self) -> bool {
        std::mem::replace(&mut self.outermost, false) && end()
    }

    /// The scope of a call that keeps this state elsewhere.
    pub(super) fn none() -> PanicScope {
        PanicScope { outermost: false }
    }
}

/// Ends the outermost guarded call after C returned. True if a parked panic must resume there.
#[inline(always)]
pub(crate) fn end() -> bool {
    scopes::end_outermost()
}

/// Ends the outermost guarded call by unwinding, from C or from a check. Discards a parked panic.
pub(crate) fn overtake() {
    if scopes::end_outermost() {
        overtaken();
    }
}

impl Drop for PanicScope {
    #[inline]
    fn drop(&mut self) {
        if self.outermost {
            overtake();
        }
    }
}

#[cold]
fn overtaken() {
    if let Some(payload) = take() {
        discard(payload);
    }
}
