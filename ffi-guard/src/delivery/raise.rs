//! Unwinding with a violation, and `catch`, which stops it.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use super::breach::Stop;
use super::deferred;
use crate::call::scopes::{self, Catching};
use crate::call::thread;
use crate::facts::Violation;
use crate::heap;
use crate::platform::process;
use crate::reentry::Reentry;
use crate::report::{self, until_catch_ends};
use crate::rule::Rule;
use crate::scan::{self, Between};

thread_local! {
    /// The violation that unwinds, with the address of its payload's text.
    static IN_FLIGHT: RefCell<Option<InFlight>> = const { RefCell::new(None) };
}

/// A violation on its way to `catch`.
pub(crate) struct InFlight {
    violation: Violation,
    text: usize,
    /// Generation of the block that holds the text.
    generation: u32,
}

/// Notes the violation that is about to unwind, and the address of its text, a block of the
/// program.
fn set_in_flight(violation: Violation, text: usize) {
    let _inside = Reentry::enter();
    let generation = heap::lookup(text).map_or(0, |block| block.generation);
    let _ = IN_FLIGHT.try_with(|slot| slot.replace(Some(InFlight { violation, text, generation })));
}

/// Takes the violation whose payload's text lies at this address.
///
/// The address is compared because the program may have caught an earlier violation itself, and
/// left it here.
pub(crate) fn take_in_flight(text: usize) -> Option<Violation> {
    IN_FLIGHT.try_with(RefCell::take).ok().flatten().filter(|it| it.text == text).map(|it| it.violation)
}

/// Takes the violation that this panic carries; [`set_flying`] puts it back when the panic goes on.
pub(crate) fn take_flying(payload: &Box<dyn Any + Send>) -> Option<InFlight> {
    let text = payload.downcast_ref::<String>()?.as_ptr().addr();
    let mine = |slot: &RefCell<Option<InFlight>>| slot.borrow_mut().take_if(|it| it.text == text);
    IN_FLIGHT.try_with(mine).ok().flatten()
}

/// Puts back what [`take_flying`] took.
pub(crate) fn set_flying(violation: InFlight) {
    let _ = IN_FLIGHT.try_with(|slot| slot.replace(Some(violation)));
}

/// True if a violation is unwinding through this thread. One that the program caught itself does
/// not count: its payload is freed by then.
fn violation_in_flight() -> bool {
    let is_live =
        |it: &InFlight| heap::lookup(it.text).is_some_and(|block| block.live && block.generation == it.generation);
    std::thread::panicking() && IN_FLIGHT.try_with(|slot| slot.borrow().as_ref().is_some_and(is_live)).unwrap_or(false)
}

/// Unwinds with a violation: a panic whose payload is the report. If the frame below cannot unwind
/// (`keep_abi`), or this thread is already unwinding, prints the report and aborts the process.
#[cold]
#[track_caller]
pub(crate) fn raise(stop: Stop, can_unwind: bool) {
    let inside = Reentry::enter();
    let Stop(violation) = stop;
    let text = thread::with_room(|| violation.to_string());
    // A guarded callback stops the unwinding cleanly, whatever is beyond it.
    let until = [scopes::caught_at(), scopes::boundary()].into_iter().flatten().min();
    let between = scan::between(until);
    if std::thread::panicking() && violation_in_flight() {
        // A destructor calls C while the first violation unwinds, which is reported already: this
        // one is printed, and does not cut the first one short.
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\n");
        return;
    }
    if !can_unwind || std::thread::panicking() || between == Between::Signal {
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\nffi-guard: unwinding is not possible here; the process is aborted\n");
        report::abort();
    }
    let silent = scopes::catching();
    if cfg!(panic = "abort") && scopes::caught_at().is_some() {
        process::say(format_args!(
            "this program is built with `panic = \"abort\"`: `catch` cannot return the report that follows, which ends the process"
        ));
    }
    if silent && between == Between::C {
        // A bare callback that is not `C-unwind` ends the process here: `catch` would never return
        // the report.
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\n");
    }
    drop(inside);
    // From here on the text belongs to the program: whoever catches the panic frees it, which
    // [`violation_in_flight`] detects.
    let text = text.as_str().to_owned();
    set_in_flight(*violation, text.as_ptr().addr());
    if silent {
        // Without the panic hook: `catch` returns what the hook would print.
        panic::resume_unwind(Box::new(text));
    }
    panic::panic_any(text)
}

/// Runs a closure and turns a violation on this thread into a value.
///
/// Inside, a denied violation neither prints nor stops the program, whatever `GUARD_ON_VIOLATION`
/// says; the report hook and `GUARD_REPORT` see it all the same. Any other panic goes through. A
/// closure that breaks off leaves what it was changing as it was at that moment, as with
/// [`std::panic::catch_unwind`].
///
/// In a program that is built with `panic = "abort"` nothing can be caught, and a violation inside
/// is as one outside: by default it is printed and the process aborts. (`cargo test` builds with
/// `unwind`, whatever the profile says.)
///
/// ```
/// let sum = ffi_guard::catch(|| 1 + 1).expect("no violation");
/// assert_eq!(sum, 2);
/// ```
///
/// # Errors
/// The violation that ended the closure.
///
/// # Panics
/// With the closure's own panic, if that is not a violation.
pub fn catch<R>(body: impl FnOnce() -> R) -> Result<R, Violation> {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let _scope = Catching::enter();
        let value = body();
        deferred::tell_at_end();
        if let Some(violation) = until_catch_ends::take() {
            raise(Stop(violation), true);
        }
        value
    }));
    match outcome {
        Ok(value) => Ok(value),
        Err(payload) => {
            // One panic carries one report.
            until_catch_ends::print_all();
            let text = payload.downcast_ref::<String>().map(|text| text.as_ptr().addr());
            match text.and_then(take_in_flight) {
                Some(violation) => Err(violation),
                None => panic::resume_unwind(payload),
            }
        }
    }
}

/// Implements `expect_violation!`.
///
/// # Panics
/// If the closure ends without a violation of this rule.
#[track_caller]
pub fn expect<R>(rule: Rule, body: impl FnOnce() -> R) -> Violation {
    let level = crate::level::level();
    assert!(
        level as u8 >= rule.from_level(),
        "expected {rule}, which is checked from level {} on, but this process runs at level {level}",
        rule.from_level()
    );
    match catch(body) {
        Err(violation) if violation.rule() == rule => violation,
        Err(other) => panic!("expected {rule}, but there came another violation:\n{other}"),
        Ok(_) => panic!("expected {rule}, but no violation came"),
    }
}

/// Asserts that a block breaks a rule, and returns the [`Violation`]; otherwise panics with what
/// came instead.
///
/// ```no_run
/// # unsafe fn store(_: *mut i32) {}
/// use ffi_guard::{Rule, expect_violation};
/// let mut kept = Box::new(7);
/// let violation = expect_violation!(Rule::RetainedPointer, { unsafe { store(&mut *kept) } });
/// assert_eq!(violation.function(), Some("store"));
/// ```
#[macro_export]
macro_rules! expect_violation {
    ($rule:expr, $body:block) => {
        $crate::__private::expect($rule, || $body)
    };
    ($rule:expr, $body:expr) => {
        $crate::__private::expect($rule, || $body)
    };
}
