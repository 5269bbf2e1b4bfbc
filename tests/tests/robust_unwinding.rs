//! Calls that do not return normally: jumps, panics, violations during others, and the end of the
//! process.

use std::ffi::c_void;
use std::os::unix::process::ExitStatusExt as _;
use std::panic;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use c_fixtures::robust::{self, Pair};
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_checked_levels, at_level, end_if_stuck, is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Breaks a rule.
fn nest() {
    let number = Box::new(1_i32);
    let pair = Box::new(Pair { first: (&raw const *number).cast(), second: ptr::null() });
    // SAFETY: live boxes.
    unsafe { robust::pair_is_full(&raw const *pair) };
}

/// Runs the test again in a process of its own at both levels, and expects the report and the end
/// by abort.
fn expect_abort(test: &str, reports: usize) {
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {stderr}");
        assert_eq!(stderr.matches("ffi-guard[nested_pointer]: ").count(), reports, "level {level}: {stderr}");
    }
}

#[test]
fn jumps_out_of_c_leave_nothing_behind() {
    extern "C" fn jump(lent: *mut c_void) {
        // SAFETY: what is lent is a live number; the frames that are jumped over own nothing.
        unsafe { robust::jump(lent.cast_const().cast()) };
    }
    at_checked_levels("jumps_out_of_c_leave_nothing_behind", || {
        let number = Box::new(1_i32);
        for _ in 0..50 {
            // SAFETY: a live number.
            unsafe {
                assert_eq!(robust::catch_jump(jump, (&raw const *number).cast_mut().cast()), 1);
                assert_eq!(robust::jump_inside(&raw const *number), 1);
                assert_eq!(robust::read_one(&raw const *number), 1);
            }
        }
        expect_violation!(Rule::NestedPointer, { nest() });
        if ffi_guard::level() == ffi_guard::Level::Full {
            // The loan of the call that was left by a jump has ended: what is kept now is this
            // call's.
            expect_violation!(Rule::RetainedPointer, {
                // SAFETY: alive until it is forgotten.
                unsafe { robust::bad_keep_use(&raw const *number, 1) }
            });
            robust::forget_use(1);
        }
    });
}

mod unwinding {
    use super::Pair;

    #[ffi_guard::guard]
    unsafe extern "C-unwind" {
        #[link_name = "ffg_call_lending"]
        pub(super) fn call(value: *const i32, callback: unsafe extern "C-unwind" fn(*mut i32), user: *mut i32);
    }
    #[ffi_guard::guard(keep_abi)]
    unsafe extern "C" {
        #[link_name = "ffg_pair_is_full"]
        pub(super) fn with_cs_abi(pair: *const Pair) -> i32;
    }
}

#[test]
fn a_panic_through_c_ends_the_call() {
    unsafe extern "C-unwind" fn panics(_: *mut i32) {
        panic::resume_unwind(Box::new(17_u8));
    }
    at_checked_levels("a_panic_through_c_ends_the_call", || {
        let number = Box::new(1_i32);
        for _ in 0..20 {
            // SAFETY: live values.
            let outcome =
                panic::catch_unwind(|| unsafe { unwinding::call(&raw const *number, panics, ptr::null_mut()) });
            assert_eq!(outcome.expect_err("it panics").downcast_ref(), Some(&17_u8));
        }
        // SAFETY: a live number.
        assert_eq!(unsafe { robust::read_one(&raw const *number) }, 1);
        if ffi_guard::level() == ffi_guard::Level::Full {
            expect_violation!(Rule::RetainedPointer, {
                // SAFETY: alive until it is forgotten.
                unsafe { robust::bad_keep_use(&raw const *number, 2) }
            });
            robust::forget_use(2);
        }
    });
}

extern "C" fn nest_in_callback(_: *mut c_void) {
    nest();
}

/// Nothing unwinds out of an `extern "C"` callback: `catch` never returns, so the report must not
/// wait for it.
#[test]
fn inside_catch_a_callbacks_violation_is_told() {
    if is_child() {
        // SAFETY: the callback takes nothing.
        drop(catch(|| unsafe { robust::call(nest_in_callback, ptr::null_mut()) }));
        return;
    }
    expect_abort("inside_catch_a_callbacks_violation_is_told", 1);
}

#[test]
fn with_cs_abi_a_violation_reports_and_aborts() {
    if is_child() {
        let number = Box::new(1_i32);
        let pair = Box::new(Pair { first: (&raw const *number).cast(), second: ptr::null() });
        let function: unsafe extern "C" fn(*const Pair) -> i32 = unwinding::with_cs_abi;
        // SAFETY: live boxes.
        let _ = catch(|| unsafe { function(&raw const *pair) });
        return;
    }
    expect_abort("with_cs_abi_a_violation_reports_and_aborts", 1);
}

/// Makes a bad call on the way out.
struct Nests;
impl Drop for Nests {
    fn drop(&mut self) {
        nest();
    }
}

#[test]
fn a_violation_on_the_way_out_of_another_does_not_cut_it_short() {
    if is_child() {
        let outcome = panic::catch_unwind(|| {
            let _nests = Nests;
            nest();
        });
        let text = *outcome.expect_err("the first").downcast::<String>().expect("a report");
        assert!(text.starts_with("ffi-guard[nested_pointer]: "));
        return;
    }
    for level in ["1", "2"] {
        let test = "a_violation_on_the_way_out_of_another_does_not_cut_it_short";
        let output = run_self(test, &[("GUARD", level)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr.matches("\nffi-guard[nested_pointer]: ").count(), 2, "both are told: {stderr}");
    }
}

#[test]
fn a_violation_on_the_way_out_of_a_panic_reports_and_aborts() {
    if is_child() {
        // A violation that the program itself caught is over.
        drop(panic::catch_unwind(nest));
        let _nests = Nests;
        panic::resume_unwind(Box::new("foreign"));
    }
    expect_abort("a_violation_on_the_way_out_of_a_panic_reports_and_aborts", 2);
}

#[test]
fn catches_nest_and_are_their_threads_own() {
    at_checked_levels("catches_nest_and_are_their_threads_own", || {
        let outer = catch(|| {
            let inner = catch(nest);
            assert_eq!(inner.expect_err("the inner one").rule(), Rule::NestedPointer);
            let other = std::thread::spawn(|| panic::catch_unwind(nest).is_err()).join().expect("caught there");
            assert!(other, "the other thread's violation is no value here");
            nest();
        });
        assert_eq!(outer.expect_err("the outer one").rule(), Rule::NestedPointer);
        let foreign = panic::catch_unwind(|| catch(|| panic::resume_unwind(Box::new(5_u8))));
        assert_eq!(foreign.expect_err("goes through").downcast_ref(), Some(&5_u8));
        catch(|| 3).expect("clean");
    });
}

#[test]
fn expectations_that_fail_say_what_came() {
    fn message(f: impl FnOnce() + panic::UnwindSafe) -> String {
        *panic::catch_unwind(f).expect_err("fails").downcast::<String>().expect("text")
    }
    at_level("expectations_that_fail_say_what_came", "1", || {
        let text = message(|| drop(expect_violation!(Rule::NestedPointer, { 1 })));
        assert_eq!(text, "expected nested_pointer, but no violation came");
        let text = message(|| drop(expect_violation!(Rule::DanglingPointer, { nest() })));
        assert!(text.starts_with("expected dangling_pointer, but there came another violation:\nffi-guard[nested_p"));
        let text = message(|| drop(expect_violation!(Rule::RetainedPointer, { nest() })));
        assert!(text.contains("from level 2 on, but this process runs at level 1"), "{text}");
    });
}

#[test]
fn a_hook_is_code_like_any_other() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    // A block for each.
    #[allow(clippy::vec_box)]
    static KEPT: std::sync::Mutex<Vec<Box<i32>>> = std::sync::Mutex::new(Vec::new());
    at_checked_levels("a_hook_is_code_like_any_other", || {
        end_if_stuck();
        ffi_guard::set_report_hook(|violation| {
            let number = Box::new(4);
            // SAFETY: a live box.
            assert_eq!(unsafe { robust::read_one(&raw const *number) }, 4);
            KEPT.lock().expect("not poisoned").push(number);
            // The hook's own violations are delivered, but not to the hook.
            assert_eq!(catch(nest).expect_err("nested").rule(), violation.rule());
            if SEEN.fetch_add(1, Ordering::Relaxed) == 2 {
                panic::resume_unwind(Box::new("the hook"));
            }
        });
        for _ in 0..2 {
            expect_violation!(Rule::NestedPointer, { nest() });
        }
        let stopped = panic::catch_unwind(nest).expect_err("the hook panics");
        assert_eq!(stopped.downcast_ref(), Some(&"the hook"));
        expect_violation!(Rule::NestedPointer, { nest() });
        assert_eq!(SEEN.load(Ordering::Relaxed), 4);
        // The hook's allocations are Rust memory like any other.
        let kept = std::mem::take(&mut *KEPT.lock().expect("not poisoned"));
        let pair = Box::new(Pair { first: (&raw const *kept[0]).cast(), second: ptr::null() });
        // SAFETY: live boxes.
        expect_violation!(Rule::NestedPointer, { unsafe { robust::pair_is_full(&raw const *pair) } });
    });
}

#[test]
fn at_exit_a_violation_reports_and_aborts() {
    extern "C" fn at_exit() {
        nest();
    }
    if is_child() {
        // SAFETY: a function that lives for ever.
        unsafe { libc::atexit(at_exit) };
        return;
    }
    expect_abort("at_exit_a_violation_reports_and_aborts", 1);
}

#[test]
fn at_exit_and_before_main_clean_calls_are_clean() {
    extern "C" fn clean() {
        let number = Box::new(1_i32);
        // SAFETY: a live box.
        assert_eq!(unsafe { robust::read_one(&raw const *number) }, 1);
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    // SAFETY: the section holds pointers to functions that the loader calls.
    #[unsafe(link_section = ".init_array")]
    #[used]
    static BEFORE_MAIN: extern "C" fn() = clean;
    at_checked_levels("at_exit_and_before_main_clean_calls_are_clean", || {
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
        // SAFETY: a function that lives for ever.
        unsafe { libc::atexit(clean) };
    });
}

#[test]
fn at_a_threads_end_a_violation_reports_and_aborts() {
    thread_local!(static LAST: std::cell::RefCell<Option<Nests>> = const { std::cell::RefCell::new(None) });
    if is_child() {
        drop(std::thread::spawn(|| LAST.with(|last| last.replace(Some(Nests)))).join());
        return;
    }
    expect_abort("at_a_threads_end_a_violation_reports_and_aborts", 1);
}

#[test]
fn errno_is_cs() {
    at_checked_levels("errno_is_cs", || {
        ffi_guard::set_report_hook(|_| assert!(std::fs::metadata("/nowhere").is_err()));
        // SAFETY: this thread's own.
        let errno = unsafe { &mut *libc::__errno_location() };
        let number = Box::new(1_i32);
        for round in 1..10 {
            *errno = 40 + round;
            // SAFETY: a live box.
            assert_eq!(unsafe { robust::set_errno(round, &raw const *number) }, 40 + round, "C sees what Rust set");
            assert_eq!(*errno, round, "Rust sees what C set");
        }
        *errno = 77;
        // The first call of a thread.
        let number = &number;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // SAFETY: this thread's own; a live box.
                unsafe {
                    *libc::__errno_location() = 33;
                    assert_eq!(robust::set_errno(5, &raw const **number), 33);
                    assert_eq!(*libc::__errno_location(), 5);
                }
            });
        });
    });
}
