//! Blocks that C freed itself: `dangling_pointer` and `dangling_field`.

use std::cell::Cell;
use std::ffi::c_void;

use c_fixtures::c_blocks::{self as c, Request, Session, Untold};
use ffi_guard::{Rule, Severity, Violation, catch, expect_violation};
use ffi_guard_tests::process::{at_checked_levels, at_level, is_child, run_self, stderr};

const CODE: *const std::ffi::c_char = c"print()".as_ptr();

/// A session, and a thread of it that C has freed with it.
fn ended() -> *mut Session {
    let session = c::session_new();
    // SAFETY: a live session, ended once.
    unsafe {
        let thread = c::session_thread(session);
        c::session_close(session);
        thread
    }
}

/// What the report of freed memory of C's says at each level.
fn tells_of_cs_free(violation: &Violation) {
    let report = violation.to_string();
    assert!(report.contains(" of C's heap"), "{report}");
    assert!(report.contains("by C in a call of `session_close`"), "{report}");
    let block = violation.block().expect("the block");
    assert!(!block.is_live(), "{report}");
    if ffi_guard::level() >= ffi_guard::Level::Full {
        assert!(report.contains("C allocated: ") && report.contains("session_of"), "{report}");
        assert!(report.contains("freed: ") && report.contains("ffg_session_close"), "{report}");
    }
    let read: serde_json::Value = serde_json::from_str(&violation.to_json()).expect("an object");
    assert_eq!(read["memory"]["kind"], "c_heap", "{read}");
    assert_eq!(read["memory"]["freed_under"]["name"], "session_close", "{read}");
}

/// What the report of a word says that leads to freed memory of C's.
fn leads_to_what_c_freed(violation: &Violation) {
    let report = violation.to_string();
    assert!(report.contains("by C in a call of `session_close`"), "{report}");
    let read: serde_json::Value = serde_json::from_str(&violation.to_json()).expect("an object");
    assert_eq!(read["finding"]["target"]["kind"], "c_heap", "{read}");
}

#[test]
fn an_argument_that_c_freed_is_dangling() {
    at_checked_levels("freed::an_argument_that_c_freed_is_dangling", || {
        let thread = ended();
        // SAFETY: not sound, and that is the point: it is told before C runs.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::session_run(thread, CODE) } });
        assert_eq!(violation.message(), "`session` of `session_run` points to freed memory");
        tells_of_cs_free(&violation);
    });
}

#[test]
fn a_session_that_lives_is_not() {
    at_checked_levels("freed::a_session_that_lives_is_not", || {
        let session = c::session_new();
        // SAFETY: a live session and a live thread, ended in this order.
        let clean = catch(|| unsafe {
            let thread = c::session_thread(session);
            let runs = c::session_run(thread, CODE) + c::session_run(session, CODE);
            let request = Request { session: thread, number: 3 };
            let numbers = c::request_number(&raw const request) + c::request_number_of(request);
            assert!(c::ok_session_last(session).is_null());
            c::session_end_thread(thread);
            // Where C left a pointer to what it has freed is not C's error.
            let runs = runs + c::session_run(session, CODE);
            c::session_close(session);
            (runs, numbers)
        });
        assert_eq!(clean.expect("clean"), (25, 6));
    });
}

/// The place of a freed block may be another block by now: then nothing is known of the old one.
#[test]
fn the_same_address_as_a_new_block_is_good() {
    at_checked_levels("freed::the_same_address_as_a_new_block_is_good", || {
        let old = ended();
        // A freed block waits until more are freed than a thread keeps, or the process at level 3.
        let again = (0..70_000).map(|_| c::session_new()).find(|&session| {
            if session != old {
                // SAFETY: a live session, ended once.
                unsafe { c::session_close(session) };
            }
            session == old
        });
        assert!(again.is_some(), "the address was not used again");
        // SAFETY: a live session, ended once.
        let clean = catch(|| unsafe {
            let runs = c::session_run(old, CODE);
            c::session_close(old);
            runs
        });
        assert_eq!(clean.expect("clean"), 8);
    });
}

#[test]
fn freed_by_rust_with_cs_free() {
    at_checked_levels("freed::freed_by_rust_with_cs_free", || {
        let session = c::session_new();
        // SAFETY: not sound: it is used after this.
        let violation = expect_violation!(Rule::DanglingPointer, {
            // SAFETY: as above.
            unsafe {
                libc::free(session.cast());
                c::session_run(session, CODE)
            }
        });
        let report = violation.to_string();
        assert!(report.contains(" of C's heap") && !report.contains("by C in a call"), "{report}");
    });
}

#[test]
fn the_second_end_of_a_session() {
    at_checked_levels("freed::the_second_end_of_a_session", || {
        let session = c::session_new();
        // SAFETY: not sound: it is ended twice.
        let violation = expect_violation!(Rule::DanglingPointer, {
            // SAFETY: as above.
            unsafe {
                c::session_close(session);
                c::session_close(session);
            }
        });
        tells_of_cs_free(&violation);
    });
}

#[test]
fn a_result_that_c_freed() {
    at_checked_levels("freed::a_result_that_c_freed", || {
        let session = c::session_new();
        // SAFETY: a live session; the thread is not used after its end.
        unsafe { c::session_end_thread(c::session_thread(session)) };
        // SAFETY: a live session.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::bad_session_last(session) } });
        assert_eq!(violation.message(), "`bad_session_last` returned a pointer to freed memory");
        assert!(violation.to_string().contains("by C in a call of `session_end_thread`"), "{violation}");
    });
}

thread_local! {
    static TOLD: Cell<usize> = const { Cell::new(0) };
}

#[ffi_guard::guard]
unsafe extern "C" fn told(object: *mut c_void) {
    TOLD.set(object.addr());
}

#[test]
fn what_c_hands_to_a_callback_after_it_freed_it() {
    at_checked_levels("freed::what_c_hands_to_a_callback_after_it_freed_it", || {
        // A large block too, which has pages of its own.
        for size in [40, 4000, 3_000_000] {
            TOLD.set(0);
            // SAFETY: the callback only looks at the address.
            let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::bad_tell(size, told) } });
            assert_eq!(violation.message(), "`object` of `told` points to freed memory");
            assert!(violation.to_string().contains("by C in a call of `bad_tell`"), "{violation}");
            assert_eq!(TOLD.get(), 0, "the body ran");
            // SAFETY: as above.
            assert!(catch(|| unsafe { c::ok_tell(size, told) }).is_ok());
            assert_ne!(TOLD.get(), 0);
        }
    });
}

#[test]
fn a_field_that_leads_to_what_c_freed() {
    at_checked_levels("freed::a_field_that_leads_to_what_c_freed", || {
        let request = Request { session: ended(), number: 3 };
        // SAFETY: C reads the number alone.
        let violation = expect_violation!(Rule::DanglingField, { unsafe { c::request_number(&raw const request) } });
        assert_eq!(violation.message(), "`request` of `request_number` leads to freed memory, in `session`");
        assert_eq!(violation.severity(), Severity::Deny);
        leads_to_what_c_freed(&violation);
        let boxed = Box::new(request);
        // SAFETY: as above.
        expect_violation!(Rule::DanglingField, { unsafe { c::request_number(&raw const *boxed) } });
        // SAFETY: as above.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::request_number_of(request) } });
        leads_to_what_c_freed(&violation);
    });
}

/// C may leave a pointer behind in what it may write, and where no type says that there is one it
/// may be a number.
#[test]
fn a_field_that_c_may_have_left_there_is_a_warning_or_nothing() {
    if is_child() {
        let request = &mut Request { session: ended(), number: 3 };
        let untold = Untold { session: request.session, number: 3 };
        // SAFETY: C reads the number alone.
        unsafe {
            assert_eq!(c::request_number_mut(request), 3);
            assert_eq!(c::request_number_untold(&raw const untold), 3);
        }
        return;
    }
    let test = "freed::a_field_that_c_may_have_left_there_is_a_warning_or_nothing";
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level)]);
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("ffi-guard[dangling_field]: ").count(), 1, "{said}");
        assert!(said.contains("`request` of `request_number_mut` leads to freed memory"), "{said}");
        assert!(said.contains("whether C still reads it is not known"), "{said}");
    }
}

/// What C left in its own blocks is told of if it is asked for.
#[test]
fn what_c_left_in_its_own_block_is_told_if_it_is_asked_for() {
    at_level("freed::what_c_left_in_its_own_block_is_told_if_it_is_asked_for", "2", || {
        let session = c::session_new();
        // SAFETY: a live session; the thread is not used after its end.
        unsafe { c::session_end_thread(c::session_thread(session)) };
        // SAFETY: a live session, of which C reads the rest alone.
        assert!(catch(|| unsafe { c::session_run(session, CODE) }).is_ok());
        let violation = expect_violation!(Rule::DanglingField, {
            // SAFETY: as above.
            unsafe { c::session_run_asked(session, CODE) }
        });
        assert!(violation.to_string().contains("by C in a call of `session_end_thread`"), "{violation}");
    });
}

/// The call under which C freed is the innermost one, and on the thread that freed.
#[test]
fn the_call_under_which_c_freed_is_the_right_one() {
    thread_local! {
        static WITHIN: Cell<*mut Session> = const { Cell::new(std::ptr::null_mut()) };
    }
    #[ffi_guard::guard]
    unsafe extern "C" fn within(_object: *mut c_void) {
        // SAFETY: a live session, ended once.
        unsafe { c::session_close(WITHIN.get()) };
    }
    fn under(session: *mut Session) -> String {
        // SAFETY: not sound, and that is the point: it is told before C runs.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::session_run(session, CODE) } });
        let read: serde_json::Value = serde_json::from_str(&violation.to_json()).expect("an object");
        read["memory"]["freed_under"]["name"].as_str().unwrap_or("none").into()
    }
    at_checked_levels("freed::the_call_under_which_c_freed_is_the_right_one", || {
        WITHIN.set(c::session_new());
        // SAFETY: the callback ends a live session.
        unsafe { c::ok_tell(40, within) };
        assert_eq!(under(WITHIN.get()), "session_close", "a call in a callback of another");
        let session = c::session_new();
        // SAFETY: a live session, ended once.
        unsafe { libc::free(session.cast()) };
        assert_eq!(under(session), "none", "no call was under way");
        let session = c::session_new().expose_provenance();
        std::thread::spawn(move || {
            // SAFETY: a live session, ended once.
            unsafe { c::session_close(std::ptr::with_exposed_provenance_mut(session)) };
        })
        .join()
        .expect("it ends");
        assert_eq!(under(std::ptr::with_exposed_provenance_mut(session)), "session_close", "on another thread");
    });
}
