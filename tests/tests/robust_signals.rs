//! Guarded calls in signal handlers: whatever the thread was doing, they report or pass, and never
//! deadlock.
//!
//! A second thread sends the signals, and each arrives wherever the first one is: in C's `malloc`,
//! in Rust's allocator, in a guarded call, in a report. Handled signals are counted; nothing
//! depends on the clock.

use std::ffi::c_void;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt as _;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use c_fixtures::robust::{self, Pair};
use ffi_guard_tests::process::{at_both_levels, at_checked_levels, end_if_stuck, is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const SIGNALS: usize = 3_000;

static HANDLED: AtomicUsize = AtomicUsize::new(0);
static NUMBER: AtomicUsize = AtomicUsize::new(0);

fn handle(signal: i32, handler: extern "C" fn(i32), flags: i32) {
    // SAFETY: an all-zero `sigaction` is one without a handler; then it gets one that lives for
    // ever.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART | flags;
        assert_eq!(libc::sigaction(signal, &raw const action, ptr::null_mut()), 0);
    }
}

/// Sends this thread signals while it works, until `SIGNALS` are handled.
fn storm(work: impl Fn()) {
    end_if_stuck();
    // SAFETY: no precondition.
    let target = unsafe { libc::pthread_self() } as usize;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let before = HANDLED.load(Ordering::Relaxed);
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGUSR1) };
                while HANDLED.load(Ordering::Relaxed) == before && !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
        });
        while HANDLED.load(Ordering::Relaxed) < SIGNALS {
            work();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// A clean guarded call.
extern "C" fn clean(_: i32) {
    let local = 5_i32;
    // SAFETY: a live local.
    let read = unsafe { robust::read_one(&raw const local) };
    NUMBER.store(usize::try_from(read).expect("5"), Ordering::Relaxed);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// A guarded call that breaks a rule, which is only a warning: `GUARD_WARN`.
extern "C" fn warned(_: i32) {
    let local = 5_i32;
    let pair = Pair { first: (&raw const local).cast(), second: ptr::null() };
    // SAFETY: live locals.
    unsafe { robust::pair_is_full(&raw const pair) };
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn in_the_c_librarys_malloc_and_the_first_call_of_the_thread() {
    at_both_levels("in_the_c_librarys_malloc_and_the_first_call_of_the_thread", || {
        handle(libc::SIGUSR1, clean, 0);
        // Not through the guard: the handler's is the first guarded call of the thread, and of the
        // next ones.
        storm(|| {
            for size in 0..100 {
                // SAFETY: freed once, here.
                unsafe { libc::free(black_box(libc::malloc(size * 50))) };
            }
        });
        assert_eq!(NUMBER.load(Ordering::Relaxed), 5);
    });
}

#[test]
fn in_malloc_of_threads_that_never_made_a_call() {
    use std::os::unix::thread::JoinHandleExt as _;
    at_both_levels("in_malloc_of_threads_that_never_made_a_call", || {
        end_if_stuck();
        handle(libc::SIGUSR1, clean, 0);
        // Many threads, because only the first signal of each counts.
        for _ in 0..500 {
            static READY: AtomicBool = AtomicBool::new(false);
            READY.store(false, Ordering::Relaxed);
            let before = HANDLED.load(Ordering::Relaxed);
            let churning = std::thread::spawn(move || {
                while HANDLED.load(Ordering::Relaxed) == before {
                    for size in 0..50 {
                        // SAFETY: freed once, here.
                        unsafe { libc::free(black_box(libc::malloc(2000 + size * 50))) };
                    }
                    READY.store(true, Ordering::Relaxed);
                }
            });
            while !READY.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            // SAFETY: the thread ends only after it has handled this, and is joined below.
            unsafe { libc::pthread_kill(churning.as_pthread_t() as libc::pthread_t, libc::SIGUSR1) };
            churning.join().expect("no panic in there");
        }
    });
}

#[test]
fn in_rusts_allocator_and_in_guarded_calls() {
    at_checked_levels("in_rusts_allocator_and_in_guarded_calls", || {
        handle(libc::SIGUSR1, clean, 0);
        storm(|| {
            let numbers: Vec<Box<i32>> = (0..50).map(Box::new).collect();
            for number in &numbers {
                // SAFETY: a live box.
                assert_eq!(unsafe { robust::read_one(&raw const **number) }, **number);
            }
            robust::churn(10);
        });
    });
}

#[test]
fn on_a_stack_of_the_handlers_own() {
    at_both_levels("on_a_stack_of_the_handlers_own", || {
        let mut stack = vec![0_u8; 1 << 18];
        let alternative = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
        // SAFETY: the vector outlives all signals.
        assert_eq!(unsafe { libc::sigaltstack(&raw const alternative, ptr::null_mut()) }, 0);
        handle(libc::SIGUSR1, clean, libc::SA_ONSTACK);
        storm(|| {
            let boxed = Box::new(3);
            // SAFETY: a live box.
            assert_eq!(unsafe { robust::read_one(&raw const *boxed) }, 3);
        });
        let disabled = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: takes the stack away again before the vector is freed.
        assert_eq!(unsafe { libc::sigaltstack(&raw const disabled, ptr::null_mut()) }, 0);
    });
}

#[test]
fn reports_come_from_wherever_the_signal_does() {
    if is_child() {
        handle(libc::SIGUSR1, warned, 0);
        return storm(|| {
            let boxed = Box::new(3);
            let pair = Box::new(Pair { first: (&raw const *boxed).cast(), second: ptr::null() });
            // SAFETY: live boxes. Warned of as well.
            unsafe { robust::pair_is_full(&raw const *pair) };
            robust::churn(5);
            // SAFETY: freed once, here.
            unsafe { libc::free(black_box(libc::malloc(1000))) };
        });
    }
    for level in ["1", "2"] {
        let output = run_self("reports_come_from_wherever_the_signal_does", &[("GUARD", level), ("GUARD_WARN", "all")]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "level {level}: {}\n{stderr}", output.status);
        // One for each of the two places; the handler's is none where each signal came amid the
        // guard's own work.
        let reports = stderr.matches("ffi-guard[nested_pointer]: ").count();
        assert!((1..=2).contains(&reports), "level {level}: {stderr}");
    }
}

/// A violation in a handler that is an error: the report and the end, even if the signal came in
/// the middle of an allocation.
#[test]
fn a_denied_violation_reports_and_aborts() {
    if is_child() {
        handle(libc::SIGUSR1, denied, 0);
        return storm(|| {
            for size in 0..100_usize {
                black_box(vec![0_u8; size * 300]);
            }
        });
    }
    for level in ["1", "2"] {
        for _ in 0..20 {
            let output = run_self("a_denied_violation_reports_and_aborts", &[("GUARD", level)]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("ffi-guard[nested_pointer]: "), "level {level}: {}\n{stderr}", output.status);
            assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {stderr}");
        }
    }
}

extern "C" fn denied(_: i32) {
    // Not the first: by then the thread is well under way.
    if HANDLED.fetch_add(1, Ordering::Relaxed) < 50 {
        return;
    }
    let local = 5_i32;
    let pair = Pair { first: (&raw const local).cast(), second: ptr::null() };
    // SAFETY: live locals.
    unsafe { robust::pair_is_full(&raw const pair) };
}

/// The simplest signal: `raise` in a callback of C's `qsort`.
#[test]
fn raised_in_a_callback_of_qsort() {
    extern "C" fn compare(a: *const c_void, b: *const c_void) -> i32 {
        // SAFETY: no precondition; then two elements of the array.
        unsafe {
            libc::raise(libc::SIGUSR1);
            *a.cast::<i32>() - *b.cast::<i32>()
        }
    }
    at_both_levels("raised_in_a_callback_of_qsort", || {
        end_if_stuck();
        handle(libc::SIGUSR1, clean, 0);
        let mut numbers = [3, 1, 2];
        // SAFETY: three elements of four bytes.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 3, 4, Some(compare)) };
        assert_eq!(numbers, [1, 2, 3]);
        assert!(HANDLED.load(Ordering::Relaxed) >= 2);
    });
}
