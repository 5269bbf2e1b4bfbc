//! A violation that unwinds, and `catch`, where it lands.

use super::in_flight;
use crate::call::scopes;
use crate::call::scopes::Catching;
use std::panic::{self, AssertUnwindSafe};

use super::breach::Stop;
use super::deferred;
use crate::facts::Violation;
use crate::platform::process;
use crate::reentry::Reentry;
use crate::report::until_catch_ends;
use crate::rule::Rule;
use crate::scan::{self, Between};

/// Unwinds with a violation: a panic whose payload is the report. Where the frame below cannot unwind (`keep_abi`), or this
/// thread is unwinding already, the report is printed and the process aborts.
#[cold]
#[track_caller]
pub(crate) fn raise(stop: Stop, can_unwind: bool) {
    let inside = Reentry::enter();
    let Stop(violation) = stop;
    let text = violation.to_string();
    // A guarded callback stops the unwinding in good order, whatever is beyond it.
    let until = [scopes::caught_at(), scopes::boundary()].into_iter().flatten().min();
    let between = scan::between(until);
    if std::thread::panicking() && in_flight::violation_in_flight() {
        // A destructor calls C on the way out of the first violation, which is being reported already: this one is
        // told, and does not cut the first one short.
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\n");
        return;
    }
    if !can_unwind || std::thread::panicking() || between == Between::Signal {
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\nffi-guard: unwinding is not possible here; the process is aborted\n");
        std::process::abort();
    }
    let silent = scopes::catching();
    if silent && (between == Between::C || cfg!(panic = "abort")) {
        // A bare callback that is no `C-unwind` ends the process here, as does any panic where the program is built so:
        // `catch` never gets what it would return.
        process::write_stderr(text.as_bytes());
        process::write_stderr(b"\n");
    }
    drop(inside);
    // From here on the text is the program's: whoever catches the panic frees it, and by that we know.
    let text = text.as_str().to_owned();
    in_flight::set_in_flight(*violation, text.as_ptr().addr());
    if silent {
        // Without the panic hook: `catch` returns what the hook would print.
        panic::resume_unwind(Box::new(text));
    }
    panic::panic_any(text)
}

/// Runs a closure and turns a violation on this thread into a value.
///
/// Inside, a denied violation neither prints nor stops the program, whatever `GUARD_ON_VIOLATION` says; the report hook and
/// `GUARD_REPORT` see it all the same. Any other panic goes through. A closure that breaks off leaves what it was changing
/// as it was at that moment, as with [`std::panic::catch_unwind`].
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
/// With the closure's own panic, where that is no violation.
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
            match text.and_then(in_flight::take_in_flight) {
                Some(violation) => Err(violation),
                None => panic::resume_unwind(payload),
            }
        }
    }
}

/// What `expect_violation!` calls.
///
/// # Panics
/// Where the closure ends without a violation of this rule.
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

/// Asserts that a block breaks a rule, and returns the [`Violation`]; prints what came instead where it does not.
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
