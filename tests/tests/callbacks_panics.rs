//! Panics in callbacks: parked at the boundary, resumed when the outermost guarded call returns.

// One C function, called with callbacks of two ABIs.
#![allow(clashing_extern_declarations)]

use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use c_fixtures::callbacks::{
    Two, bare, call_two, each, each_on_thread, each_then, each_to_the_end, fire, fire_at_exit, register_step,
};
use ffi_guard::{Rule, catch, guard};
use ffi_guard_tests::process::{at_checked_levels, is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A payload that only these tests use.
#[derive(Debug, PartialEq, Eq)]
struct Mine(i32);

/// Adds the call to the vector that `user` points to.
unsafe fn seen(user: *mut c_void, number: i32) {
    // SAFETY: each test hands its own vector on.
    unsafe { &mut *user.cast::<Vec<i32>>() }.push(number);
}

#[guard(on_panic = 1)]
unsafe extern "C" fn panics_at_three(user: *mut c_void, number: i32) -> i32 {
    // SAFETY: as for `seen`.
    unsafe { seen(user, number) };
    if number == 3 {
        panic::panic_any(Mine(number));
    }
    0
}

fn user(calls: &mut Vec<i32>) -> *mut c_void {
    ptr::from_mut(calls).cast()
}

/// The payload that a closure panics with.
fn payload<R>(body: impl FnOnce() -> R) -> Box<dyn std::any::Any + Send> {
    catch_unwind(AssertUnwindSafe(body)).err().expect("it panics")
}

#[test]
fn the_payload_arrives_as_it_was_thrown_and_c_stopped() {
    at_checked_levels("the_payload_arrives_as_it_was_thrown_and_c_stopped", || {
        for _ in 0..20 {
            let mut calls = Vec::new();
            // SAFETY: the vector outlives the call.
            let thrown = payload(|| unsafe { each(panics_at_three, user(&mut calls), 10) });
            assert_eq!(thrown.downcast_ref(), Some(&Mine(3)));
            assert_eq!(calls, [0, 1, 2, 3], "C was told to stop");
            // Nothing is left over: the next call is clean.
            // SAFETY: as above.
            assert_eq!(unsafe { each(panics_at_three, user(&mut calls), 3) }, 3);
        }
    });
}

#[test]
fn the_message_and_the_hook_are_the_panics_own() {
    static HOOKED: AtomicUsize = AtomicUsize::new(0);
    #[guard]
    unsafe extern "C" fn says(_: *mut c_void, number: i32) -> i32 {
        panic!("number {number}")
    }
    at_checked_levels("the_message_and_the_hook_are_the_panics_own", || {
        panic::set_hook(Box::new(|info| {
            assert_eq!(info.location().expect("a place").file(), file!());
            HOOKED.fetch_add(1, Ordering::Relaxed);
        }));
        // SAFETY: the callback takes nothing.
        let thrown = payload(|| unsafe { each(says, ptr::null_mut(), 1) });
        drop(panic::take_hook());
        assert_eq!(thrown.downcast_ref::<String>().map(String::as_str), Some("number 0"));
        assert_eq!(HOOKED.load(Ordering::Relaxed), 1, "the hook runs where it is thrown, and there alone");
    });
}

#[test]
fn without_a_word_c_gets_the_default() {
    #[guard]
    unsafe extern "C" fn panics(user: *mut c_void, number: i32) -> i32 {
        // SAFETY: as for `seen`.
        unsafe { seen(user, number) };
        if number == 0 { panic::resume_unwind(Box::new(Mine(0))) } else { 0 }
    }
    #[guard]
    unsafe extern "C" fn two(_: Two) -> Two {
        panic::resume_unwind(Box::new(Mine(2)))
    }
    at_checked_levels("without_a_word_c_gets_the_default", || {
        let mut calls = Vec::new();
        // SAFETY: the vector outlives the call.
        let thrown = payload(|| unsafe { each(panics, user(&mut calls), 3) });
        assert_eq!(thrown.downcast_ref(), Some(&Mine(0)));
        assert_eq!(calls, [0, 1, 2], "0 lets C go on, and other callbacks run as ever");
        // SAFETY: two numbers.
        assert_eq!(payload(|| unsafe { call_two(two, 1, 2) }).downcast_ref(), Some(&Mine(2)));
    });
}

#[test]
fn what_c_still_has_to_call_runs() {
    unsafe extern "C" fn bare_last(user: *mut c_void, made: i32) -> i32 {
        // SAFETY: as for `seen`.
        unsafe { seen(user, 100 + made) };
        0
    }
    #[guard]
    unsafe extern "C" fn guarded_last(user: *mut c_void, made: i32) -> i32 {
        // SAFETY: as for `seen`.
        unsafe { seen(user, 100 + made) };
        0
    }
    at_checked_levels("what_c_still_has_to_call_runs", || {
        for last in [bare_last as c_fixtures::callbacks::Step, guarded_last] {
            let mut calls = Vec::new();
            // SAFETY: the vector outlives the call.
            let thrown = payload(|| unsafe { each_then(panics_at_three, last, user(&mut calls), 10) });
            assert_eq!(thrown.downcast_ref(), Some(&Mine(3)));
            assert_eq!(calls, [0, 1, 2, 3, 104], "destructors run");
        }
    });
}

/// Rust -> C -> Rust -> C -> Rust panics.
#[test]
fn it_comes_out_of_the_outermost_call_once() {
    static AFTER: AtomicUsize = AtomicUsize::new(0);
    #[guard]
    unsafe extern "C" fn middle(user: *mut c_void, number: i32) -> i32 {
        // SAFETY: the user data is handed on.
        let made = unsafe { each(panics_at_three, user, 10) };
        assert_eq!(made, 4);
        AFTER.fetch_add(1, Ordering::Relaxed);
        number + 1
    }
    unsafe extern "C" fn bare_middle(user: *mut c_void, number: i32) -> i32 {
        // SAFETY: as above.
        unsafe { middle(user, number) }
    }
    at_checked_levels("it_comes_out_of_the_outermost_call_once", || {
        // The calls in between need not be guarded: nothing unwinds through them.
        for middle in [middle as c_fixtures::callbacks::Step, bare_middle] {
            AFTER.store(0, Ordering::Relaxed);
            let mut calls = Vec::new();
            // SAFETY: the vector outlives the call.
            let thrown = payload(|| unsafe { each(middle, user(&mut calls), 10) });
            assert_eq!(thrown.downcast_ref(), Some(&Mine(3)));
            assert_eq!(calls, [0, 1, 2, 3]);
            assert_eq!(AFTER.load(Ordering::Relaxed), 1, "the callback in the middle ends as C's call ended");
        }
    });
}

#[test]
fn the_first_of_several_panics_wins_and_the_others_are_told() {
    #[guard]
    unsafe extern "C" fn panics(_: *mut c_void, number: i32) -> i32 {
        panic::resume_unwind(Box::new(format!("panic {number}")))
    }
    if is_child() {
        // SAFETY: the callback takes nothing.
        let thrown = payload(|| unsafe { each_to_the_end(panics, ptr::null_mut(), 3) });
        assert_eq!(thrown.downcast_ref::<String>().map(String::as_str), Some("panic 0"));
        return;
    }
    for level in ["1", "2"] {
        let output = run_self("the_first_of_several_panics_wins_and_the_others_are_told", &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert!(output.status.success(), "{stderr}");
        for later in ["panic 1", "panic 2"] {
            assert_eq!(stderr.matches(&format!("the later one is dropped: {later}\n")).count(), 1, "{stderr}");
        }
    }
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_ends_nothing() {
    struct Thorny;
    impl Drop for Thorny {
        fn drop(&mut self) {
            panic::resume_unwind(Box::new("thorn"));
        }
    }
    #[guard]
    unsafe extern "C" fn panics(_: *mut c_void, number: i32) -> i32 {
        if number == 0 {
            panic::resume_unwind(Box::new(Mine(0)));
        }
        panic::resume_unwind(Box::new(Thorny))
    }
    at_checked_levels("a_payload_that_panics_when_it_is_dropped_ends_nothing", || {
        // SAFETY: the callback takes nothing.
        let thrown = payload(|| unsafe { each_to_the_end(panics, ptr::null_mut(), 3) });
        assert_eq!(thrown.downcast_ref(), Some(&Mine(0)));
    });
}

mod letting_through {
    use std::ffi::c_void;

    pub(super) type Step = unsafe extern "C-unwind" fn(*mut c_void, i32) -> i32;

    // One symbol is declared twice, and the compiler assumes of one what it knows about the other,
    // so only this one is called when a panic goes through C.
    unsafe extern "C-unwind" {
        pub(super) fn ffg_call_each(step: Step, user: *mut c_void, rounds: i32) -> i32;
    }
    #[ffi_guard::guard]
    unsafe extern "C-unwind" {
        #[link_name = "ffg_call_each_to_the_end"]
        pub(super) fn guarded(step: Step, #[guard(opaque)] user: *mut c_void, rounds: i32) -> i32;
    }

    #[ffi_guard::guard(on_panic = 1)]
    pub(super) unsafe extern "C-unwind" fn panics(user: *mut c_void, number: i32) -> i32 {
        // SAFETY: as for `seen`.
        unsafe { super::seen(user, number) };
        std::panic::resume_unwind(Box::new(super::Mine(number)))
    }
}

#[test]
fn where_the_abi_lets_it_through_it_still_waits_for_a_guarded_call() {
    at_checked_levels("where_the_abi_lets_it_through_it_still_waits_for_a_guarded_call", || {
        let mut calls = Vec::new();
        // SAFETY: the vector outlives the call.
        let thrown = payload(|| unsafe { letting_through::guarded(letting_through::panics, user(&mut calls), 1) });
        assert_eq!(thrown.downcast_ref(), Some(&Mine(0)));
        // With none below it goes the language's way: out of C.
        // SAFETY: as above.
        let thrown =
            payload(|| unsafe { letting_through::ffg_call_each(letting_through::panics, user(&mut calls), 9) });
        assert_eq!(thrown.downcast_ref(), Some(&Mine(0)));
        assert_eq!(calls, [0, 0]);
    });
}

#[test]
fn a_callback_is_a_function_like_any_other() {
    at_checked_levels("a_callback_is_a_function_like_any_other", || {
        let mut calls = Vec::new();
        let function: unsafe extern "C" fn(*mut c_void, i32) -> i32 = panics_at_three;
        // SAFETY: the vector outlives the call.
        assert_eq!(unsafe { function(user(&mut calls), 1) }, 0);
        // SAFETY: as above.
        assert_eq!(unsafe { panics_at_three(user(&mut calls), 2) }, 0);
        assert_eq!(calls, [1, 2]);
    });
}

/// Runs the test again in a process of its own, at both levels, and expects the line and the end by
/// abort.
fn expect_abort(test: &str, line: &str) {
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {stderr}");
        assert_eq!(stderr.matches(line).count(), 1, "level {level}: {stderr}");
    }
}

#[test]
fn with_no_guarded_call_below_it_aborts_with_a_line() {
    if is_child() {
        let mut calls = Vec::new();
        // A guarded call that is over does not count.
        // SAFETY: the vector outlives the calls.
        assert_eq!(unsafe { each(panics_at_three, user(&mut calls), 2) }, 2);
        // SAFETY: as above.
        unsafe { bare::ffg_call_each(panics_at_three, user(&mut calls), 10) };
        return;
    }
    expect_abort(
        "with_no_guarded_call_below_it_aborts_with_a_line",
        "ffi-guard: `panics_at_three`, which C called, panicked, and no guarded call of this thread is below it",
    );
}

#[test]
fn on_a_thread_that_c_made_it_aborts_with_a_line() {
    if is_child() {
        let mut calls = Vec::new();
        // The guarded call waits on another thread, where the panic cannot go.
        // SAFETY: the vector outlives the call.
        unsafe { each_on_thread(panics_at_three, user(&mut calls), 10) };
        return;
    }
    expect_abort(
        "on_a_thread_that_c_made_it_aborts_with_a_line",
        "ffi-guard: `panics_at_three`, which C called, panicked, and no guarded call of this thread is below it",
    );
}

#[test]
fn on_a_thread_that_c_made_a_callback_is_clean() {
    at_checked_levels("on_a_thread_that_c_made_a_callback_is_clean", || {
        let mut calls = Vec::new();
        // SAFETY: the vector outlives the call, and is not used otherwise meanwhile.
        assert_eq!(unsafe { each_on_thread(panics_at_three, user(&mut calls), 3) }, 3);
        assert_eq!(calls, [0, 1, 2]);
    });
}

mod with_cs_abi {
    use c_fixtures::callbacks::Step;

    #[ffi_guard::guard(keep_abi)]
    unsafe extern "C" {
        #[link_name = "ffg_call_each_to_the_end"]
        pub(super) fn each(step: Step, #[guard(opaque)] user: *mut std::ffi::c_void, rounds: i32) -> i32;
    }
}

#[test]
fn out_of_a_call_with_cs_abi_it_aborts_with_a_line() {
    if is_child() {
        let mut calls = Vec::new();
        // SAFETY: the vector outlives the call.
        unsafe { with_cs_abi::each(panics_at_three, user(&mut calls), 4) };
        return;
    }
    expect_abort(
        "out_of_a_call_with_cs_abi_it_aborts_with_a_line",
        "cannot go on from `each`: it is declared `keep_abi`",
    );
}

#[test]
fn what_c_is_to_get_panics_as_well() {
    #[guard(on_panic = panic!("nor this"))]
    unsafe extern "C" fn hopeless(_: *mut c_void, _: i32) -> i32 {
        panic!("this");
    }
    if is_child() {
        // SAFETY: the callback takes nothing.
        unsafe { each(hopeless, ptr::null_mut(), 1) };
        return;
    }
    expect_abort(
        "what_c_is_to_get_panics_as_well",
        "ffi-guard: `hopeless` panicked, and so did what C was to get instead (`on_panic`)",
    );
}

#[test]
fn when_the_process_ends_a_clean_one_is_clean_and_a_panic_aborts() {
    #[guard]
    unsafe extern "C" fn quiet(_: *mut c_void, number: i32) -> i32 {
        number
    }
    if is_child() {
        let quiet_or_not = if std::env::var_os("FFI_GUARD_TESTS_LOUD").is_some() { says } else { quiet };
        // SAFETY: the callbacks take nothing.
        unsafe { register_step(Some(quiet_or_not), ptr::null_mut()) };
        fire_at_exit();
        return;
    }
    #[guard]
    unsafe extern "C" fn says(_: *mut c_void, _: i32) -> i32 {
        panic!("at the end");
    }
    let test = "when_the_process_ends_a_clean_one_is_clean_and_a_panic_aborts";
    for level in ["1", "2"] {
        assert!(run_self(test, &[("GUARD", level)]).status.success());
        let output = run_self(test, &[("GUARD", level), ("FFI_GUARD_TESTS_LOUD", "1")]);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", stderr(&output));
        assert!(stderr(&output).contains("`says`, which C called, panicked"), "{}", stderr(&output));
    }
}

/// At level 0 the guard does nothing: a panic in an `extern "C"` function aborts, as the language
/// defines.
#[test]
fn at_level_0_the_language_decides() {
    if is_child() {
        let mut calls = Vec::new();
        // SAFETY: the vector outlives the call.
        assert_eq!(unsafe { each(panics_at_three, user(&mut calls), 3) }, 3);
        // SAFETY: as above.
        drop(catch_unwind(AssertUnwindSafe(|| unsafe { each(panics_at_three, user(&mut calls), 10) })));
        return;
    }
    let output = run_self("at_level_0_the_language_decides", &[("GUARD", "0")]);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    assert!(stderr(&output).contains("panic in a function that cannot unwind"), "{}", stderr(&output));
}

#[guard]
unsafe extern "C" fn violates(_: *mut c_void, _: c_int) -> c_int {
    let freed = Box::into_raw(Box::new(1_i32));
    // SAFETY: from `Box::into_raw`; what is done with it after this is the violation.
    unsafe {
        drop(Box::from_raw(freed));
        fire_with(freed.cast());
    }
    0
}

/// Hands C a pointer.
///
/// # Safety
/// - None: C only keeps it, and is told to forget it.
unsafe fn fire_with(user: *mut c_void) {
    // SAFETY: as promised.
    unsafe { register_step(None, user) };
}

#[test]
fn a_violation_in_a_callback_gets_to_the_catch_around_the_call() {
    at_checked_levels("a_violation_in_a_callback_gets_to_the_catch_around_the_call", || {
        for _ in 0..3 {
            // SAFETY: the callback takes nothing.
            let violation = catch(|| unsafe { each(violates, ptr::null_mut(), 1) }).expect_err("a violation");
            assert_eq!(violation.rule(), Rule::DanglingPointer);
            assert_eq!(violation.function(), Some("register_step"));
            // A panic that is no violation goes through `catch`.
            let mut calls = Vec::new();
            // SAFETY: the vector outlives the call.
            let thrown = payload(|| catch(|| unsafe { each(panics_at_three, user(&mut calls), 4) }));
            assert_eq!(thrown.downcast_ref(), Some(&Mine(3)));
        }
        // Without `catch` it is a panic that carries the report.
        // SAFETY: as above.
        let thrown = payload(|| unsafe { each(violates, ptr::null_mut(), 1) });
        let text = thrown.downcast_ref::<String>().expect("a report");
        assert!(text.starts_with("ffi-guard[dangling_pointer]: "), "{text}");
    });
}

#[test]
fn a_violation_that_waits_is_not_taken_for_another() {
    #[guard]
    unsafe extern "C" fn last(_: *mut c_void, _: i32) -> i32 {
        let freed = Box::into_raw(Box::new(2_i64));
        // SAFETY: as in `violates`.
        let inner = catch(|| unsafe {
            drop(Box::from_raw(freed));
            fire_with(freed.cast());
        });
        assert_eq!(inner.expect_err("its own").block().map(|block| block.size()), Some(8));
        0
    }
    at_checked_levels("a_violation_that_waits_is_not_taken_for_another", || {
        // SAFETY: the callbacks take nothing.
        let outer = catch(|| unsafe { each_then(violates, last, ptr::null_mut(), 1) });
        assert_eq!(outer.expect_err("the first one").block().map(|block| block.size()), Some(4));
    });
}

#[test]
fn a_catch_within_a_callback_is_not_promised_what_comes_out_beyond_it() {
    #[guard]
    unsafe extern "C" fn middle(_: *mut c_void, _: i32) -> i32 {
        // SAFETY: the callback takes nothing.
        assert!(catch(|| unsafe { each(violates, ptr::null_mut(), 1) }).is_ok(), "it comes out of the outermost call");
        0
    }
    if is_child() {
        // SAFETY: as above.
        let thrown = payload(|| unsafe { each(middle, ptr::null_mut(), 1) });
        assert!(thrown.downcast_ref::<String>().expect("a report").starts_with("ffi-guard[dangling_pointer]: "));
        return;
    }
    for level in ["1", "2"] {
        let test = "a_catch_within_a_callback_is_not_promised_what_comes_out_beyond_it";
        let output = run_self(test, &[("GUARD", level)]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output).matches("ffi-guard[dangling_pointer]: ").count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn inside_catch_with_no_guarded_call_below_it_is_told_before_the_end() {
    if is_child() {
        // SAFETY: the callback takes nothing.
        drop(catch(|| unsafe { bare::ffg_call_each(violates, ptr::null_mut(), 1) }));
        return;
    }
    expect_abort("inside_catch_with_no_guarded_call_below_it_is_told_before_the_end", "ffi-guard[dangling_pointer]: ");
}

#[test]
fn late_and_recursive_and_repeated_calls() {
    #[guard]
    unsafe extern "C" fn down(user: *mut c_void, number: i32) -> i32 {
        // SAFETY: as for `seen`.
        unsafe { seen(user, number) };
        if number == 0 {
            panic::panic_any(Mine(-1));
        }
        // SAFETY: it is registered.
        unsafe { fire(number - 1) }
    }
    at_checked_levels("late_and_recursive_and_repeated_calls", || {
        let mut calls: Box<Vec<i32>> = Box::default();
        // SAFETY: the vector lives until C is told to forget it.
        unsafe { register_step(Some(down), user(&mut calls)) };
        for _ in 0..2 {
            // SAFETY: as above.
            assert_eq!(payload(|| unsafe { fire(5) }).downcast_ref(), Some(&Mine(-1)));
            assert_eq!(std::mem::take(&mut *calls), [5, 4, 3, 2, 1, 0]);
        }
        // SAFETY: as above.
        unsafe { register_step(None, ptr::null_mut()) };
    });
}

#[test]
fn threads_keep_their_panics_apart() {
    at_checked_levels("threads_keep_their_panics_apart", || {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut calls = Vec::new();
                        // SAFETY: the vector outlives the call.
                        let thrown = payload(|| unsafe { each(panics_at_three, user(&mut calls), 10) });
                        assert_eq!(thrown.downcast_ref(), Some(&Mine(3)));
                        assert_eq!(calls.len(), 4);
                    }
                });
            }
        });
    });
}
