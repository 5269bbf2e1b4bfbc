//! stale_handle: user data that Rust has released comes back from C.
//!
//! C has one subscriber for the whole process, so the tests are `serial`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};

use c_fixtures::stale_handle::{subscribe, tick, unsubscribe};
use ffi_guard::{Callback, Handle, Rule, catch, expect_violation};
use serial_test::serial;

/// The callback, which counts in the value that the user data stands for.
#[ffi_guard::guard]
unsafe extern "C" fn count(#[guard(opaque)] user: *mut c_void) {
    let _ = Handle::<AtomicU32>::with(user, |ticks| ticks.fetch_add(1, Ordering::Relaxed));
}

#[test]
#[serial(subscriber)]
fn a_handle_that_was_dropped_too_early_is_found() {
    let handle = Handle::new(AtomicU32::new(0));
    // SAFETY: what C does with the user data is what this is about.
    unsafe { subscribe(Some(count), handle.as_raw()) };
    drop(handle);
    let violation = expect_violation!(Rule::StaleHandle, { tick() });
    unsubscribe();
    let report = violation.to_string();
    assert!(
        report.starts_with("ffi-guard[stale_handle]: `raw` of `Handle::with` is a handle that was released\n"),
        "{report}"
    );
    assert!(report.contains("have C let go first"), "{report}");
}

#[test]
#[serial(subscriber)]
fn a_callback_that_was_dropped_too_early_is_found() {
    let callback = Callback::new(|| ());
    // SAFETY: as above.
    unsafe { subscribe(callback.function(), callback.data()) };
    drop(callback);
    let violation = expect_violation!(Rule::StaleHandle, { tick() });
    unsubscribe();
    assert_eq!(violation.function(), Some("Callback"));
}

#[test]
#[serial(subscriber)]
fn a_handle_that_lives_until_c_lets_go_is_clean() {
    let handle = Handle::new(AtomicU32::new(0));
    let ticks = catch(|| {
        // SAFETY: C lets go of it below.
        unsafe { subscribe(Some(count), handle.as_raw()) };
        tick();
        tick();
        unsubscribe();
        Handle::<AtomicU32>::with(handle.as_raw(), |ticks| ticks.load(Ordering::Relaxed))
    });
    assert_eq!(ticks.expect("clean").expect("alive"), 2);
}

#[test]
#[serial(subscriber)]
fn repaired_by_giving_it_away_and_taking_it_back() {
    let ticks = catch(|| {
        let raw = Handle::new(AtomicU32::new(0)).into_raw();
        // SAFETY: C lets go of it below.
        unsafe { subscribe(Some(count), raw) };
        tick();
        unsubscribe();
        Handle::<AtomicU32>::take(raw)
    });
    assert_eq!(ticks.expect("clean").expect("parked").into_inner(), 1);
}

#[test]
#[serial(subscriber)]
fn repaired_by_unsubscribing_first() {
    let outcome = catch(|| {
        let callback = Callback::new(|| ());
        // SAFETY: C lets go of it below.
        unsafe { subscribe(callback.function(), callback.data()) };
        tick();
        unsubscribe();
        drop(callback);
        tick();
    });
    outcome.expect("clean");
}
