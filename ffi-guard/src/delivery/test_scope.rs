//! A test's scope: what its thread lends, and C keeps, is told at its end, and not to another test.

use std::panic::{self, AssertUnwindSafe};

use super::breach::Stop;
use super::deferred;
use super::raise::{raise, take_in_flight};
use crate::call::scopes::{Catching, TestOpen};
use crate::facts::Violation;
use crate::level::{Level, level};
use crate::platform::process;
use crate::reentry::Reentry;
use crate::report;
use crate::retention::untold;

/// A test that is open on the calling thread until this is dropped.
pub(crate) struct TestScope {
    _open: TestOpen,
}

impl TestScope {
    /// Opens a test. `alone`: the process runs nothing else, so that what other threads lend is
    /// this test's too.
    pub(crate) fn begin(alone: bool) -> TestScope {
        untold::begin_test(alone);
        TestScope { _open: TestOpen::enter() }
    }

    /// Ends the test with a checkpoint. Returns what it finds and is denied; the rest is told as
    /// the settings say.
    pub(crate) fn end(self) -> Vec<Violation> {
        deferred::settle_test()
    }
}

impl Drop for TestScope {
    fn drop(&mut self) {
        untold::end_test();
    }
}

/// Unwinds with the first of these violations, after the others were printed: one panic carries one
/// report.
#[track_caller]
pub(crate) fn raise_all(found: Vec<Violation>) {
    let mut found = found.into_iter();
    if let Some(first) = found.next() {
        print_all(found);
        raise(Stop(Box::new(first)), true);
    }
}

/// Prints these violations.
pub(crate) fn print_all(found: impl IntoIterator<Item = Violation>) {
    found.into_iter().for_each(|violation| report::print(&violation));
}

/// Implements `assert_clean!`.
///
/// # Panics
///
/// With all reports, if anything was found while the closure ran, or by the checkpoint at its end.
#[track_caller]
pub fn assert_clean<R>(body: impl FnOnce() -> R) -> R {
    if level() < Level::Full {
        process::say(format_args!(
            "assert_clean! at level {}: what C keeps is looked for from level 2 on",
            level() as u8
        ));
    }
    if crate::call::scopes::in_test() {
        // What the test has left before is not this block's.
        raise_all(deferred::settle_test());
    }
    let scope = TestScope::begin(untold::is_alone());
    let mut found = Vec::new();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let _asserting = Catching::asserting();
        body()
    }));
    let outcome = outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(|text| text.as_ptr().addr());
        match text.and_then(take_in_flight) {
            Some(violation) => found.push(violation),
            None => return Some(payload),
        }
        None
    });
    {
        let _asserting = Catching::asserting();
        found.extend(scope.end());
    }
    match outcome {
        Ok(value) if found.is_empty() => value,
        Err(Some(panic)) => {
            print_all(found);
            panic::resume_unwind(panic)
        }
        Ok(_) | Err(None) => {
            let inside = Reentry::enter();
            let reports = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            let number = match found.len() {
                1 => "1 violation".to_owned(),
                number => format!("{number} violations"),
            };
            drop(inside);
            panic!("assert_clean!: {number} in the block\n{reports}")
        }
    }
}
