//! split_library: a library is another version than its declarations. Two copies of one library are
//! in `tests/split`, whose programs are linked in ways of their own.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use c_fixtures::split_library::{bad_meter_add, bad_meter_version, ok_meter_add, ok_meter_version};
use ffi_guard::{Rule, catch, expect_violation, guard};

/// Calls pass while another thread asks: each test of these functions has them for itself.
static METER: Mutex<()> = Mutex::new(());

/// How often the conditions below were asked.
static ASKED: AtomicUsize = AtomicUsize::new(0);

fn counted(version: c_int) -> c_int {
    ASKED.fetch_add(1, Ordering::Relaxed);
    version
}

mod plain {
    use super::{c_int, counted, guard};

    /// Of this crate, and not a comparison.
    const KNOWN: [c_int; 2] = [1, 2];

    #[guard(version = KNOWN.contains(&counted(version())))]
    unsafe extern "C" {
        #[link_name = "ffg_ok_meter_version"]
        pub(super) safe fn version() -> c_int;
        #[link_name = "ffg_ok_meter_add"]
        pub(super) safe fn add(by: c_int) -> c_int;
    }

    #[guard(version = "!KNOWN.contains(&version_again())", warn(split_library))]
    unsafe extern "C" {
        #[link_name = "ffg_ok_meter_version"]
        pub(super) safe fn version_again() -> c_int;
        #[link_name = "ffg_ok_meter_add"]
        pub(super) safe fn add_again(by: c_int) -> c_int;
    }

    #[guard(version = "version_allowed() == 7", allow(split_library))]
    unsafe extern "C" {
        #[link_name = "ffg_ok_meter_version"]
        pub(super) safe fn version_allowed() -> c_int;
    }
}

#[test]
fn violating_another_version_than_was_declared() {
    let _alone = METER.lock().unwrap_or_else(PoisonError::into_inner);
    // At each call, of whichever function.
    for _ in 0..2 {
        let violation = expect_violation!(Rule::SplitLibrary, bad_meter_add(1));
        let text = violation.to_string();
        for words in [
            "`bad_meter_add`: its library is not the declared version",
            "`bad_meter_version() == METER_VERSION` does not hold",
            "in C: it is 2",
            "help: link the version that the declarations are of",
        ] {
            assert!(text.contains(words), "{words} is not in:\n{text}");
        }
    }
    expect_violation!(Rule::SplitLibrary, bad_meter_version());
}

#[test]
fn nearest_correct_a_version_that_will_do() {
    catch(|| {
        assert_eq!(ok_meter_version(), 2);
        assert!(ok_meter_add(1) >= 1);
    })
    .expect("clean");
}

#[test]
fn repaired_by_declaring_the_version_that_is_linked() {
    let _alone = METER.lock().unwrap_or_else(PoisonError::into_inner);
    expect_violation!(Rule::SplitLibrary, bad_meter_add(1));
    catch(|| ok_meter_add(1)).expect("clean");
}

#[test]
fn a_condition_is_asked_once() {
    catch(|| {
        assert_eq!(plain::version(), 2);
        plain::add(1);
        plain::add(1);
    })
    .expect("clean");
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);
}

#[test]
fn a_warning_lets_the_calls_go_on_and_allow_asks_nothing() {
    catch(|| {
        assert_eq!(plain::version_again(), 2);
        plain::add_again(1);
        assert_eq!(plain::version_allowed(), 2);
    })
    .expect("no more than a warning");
}
