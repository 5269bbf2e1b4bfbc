//! `Callback`: closures that C calls late, twice, from other threads, after their end, recursively,
//! and at exit.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::os::unix::process::ExitStatusExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use c_fixtures::closures::{self, arity};
use ffi_guard::callback::{AnyThread, Callback};
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_level, at_levels, is_child, run_self, stderr};
use serial_test::serial;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// C has one callback for the whole process: a test that registers one is `serial` or has the
/// process to itself, and takes it from C at the end.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        closures::forget();
    }
}

/// Declared bare, as in a program without the guard.
mod bare {
    use super::{c_int, c_void};

    unsafe extern "C" {
        #[link_name = "ffg_event_now"]
        pub(super) fn now(
            callback: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>,
            user: *mut c_void,
            event: c_int,
        ) -> c_int;
    }
}

#[test]
fn every_number_of_arguments_with_the_user_data_first_and_last() {
    at_levels("every_number_of_arguments_with_the_user_data_first_and_last", &["0", "1", "2"], || {
        let mut total: c_long = 0;
        macro_rules! both {
            ($first:ident, $last:ident, $sum:expr, $closure:expr) => {{
                let callback = Callback::new($closure);
                // SAFETY: the callback's own pair, used during the call.
                total += unsafe {
                    assert_eq!(arity::$first(callback.function(), callback.data()), $sum);
                    arity::$last(callback.function_last(), callback.data())
                };
            }};
        }
        both!(first_0, last_0, 7, || -> c_long { 7 });
        both!(first_1, last_1, 1, |a: c_int| c_long::from(a));
        both!(first_2, last_2, 3, |a: c_int, b: f64| c_long::from(a) + b as c_long);
        both!(first_3, last_3, 6, |a: c_int, b: f64, c: *const c_char| {
            // SAFETY: C passes a string.
            let c: c_long = unsafe { CStr::from_ptr(c) }.to_str().unwrap().parse().unwrap();
            c_long::from(a) + b as c_long + c
        });
        both!(first_4, last_4, 1234, |a: c_int, b: c_int, c: c_int, d: c_int| c_long::from(
            a * 1000 + b * 100 + c * 10 + d
        ));
        both!(first_5, last_5, 15, |a: c_int, b: c_int, c: c_int, d: c_int, e: c_int| c_long::from(a + b + c + d + e));
        both!(first_6, last_6, 21, |a: c_int, b: c_int, c: c_int, d: c_int, e: c_int, f: f64| {
            c_long::from(a + b + c + d + e) + f as c_long
        });
        assert_eq!(total, 7 + 1 + 3 + 6 + 1234 + 15 + 21);
    });
}

#[test]
#[serial(registered)]
fn c_calls_late_and_twice() {
    let _forget = Forget;
    let mut events = Vec::new();
    Callback::scoped(
        |event: c_int| -> c_int {
            events.push(event);
            event
        },
        |callback| {
            // SAFETY: the pair is the callback's own, and C lets go of it below.
            unsafe { closures::register(callback.function(), callback.data()) };
            assert_eq!(closures::fire(1), 1);
            assert_eq!(closures::fire_twice(2), 4);
            closures::forget();
        },
    );
    assert_eq!(events, [1, 2, 2]);
}

/// A callback as a struct holds it.
type OnEvent = Callback<fn(c_int) -> c_int>;

/// A wrapper type as programs have them: the callback beside what it is registered with.
struct Listener {
    callback: OnEvent,
}

impl Listener {
    fn new(f: impl FnMut(c_int) -> c_int + 'static) -> Listener {
        let callback = Callback::new(f);
        // SAFETY: the pair is the callback's own; the drop takes it from C.
        unsafe { closures::register(callback.function(), callback.data()) };
        Listener { callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        closures::forget();
    }
}

#[test]
#[serial(registered)]
fn a_struct_may_hold_one() {
    let _forget = Forget;
    let sum = Rc::new(Cell::new(0));
    let seen = Rc::clone(&sum);
    let listener = Listener::new(move |event| seen.replace(seen.get() + event));
    assert_eq!(closures::fire_twice(5), 5);
    assert!(format!("{:?}", listener.callback).starts_with("Callback(0x8040"));
    drop(listener);
    assert_eq!((sum.get(), Rc::strong_count(&sum)), (10, 1), "the closure went with it");
    assert_eq!(closures::fire(1), -1);
}

#[test]
#[serial(registered)]
fn a_call_after_the_end_is_told_with_who_made_and_who_dropped_it() {
    fn end_of_the_callback(callback: OnEvent) {
        drop(callback);
    }
    let _forget = Forget;
    let ran = Rc::new(Cell::new(0));
    let runs = Rc::clone(&ran);
    let line = line!() + 1;
    let callback = Callback::new(move |_: c_int| -> c_int { runs.replace(runs.get() + 1) });
    // SAFETY: not sound if an address were behind it: C keeps it beyond its end.
    unsafe { closures::register(callback.function(), callback.data()) };
    assert_eq!(closures::fire(1), 0);
    end_of_the_callback(callback);
    let violation = expect_violation!(Rule::StaleHandle, { closures::fire(2) });
    assert_eq!(ran.get(), 1);
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[stale_handle]: C called a callback after it was dropped\n"), "{report}");
    let beat = |key: &str| {
        let beat = report.lines().find(|text| text.trim_start().starts_with(&format!("{key}: ")));
        beat.unwrap_or_else(|| panic!("no {key}:\n{report}"))
    };
    assert!(beat("made").contains(&format!("tools_callback.rs:{line}:")), "{report}");
    // The places, of which `serial_test`'s is the longest, leave the name as much room as there is.
    assert!(beat("dropped").contains("end_of_the_ca"), "{report}");
    assert!(beat("called by C").contains("ffg_event_fire"), "{report}");
}

#[test]
#[serial(registered)]
fn the_repair_of_the_report_is_clean() {
    let _forget = Forget;
    let callback = Callback::new(|event: c_int| -> c_int { event });
    let outcome = catch(|| {
        // SAFETY: C lets go of the pair before the callback is dropped.
        unsafe { closures::register(callback.function(), callback.data()) };
        let answer = closures::fire(3);
        closures::forget();
        drop(callback);
        (answer, closures::fire(4))
    });
    assert_eq!(outcome.expect("clean"), (3, -1));
}

#[test]
#[serial(registered)]
fn the_last_1000_are_remembered() {
    let _forget = Forget;
    let first = Callback::new(|_: c_int| -> c_int { 0 });
    // SAFETY: as above, C keeps it beyond its end.
    unsafe { closures::register(first.function(), first.data()) };
    drop(first);
    for _ in 0..999 {
        drop(Callback::new(|_: c_int| -> c_int { 0 }));
    }
    let report = expect_violation!(Rule::StaleHandle, { closures::fire(0) }).to_string();
    assert!(report.contains("tools_callback.rs") && !report.contains("not remembered"), "{report}");
}

#[test]
fn the_user_data_of_another_is_refused() {
    let one = Callback::new(|event: c_int| -> c_int { event });
    let other = Callback::new(|event: c_int| -> c_int { event + 1 });
    let shared = Callback::shared(|event: c_int| -> c_int { event + 2 });
    for data in [other.data(), shared.data()] {
        let report = expect_violation!(Rule::StaleHandle, {
            // SAFETY: a wrong number leads to nothing.
            unsafe { closures::now(one.function(), data, 1) }
        })
        .to_string();
        assert!(report.contains("with the user data of another"), "{report}");
    }
    for data in [std::ptr::null_mut(), std::ptr::without_provenance_mut(8)] {
        // SAFETY: as above.
        let report = expect_violation!(Rule::StaleHandle, { unsafe { closures::now(one.function(), data, 1) } });
        assert!(report.to_string().contains("none of its own"), "{report}");
    }
    // SAFETY: as above.
    let report = expect_violation!(Rule::StaleHandle, { unsafe { closures::cut(one.function(), one.data(), 1) } });
    assert!(report.to_string().contains("none of its own"), "{report}");
}

#[test]
fn the_same_closure_of_another_reach_is_refused() {
    // One type, once for its own thread and once for all: what may run beside itself differs.
    fn closure() -> impl Fn(c_int) -> c_int + Send + Sync + Copy + 'static {
        |event| event
    }
    let (own, all) = (Callback::new(closure()), Callback::shared(closure()));
    // SAFETY: a wrong number leads to nothing.
    expect_violation!(Rule::StaleHandle, { unsafe { closures::now(own.function(), all.data(), 1) } });
    // SAFETY: as above.
    expect_violation!(Rule::StaleHandle, { unsafe { closures::now(all.function(), own.data(), 1) } });
}

#[test]
fn a_panic_comes_out_where_c_was_called() {
    at_levels("a_panic_comes_out_where_c_was_called", &["0", "1", "2"], || {
        let mut calls = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Callback::scoped_or(
                1,
                |n: c_int| -> c_int {
                    calls += 1;
                    if n == 3 {
                        resume_unwind(Box::new("the third"));
                    }
                    0
                },
                |callback| {
                    // SAFETY: the callback's own pair, used during the call.
                    unsafe { closures::each(1000, callback.function(), callback.data()) }
                },
            )
        }));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"the third"));
        assert_eq!(calls, 3, "C got what makes it stop");
        // Nothing of it is left.
        let ten = Callback::scoped(
            |_: c_int| -> c_int { 0 },
            // SAFETY: as above.
            |callback| unsafe { closures::each(10, callback.function(), callback.data()) },
        );
        assert_eq!(ten, 10);
    });
}

#[test]
fn a_panic_gets_on_from_a_guarded_call_or_from_during() {
    let callback = Callback::new(|event: c_int| -> c_int { resume_unwind(Box::new(event)) });
    // SAFETY: the callback's own pair, used during the call.
    let guarded = catch_unwind(AssertUnwindSafe(|| unsafe { closures::now(callback.function(), callback.data(), 4) }));
    assert_eq!(guarded.unwrap_err().downcast_ref(), Some(&4));
    let during = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as above.
        callback.during(|| unsafe { bare::now(callback.function(), callback.data(), 5) })
    }));
    assert_eq!(during.unwrap_err().downcast_ref(), Some(&5));
}

#[test]
fn panics_pass_through_rust_and_c_in_turns() {
    at_levels("panics_pass_through_rust_and_c_in_turns", &["0", "1", "2"], || {
        let after_inner = Cell::new(false);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Callback::scoped(
                |event: c_int| -> c_int {
                    let inner = Callback::new(|event: c_int| -> c_int { resume_unwind(Box::new(event + 1)) });
                    // SAFETY: the callback's own pair, used during the call.
                    unsafe { closures::now(inner.function(), inner.data(), event) };
                    after_inner.set(true);
                    7
                },
                // SAFETY: as above.
                |outer| unsafe { closures::now(outer.function(), outer.data(), 1) },
            )
        }));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&2));
        assert!(after_inner.get(), "the outermost call is where it goes on");
    });
}

#[test]
fn a_panic_with_no_call_to_go_on_from_ends_the_process_with_a_line() {
    const NAME: &str = "a_panic_with_no_call_to_go_on_from_ends_the_process_with_a_line";
    if is_child() {
        let callback = Callback::new(|_: c_int| -> c_int { panic!("no way out") });
        // SAFETY: the callback's own pair, used during the call.
        unsafe { bare::now(callback.function(), callback.data(), 4) };
        return;
    }
    for level in ["0", "1", "2"] {
        let output = run_self(NAME, &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
        assert!(stderr.contains("no way out"), "{stderr}");
        assert!(stderr.contains("ffi-guard: `Callback`, which C called, panicked"), "{stderr}");
    }
}

#[test]
fn an_fnmut_is_not_called_while_it_runs() {
    at_levels("an_fnmut_is_not_called_while_it_runs", &["0", "1", "2"], || {
        let _forget = Forget;
        let mut depth = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Callback::scoped(
                |event: c_int| -> c_int {
                    depth += 1;
                    assert_eq!(depth, 1, "never inside itself");
                    let answer = closures::fire(event - 1);
                    depth -= 1;
                    answer
                },
                |callback| {
                    // SAFETY: the pair is the callback's own; C forgets it at the end of the test.
                    unsafe { closures::register(callback.function(), callback.data()) };
                    closures::fire(3)
                },
            )
        }));
        let payload = outcome.unwrap_err();
        let text = payload.downcast_ref::<&str>().copied().unwrap_or("no text");
        assert!(text.contains("while it was running") && text.contains("Callback::shared"), "{text}");
    });
}

#[test]
#[serial(registered)]
fn a_shared_one_may_be_called_while_it_runs() {
    let _forget = Forget;
    let calls = Arc::new(AtomicI32::new(0));
    let seen = Arc::clone(&calls);
    let callback: Callback<fn(c_int) -> c_int, AnyThread> = Callback::shared(move |event: c_int| {
        seen.fetch_add(1, Ordering::Relaxed);
        if event == 0 { 0 } else { event + closures::fire(event - 1) }
    });
    // SAFETY: C forgets the pair before the callback is dropped.
    unsafe { closures::register(callback.function(), callback.data()) };
    assert_eq!(closures::fire(4), 4 + 3 + 2 + 1);
    assert_eq!(calls.load(Ordering::Relaxed), 5);
    closures::forget();
}

#[test]
fn threads_of_cs_call_a_shared_one() {
    at_levels("threads_of_cs_call_a_shared_one", &["0", "1", "2"], || {
        let _forget = Forget;
        let calls = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&calls);
        let callback = Callback::shared(move |event: c_int| -> c_int {
            seen.fetch_add(1, Ordering::Relaxed);
            event
        });
        // SAFETY: C forgets the pair before the callback is dropped.
        unsafe { closures::register(callback.function(), callback.data()) };
        assert_eq!(closures::fire_on_thread(9), 9);
        assert_eq!(closures::fire_on_threads(4, 1000, 2), 8000);
        assert_eq!(calls.load(Ordering::Relaxed), 4001);
        closures::forget();
        // And it may end on another thread than it began on.
        std::thread::spawn(move || drop(callback)).join().unwrap();
        assert_eq!(Arc::strong_count(&calls), 1);
    });
}

/// On a thread of C's there is no Rust below to go on in: the report, a line, and the end.
fn expect_end(name: &str, says: &[&str]) {
    for level in ["1", "2"] {
        let output = run_self(name, &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {stderr}");
        assert_eq!(stderr.matches("ffi-guard[stale_handle]: ").count(), 1, "level {level}: {stderr}");
        for says in says {
            assert!(stderr.contains(says), "level {level}: {says} is not in\n{stderr}");
        }
    }
}

#[test]
fn one_for_its_own_thread_is_refused_on_cs() {
    const NAME: &str = "one_for_its_own_thread_is_refused_on_cs";
    if is_child() {
        let callback = Callback::new(|event: c_int| -> c_int { event });
        // SAFETY: what C does with the pair is what this is about.
        unsafe { closures::register(callback.function(), callback.data()) };
        closures::fire_on_thread(1);
        return;
    }
    expect_end(NAME, &["on another thread than its own", "`Callback::shared`"]);
}

#[test]
fn a_late_call_on_a_thread_of_cs_is_told() {
    const NAME: &str = "a_late_call_on_a_thread_of_cs_is_told";
    if is_child() {
        let callback = Callback::shared(|event: c_int| -> c_int { event });
        // SAFETY: as above.
        unsafe { closures::register(callback.function(), callback.data()) };
        drop(callback);
        closures::fire_on_thread(1);
        return;
    }
    expect_end(NAME, &["C called a callback after it was dropped", "the process is aborted"]);
}

#[test]
fn c_calls_while_the_process_ends() {
    const NAME: &str = "c_calls_while_the_process_ends";
    if is_child() {
        let callback = Callback::shared(|event: c_int| -> c_int {
            ffi_guard_tests::process::say(&format!("called with {event}"));
            0
        });
        // SAFETY: the callback is never dropped.
        unsafe { closures::register(callback.function(), callback.data()) };
        std::mem::forget(callback);
        closures::fire_at_exit(41);
        std::process::exit(0);
    }
    for level in ["0", "1", "2"] {
        let output = run_self(NAME, &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert!(output.status.success(), "level {level}: {}\n{stderr}", output.status);
        assert!(stderr.contains("called with 41"), "level {level}: {stderr}");
    }
}

#[test]
fn a_late_call_while_the_process_ends_is_told() {
    const NAME: &str = "a_late_call_while_the_process_ends_is_told";
    if is_child() {
        let callback = Callback::new(|event: c_int| -> c_int { event });
        // SAFETY: what C does with the pair is what this is about.
        unsafe { closures::register(callback.function(), callback.data()) };
        drop(callback);
        closures::fire_at_exit(1);
        std::process::exit(0);
    }
    expect_end(NAME, &["C called a callback after it was dropped"]);
}

#[test]
fn at_level_0_a_late_call_runs_nothing_and_is_said_once() {
    const NAME: &str = "at_level_0_a_late_call_runs_nothing_and_is_said_once";
    if is_child() {
        let callback = Callback::new(|_: c_int| -> c_int { 7 });
        // SAFETY: what C does with the pair is what this is about.
        unsafe { closures::register(callback.function(), callback.data()) };
        drop(callback);
        assert_eq!(closures::fire_twice(1), 0);
        return;
    }
    let output = run_self(NAME, &[("GUARD", "0")]);
    let stderr = stderr(&output);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.matches("ffi-guard: C called a callback after it was dropped (made at ").count(), 1, "{stderr}");
}

#[test]
#[serial(registered)]
fn a_callback_may_drop_itself() {
    let _forget = Forget;
    let slot: Rc<RefCell<Option<OnEvent>>> = Rc::default();
    let own = Rc::clone(&slot);
    let alive = Rc::new(());
    let captured = Rc::clone(&alive);
    let callback = Callback::new(move |event: c_int| {
        drop(own.take());
        // The captured values live until the closure is done.
        event + Rc::strong_count(&captured) as c_int
    });
    // SAFETY: C forgets the pair below.
    unsafe { closures::register(callback.function(), callback.data()) };
    slot.replace(Some(callback));
    assert_eq!(closures::fire(5), 7);
    closures::forget();
    assert_eq!(Rc::strong_count(&alive), 1, "gone with its last run");
}

#[test]
fn an_answer_comes_before_the_pair_is_given_out() {
    let callback = Callback::new(|event: c_int| -> c_int { event });
    let _ = callback.data();
    assert!(catch_unwind(AssertUnwindSafe(|| callback.on_panic(1))).is_err());
}

#[test]
fn qsort_r_sorts_by_a_closure() {
    // The user data comes last: glibc's own.
    unsafe extern "C" {
        fn qsort_r(
            base: *mut c_void,
            n: usize,
            size: usize,
            compare: Option<unsafe extern "C" fn(*const c_void, *const c_void, *mut c_void) -> c_int>,
            user: *mut c_void,
        );
    }
    at_level("qsort_r_sorts_by_a_closure", "2", || {
        let mut numbers: Vec<i32> = (0..1000).map(|n| n * 7919 % 1000).collect();
        let mut comparisons = 0_u32;
        Callback::scoped(
            |a: *const c_void, b: *const c_void| -> c_int {
                comparisons += 1;
                // SAFETY: C passes two elements of the array.
                let (a, b) = unsafe { (*a.cast::<i32>(), *b.cast::<i32>()) };
                b.cmp(&a) as c_int
            },
            |by| {
                // SAFETY: the array's own pointer and length; the callback's own pair.
                unsafe { qsort_r(numbers.as_mut_ptr().cast(), numbers.len(), 4, by.function_last(), by.data()) };
            },
        );
        assert!(numbers.is_sorted_by(|a, b| a > b) && comparisons > 1000);
    });
}
