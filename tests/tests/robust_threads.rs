//! Many threads at once, copies of the process, and modules that come and go.

use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::process::Command;
use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use c_fixtures::robust::{self, Pair};
use c_fixtures::wrong_thread::{bad_window_draw, window_close, window_open};
use ffi_guard::{Handle, Level, Place, Rule, Violation, catch, expect_violation, set_level};
use ffi_guard_tests::process::{
    at_both_levels, at_checked_levels, at_level, end_if_stuck, is_child, run_self, unless_emulated,
};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[test]
fn sixty_four_threads_of_clean_calls() {
    at_checked_levels("sixty_four_threads_of_clean_calls", || {
        let shared = Box::new(7_i32);
        let rounds = if ffi_guard::level() == Level::Full { 40 } else { 2000 };
        std::thread::scope(|scope| {
            for slot in 0..64 {
                let shared = &shared;
                scope.spawn(move || {
                    for round in 0..rounds {
                        let own = Box::new(round);
                        let local = round;
                        // SAFETY: live values; each thread has a slot of its own.
                        unsafe {
                            assert_eq!(robust::use_slot(&raw const *own, slot), round);
                            assert_eq!(robust::use_slot(&raw const local, slot), round);
                            assert_eq!(robust::read_one(&raw const **shared), 7);
                        }
                    }
                });
            }
        });
    });
}

#[test]
fn each_of_many_threads_is_told_of_its_own_violation() {
    at_level("each_of_many_threads_is_told_of_its_own_violation", "2", || {
        std::thread::scope(|scope| {
            // Few enough calls that each is searched for at once: later ones are settled together,
            // on any thread.
            for slot in 0..16_usize {
                scope.spawn(move || {
                    let own = Box::new(i32::try_from(slot).expect("small"));
                    for _ in 0..3 {
                        let violation = expect_violation!(Rule::RetainedPointer, {
                            // SAFETY: alive until it is forgotten.
                            unsafe { robust::bad_keep_use(&raw const *own, slot) }
                        });
                        assert_eq!(global(&violation), ("ffg_kept_uses".into(), slot * 8));
                        robust::forget_use(slot);
                    }
                });
            }
        });
    });
}

/// The C variable that a report names, and how far into it.
fn global(violation: &Violation) -> (String, usize) {
    match violation.place() {
        Some(Place::Global { symbol: Some(symbol), offset, .. }) => (symbol.clone(), *offset),
        other => panic!("kept in no C variable but {other:?}:\n{violation}"),
    }
}

/// The place where two threads wait for one another.
static MEET: [Barrier; 2] = [const { Barrier::new(2) }; 2];

/// One call lends a block, and C has it in a variable for as long as that call lasts. Another call,
/// which began earlier, lends the same block and returns meanwhile.
#[test]
fn what_another_call_is_lent_is_not_kept_by_this_one() {
    extern "C" fn until_the_other_has_it(_: *mut c_void) {
        MEET[0].wait();
        MEET[1].wait();
    }
    extern "C" fn until_the_first_has_returned(_: *mut c_void) {
        MEET[1].wait();
        MEET[0].wait();
    }
    at_level("what_another_call_is_lent_is_not_kept_by_this_one", "2", || {
        end_if_stuck();
        let shared = Box::new(7_i32);
        let shared = &*shared;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                MEET[0].wait();
                // SAFETY: a live box.
                unsafe { robust::use_while(shared, until_the_first_has_returned, ptr::null_mut()) };
            });
            // SAFETY: a live box.
            let outcome = catch(|| unsafe { robust::call_lending(shared, until_the_other_has_it, ptr::null_mut()) });
            MEET[0].wait();
            outcome.unwrap_or_else(|violation| panic!("it is lent to the other call:\n{violation}"));
        });
    });
}

#[test]
fn the_level_changes_while_calls_run() {
    at_both_levels("the_level_changes_while_calls_run", || {
        let top = ffi_guard::level();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for slot in 0..4 {
                let done = &done;
                scope.spawn(move || {
                    let own = Box::new(1);
                    while !done.load(Ordering::Relaxed) {
                        // SAFETY: a live box.
                        unsafe {
                            assert_eq!(robust::use_slot(&raw const *own, slot), 1);
                            robust::call(change, ptr::null_mut());
                        }
                    }
                });
            }
            for level in [Level::Off, Level::Arguments, top].into_iter().cycle().take(200) {
                set_level(level).expect("tracked");
                std::thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
        set_level(top).expect("tracked");
        let (boxed, local) = (Box::new(1), 1);
        let pair = Box::new(Pair { first: (&raw const *boxed).cast(), second: (&raw const local).cast() });
        // SAFETY: live values.
        expect_violation!(Rule::NestedPointer, { unsafe { robust::pair_is_full(&raw const *pair) } });
    });
}

extern "C" fn change(_: *mut c_void) {
    let _ = set_level(ffi_guard::level());
}

/// Runs the body in a forked child; its exit status, or minus the signal.
fn forked(body: impl FnOnce()) -> i32 {
    let patience = unless_emulated(20, 200);
    // SAFETY: the child makes guarded calls and ends: that is what is tested.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: no precondition. A child that is stuck dies of it.
        unsafe { libc::alarm(patience) };
        body();
        // SAFETY: no precondition.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}

static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Keeps two threads busy with everything that the guard has locks for, while `body` forks.
fn while_others_are_busy(body: impl FnOnce()) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for slot in 0..2 {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let own = Box::new(1);
                    let pair = Pair { first: (&raw const *own).cast(), second: (&raw const done).cast() };
                    // SAFETY: live values.
                    unsafe {
                        assert_eq!(robust::use_slot(&raw const *own, slot), 1);
                        // A violation, warned of: symbols, frames, traces.
                        drop(catch(|| robust::pair_is_full(&raw const pair)));
                        draw_a_window();
                    }
                    FORKS.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _done = Done(&done);
        body();
    });
}

/// Tells the other threads, whatever became of this one.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_child_makes_clean_calls_at_once() {
    at_both_levels("a_child_makes_clean_calls_at_once", || {
        while_others_are_busy(|| {
            for _ in 0..80 {
                let status = forked(|| {
                    for round in 0..3 {
                        let own = Box::new(round);
                        // SAFETY: a live box.
                        if unsafe { robust::use_slot(&raw const *own, 5) } != round {
                            std::process::abort();
                        }
                    }
                });
                assert_eq!(status, 0, "a child that makes clean calls");
            }
        });
    });
}

/// Looks an object up in the table of those that belong to a thread, and a value among the handles.
fn draw_a_window() {
    let window = window_open();
    // SAFETY: open, this thread's, and closed once.
    unsafe {
        assert!(bad_window_draw(window) > 0);
        window_close(window);
    }
    let handle = Handle::new(7);
    assert_eq!(Handle::<i32>::with(handle.as_raw(), |n| *n).expect("parked"), 7);
}

#[test]
fn a_child_uses_the_tables_at_once() {
    at_both_levels("a_child_uses_the_tables_at_once", || {
        while_others_are_busy(|| {
            for _ in 0..80 {
                assert_eq!(forked(|| (0..3).for_each(|_| draw_a_window())), 0, "a child that uses the tables");
            }
        });
    });
}

#[test]
fn a_childs_violation_is_caught() {
    at_both_levels("a_childs_violation_is_caught", || {
        while_others_are_busy(|| {
            for _ in 0..40 {
                let status = forked(|| {
                    let number = 4;
                    let pair = Pair { first: (&raw const number).cast(), second: ptr::null() };
                    // SAFETY: live locals.
                    expect_violation!(Rule::NestedPointer, { unsafe { robust::pair_is_full(&raw const pair) } });
                });
                assert_eq!(status, 0, "a child that breaks a rule and catches it");
            }
        });
    });
}

#[test]
fn a_childs_violation_is_reported() {
    if is_child() {
        let status = forked(|| {
            let number = Box::new(4);
            let pair = Box::new(Pair { first: (&raw const *number).cast(), second: ptr::null() });
            // SAFETY: live boxes.
            unsafe { robust::pair_is_full(&raw const *pair) };
        });
        assert_eq!(status, -libc::SIGABRT, "a violation aborts the child");
        // The parent goes on.
        let number = Box::new(4);
        // SAFETY: a live box.
        assert_eq!(unsafe { robust::read_one(&raw const *number) }, 4);
        return;
    }
    for level in ["1", "2"] {
        let variables = [("GUARD", level), ("GUARD_ON_VIOLATION", "abort")];
        let output = run_self("a_childs_violation_is_reported", &variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", output.status);
        assert_eq!(stderr.matches("ffi-guard[nested_pointer]: ").count(), 1, "{stderr}");
    }
}

/// Compiles a library that keeps what it is given.
fn library(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (folder.join(format!("{name}.c")), folder.join(format!("lib{name}.so")));
    let code = "char big[1 << 16]; static const void *kept; void keep(const void *p) { kept = p; }\n\
                const void *read_kept(void) { return kept; }\n";
    std::fs::write(&source, code).expect("the folder is there");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-g", "-o"]).arg(&library).arg(&source).output();
    let built = built.expect("a C compiler");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[test]
fn a_library_loaded_during_the_call_counts() {
    at_level("a_library_loaded_during_the_call_counts", "2", || {
        let path = CString::new(library("robust_kept").to_str().expect("UTF-8")).expect("no NUL");
        let own = Box::new(7);
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: alive until the end of this test, and nothing reads what is kept.
            unsafe { robust::open_and_keep(path.as_ptr(), &raw const *own) }
        });
        let report = violation.to_string();
        assert!(report.contains("librobust_kept.so"), "names the module:\n{report}");
        assert_eq!(global(&violation), ("kept".into(), 0));
    });
}

#[test]
fn libraries_come_and_go_while_calls_are_searched() {
    at_level("libraries_come_and_go_while_calls_are_searched", "2", || {
        end_if_stuck();
        let path = CString::new(library("robust_brief").to_str().expect("UTF-8")).expect("no NUL");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let own = Box::new(1);
                    // SAFETY: a live box.
                    assert_eq!(unsafe { robust::use_slot(&raw const *own, 0) }, 1);
                }
            });
            for _ in 0..100 {
                // SAFETY: null is kept, and the library closed once.
                unsafe { robust::close(robust::open_and_keep(path.as_ptr(), ptr::null())) };
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}
