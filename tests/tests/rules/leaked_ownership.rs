//! leaked_ownership: memory given to C was neither freed nor handed back by the end.
//!
//! A checkpoint would report what another test gave away, so each test runs in a process of its
//! own.

use std::ffi::CString;

use c_fixtures::leaked_ownership as c;
use ffi_guard::{Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self, stderr};

fn name(text: &str) -> CString {
    CString::new(text).expect("no NUL in it")
}

#[test]
fn what_nobody_takes_back_is_told_at_the_end_and_summed() {
    const TEST: &str = "leaked_ownership::what_nobody_takes_back_is_told_at_the_end_and_summed";
    if is_child() {
        for text in ["a", "bc", "def"] {
            // SAFETY: a C string, given away.
            assert_eq!(unsafe { c::bad_open_named(name(text).into_raw()) } as usize, text.len());
        }
        // SAFETY: as above.
        unsafe { c::bad_open_named(name("at another place").into_raw()) };
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success(), "a warning: {said}");
    assert_eq!(said.matches("ffi-guard[leaked_ownership]: ").count(), 2, "once for each place that gave: {said}");
    assert!(said.contains("3 blocks given to `bad_open_named` never came back"), "{said}");
    assert!(said.contains("3 blocks with 9 bytes"), "with their NULs: {said}");
    assert!(said.contains("`name` was given to `bad_open_named` and never taken back"), "{said}");

    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ALLOW", "leaked_ownership")]);
    assert!(output.status.success() && !stderr(&output).contains("leaked_ownership"), "{}", stderr(&output));
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_DENY", "leaked_ownership")]);
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("found at exit"), "{said}");
}

#[test]
fn a_checkpoint_tells_it_once() {
    at_level("leaked_ownership::a_checkpoint_tells_it_once", "2", || {
        let given = name("given");
        let address = given.as_ptr().addr();
        let violation = expect_violation!(Rule::LeakedOwnership, {
            // SAFETY: a C string, given away.
            unsafe { c::denied::bad_open_named(given.into_raw()) };
            checkpoint();
        });
        assert_eq!((violation.function(), violation.parameter()), (Some("bad_open_named"), Some("name")));
        assert!(
            violation.block().is_some_and(|block| block.address() == address && block.size() == 6 && block.is_live())
        );
        catch(checkpoint).expect("told once");
        // SAFETY: from `into_raw`, and taken back once.
        drop(unsafe { CString::from_raw(std::ptr::with_exposed_provenance_mut(address)) });
    });
}

#[test]
fn what_c_gives_back_is_clean() {
    at_level("leaked_ownership::what_c_gives_back_is_clean", "2", || {
        catch(|| {
            // SAFETY: from `Box::into_raw`, given away, and back once.
            unsafe {
                c::adopt(Box::into_raw(Box::new(7)));
                assert_eq!(*Box::from_raw(c::release()), 7);
            }
            checkpoint();
        })
        .expect("clean");
    });
}

#[test]
fn repaired_by_lending_it() {
    at_level("leaked_ownership::repaired_by_lending_it", "2", || {
        catch(|| {
            let owner = name("lent");
            // SAFETY: a C string that lives through the call.
            assert_eq!(unsafe { c::ok_open_named(owner.as_ptr()) }, 4);
            drop(owner);
            checkpoint();
        })
        .expect("clean");
    });
}

#[test]
fn repaired_by_taking_it_back() {
    at_level("leaked_ownership::repaired_by_taking_it_back", "2", || {
        catch(|| {
            let given = name("given").into_raw();
            // SAFETY: a C string, given away, and taken back when C is done.
            unsafe {
                assert_eq!(c::denied::bad_open_named(given), 5);
                drop(CString::from_raw(given));
            }
            checkpoint();
        })
        .expect("clean");
    });
}

#[test]
fn what_a_call_under_way_was_given_is_not_told_by_its_callback() {
    at_level("leaked_ownership::what_a_call_under_way_was_given_is_not_told_by_its_callback", "2", || {
        unsafe extern "C" fn in_the_middle() {
            checkpoint();
        }
        let value = Box::into_raw(Box::new(7));
        catch(|| {
            // SAFETY: given for the call, and not kept by C; it calls back once.
            unsafe { c::denied::adopt_and_call(value, Some(in_the_middle)) };
        })
        .expect("C may give it back yet");
        // Given, and not given back when the call is over: that is reported.
        expect_violation!(Rule::LeakedOwnership, { checkpoint() });
        // SAFETY: from `into_raw`, and taken back once.
        drop(unsafe { Box::from_raw(value) });
    });
}

#[test]
fn a_child_of_a_fork_does_not_tell_its_parents_gifts() {
    const TEST: &str = "leaked_ownership::a_child_of_a_fork_does_not_tell_its_parents_gifts";
    if is_child() {
        // SAFETY: a C string, given away.
        unsafe { c::bad_open_named(name("parent's").into_raw()) };
        // SAFETY: the child ends at once, by `exit`, whose handlers tell what there is to tell.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::exit(0);
            }
            let mut status = 0;
            assert_eq!((libc::waitpid(child, &raw mut status, 0), status), (child, 0));
        }
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ffi-guard[leaked_ownership]: ").count(), 1, "{said}");
}

#[test]
fn what_hangs_on_a_gift_comes_back_with_it() {
    at_level("leaked_ownership::what_hangs_on_a_gift_comes_back_with_it", "2", || {
        let back = catch(|| {
            let inner = Box::into_raw(Box::new(5));
            // SAFETY: given away with what it leads to, and back once.
            let back = unsafe {
                c::denied::adopt_holder(Box::into_raw(Box::new(c::Holder { inner })));
                c::release_holder()
            };
            // It is Rust's again, with all that hangs on it, and not dropped yet.
            checkpoint();
            back
        });
        // SAFETY: both from `into_raw`, and taken back once.
        unsafe {
            let holder = Box::from_raw(back.expect("clean"));
            drop(Box::from_raw(holder.inner));
        }
    });
}

#[test]
fn a_later_loan_does_not_hide_the_gift() {
    at_level("leaked_ownership::a_later_loan_does_not_hide_the_gift", "2", || {
        let value = Box::into_raw(Box::new(7));
        let violation = expect_violation!(Rule::LeakedOwnership, {
            // SAFETY: given away, and used by C once more; it lives to the end of this test.
            unsafe {
                c::denied::adopt_and_call(value, None);
                c::use_adopted(value);
            }
            checkpoint();
        });
        assert_eq!(violation.function(), Some("adopt_and_call"));
        // SAFETY: from `into_raw`, and taken back once.
        drop(unsafe { Box::from_raw(value) });
    });
}
