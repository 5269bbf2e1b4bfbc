//! Frees of memory that C may keep, after those that are searched for at once: noted and settled by
//! a sweep, on other threads, in forked children, in the middle of a fork.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use c_fixtures::freed_while_retained::{
    Request, bad_send, bad_set_listener, forget_destroyed, notify, ok_cancel, ok_destroy, ok_set_with_destructor,
    ok_unset_listener,
};
use c_fixtures::retained_pointer::{bad_keep_seldom, forget_seldom};
use ffi_guard::{Rule, Violation, catch, checkpoint, expect_violation, pin};
use ffi_guard_tests::process::{at_both_levels, at_level, end_if_stuck, is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// The number of frees after which the budget of such a short function is long spent.
const MANY: usize = 2_000;

fn listen(value: &i32) {
    // SAFETY: C does not follow it before it is unset.
    unsafe { bad_set_listener(0, value) };
}

/// Frees [`MANY`] blocks that C let go of in time.
fn spend_the_budget() {
    for _ in 0..MANY {
        let value = Box::new(6);
        listen(&value);
        ok_unset_listener(0);
        drop(value);
    }
}

/// Frees a block that C holds, in a free that is not searched for at once. Which frees are depends
/// on the time of the calls: if one is, it has its violation, and the next one is tried.
fn free_unseen() {
    spend_the_budget();
    for _ in 0..10_000 {
        let value = Box::new(7);
        listen(&value);
        if catch(|| drop(value)).is_ok() {
            return;
        }
        ok_unset_listener(0);
    }
    panic!("every free was looked at at once");
}

fn is_the_listener(violation: &Violation) {
    let text = violation.to_string();
    assert_eq!(violation.function(), Some("bad_set_listener"), "{text}");
    assert!(violation.block().is_some_and(|block| !block.is_live() && !block.freed_at().is_empty()), "{text}");
    assert!(text.contains("ffg_listeners"), "{text}");
}

#[test]
fn a_free_that_was_not_looked_at_is_found_by_the_next_sweep() {
    at_level("a_free_that_was_not_looked_at_is_found_by_the_next_sweep", "2", || {
        free_unseen();
        let violation = expect_violation!(Rule::FreedWhileRetained, { checkpoint() });
        is_the_listener(&violation);
        assert!(violation.to_string().contains("seen after the block was freed"), "{violation}");
        catch(checkpoint).expect("told once");
        ok_unset_listener(0);
    });
}

#[test]
fn what_c_lets_go_of_before_the_free_is_clean_however_often() {
    at_level("what_c_lets_go_of_before_the_free_is_clean_however_often", "2", || {
        catch(|| {
            (0..10).for_each(|_| spend_the_budget());
            checkpoint();
        })
        .expect("clean");
    });
}

#[test]
fn a_freed_block_does_not_leave_quarantine_before_it_was_looked_for() {
    const TEST: &str = "a_freed_block_does_not_leave_quarantine_before_it_was_looked_for";
    if is_child() {
        free_unseen();
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            // More than the quarantine holds; and then any guarded call.
            for _ in 0..50_000 {
                drop(std::hint::black_box(Box::new([0_u8; 100])));
            }
            ok_unset_listener(1);
        });
        is_the_listener(&violation);
        ok_unset_listener(0);
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", "1M")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn freed_on_a_thread_that_catches_nothing_it_is_told_to_the_next_call() {
    at_level("freed_on_a_thread_that_catches_nothing_it_is_told_to_the_next_call", "2", || {
        let value = Box::new(7);
        listen(&value);
        let freed_by = std::thread::spawn(move || drop(value));
        freed_by.join().expect("a free does not unwind");
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            // SAFETY: none: C is not called.
            let read = unsafe { notify(0) };
            panic!("C read {read} from freed memory");
        });
        is_the_listener(&violation);
        ok_unset_listener(0);
    });
}

#[test]
fn many_threads_lend_and_free_and_one_forgets_to_unset() {
    at_level("many_threads_lend_and_free_and_one_forgets_to_unset", "2", || {
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            std::thread::scope(|scope| {
                for slot in 1..5 {
                    scope.spawn(move || {
                        for turn in 0..500 {
                            let value = Box::new(turn);
                            // SAFETY: C does not follow it.
                            unsafe { bad_set_listener(slot, &raw const *value) };
                            let forgets = slot == 3 && turn == 20;
                            if !forgets {
                                ok_unset_listener(slot);
                            }
                            drop(value);
                            if forgets {
                                return;
                            }
                        }
                    });
                }
            });
            checkpoint();
        });
        is_the_listener(&violation);
        ok_unset_listener(3);
    });
}

#[test]
fn reported_it_is_printed_once_and_the_program_goes_on() {
    const TEST: &str = "reported_it_is_printed_once_and_the_program_goes_on";
    if is_child() {
        for _ in 0..10 {
            let value = Box::new(7);
            listen(&value);
            drop(value);
            ok_unset_listener(0);
        }
        println!("the end");
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ON_VIOLATION", "report")]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stdout.contains("the end"), "{stdout}{stderr}");
    assert_eq!(stderr.matches("ffi-guard[freed_while_retained]: ").count(), 1, "{stderr}");
    assert!(stderr.contains("reported once, seen 10 times"), "{stderr}");
    // Allowed, it is not even looked for.
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ALLOW", "freed_while_retained")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("ffi-guard["), "{stderr}");
}

#[test]
fn at_exit_what_nobody_was_told_is_printed_and_the_process_aborts() {
    const TEST: &str = "at_exit_what_nobody_was_told_is_printed_and_the_process_aborts";
    if is_child() {
        let value = Box::new(7);
        listen(&value);
        drop(value);
        return;
    }
    use std::os::unix::process::ExitStatusExt;
    let output = run_self(TEST, &[("GUARD", "2")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{stderr}");
    assert!(stderr.contains("ffi-guard[freed_while_retained]: ") && stderr.contains("found at exit"), "{stderr}");
}

#[test]
fn at_level_1_a_pin_is_known_and_a_free_is_not_asked_about() {
    at_both_levels("at_level_1_a_pin_is_known_and_a_free_is_not_asked_about", || {
        let full = ffi_guard::level() >= ffi_guard::Level::Full;
        let values = vec![1, 2, 3];
        let mut request = Request { values: values.as_ptr(), count: values.len() };
        expect_violation!(Rule::NestedPointer, {
            // SAFETY: none: C is not called.
            unsafe { bad_send(&raw const request) };
        });
        let outcome = catch(|| {
            let pin = pin(&values[..]);
            request.values = pin.as_ptr();
            // SAFETY: pinned; C does not follow it after the pin is gone.
            assert_eq!(unsafe { bad_send(&raw const request) }, 6);
            drop(pin);
            drop(values);
        });
        ok_cancel();
        assert_eq!(outcome.is_err(), full, "{outcome:?}");
    });
}

#[test]
fn a_forked_child_finds_what_its_parent_lent() {
    at_level("a_forked_child_finds_what_its_parent_lent", "2", || {
        end_if_stuck();
        let (value, pinned) = (Box::new(7), Box::new(8));
        listen(&value);
        std::mem::forget(pin(&*pinned));
        // SAFETY: the child does no more than a program of one thread may.
        let child = unsafe { libc::fork() };
        if child == 0 {
            end_if_stuck();
            let listener = catch(|| drop(value)).map_err(|violation| violation.rule());
            let pin = catch(|| drop(pinned)).map_err(|violation| violation.rule());
            let both = listener == Err(Rule::FreedWhileRetained) && pin == Err(Rule::FreedWhileRetained);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(if both { 0 } else { 1 }) };
        }
        assert_eq!(status_of(child), 0);
        ok_unset_listener(0);
        std::mem::forget(pinned);
    });
}

fn status_of(child: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

/// How often the handler ran, in this process.
static HANDLED: AtomicUsize = AtomicUsize::new(0);

/// A library's handler before a fork, after the guard's own handlers: it calls C, and frees so much
/// that blocks leave the quarantine, noted ones among them.
unsafe extern "C" fn another_librarys_handler() {
    for i in 0..3_000 {
        let value = Box::new(i);
        // SAFETY: the value outlives the call, which keeps nothing.
        unsafe { bad_keep_seldom(&raw const *value, 0) };
        listen(&value);
        ok_unset_listener(0);
        let pin = pin(&*value);
        drop(pin);
        drop(value);
        drop(std::hint::black_box(Box::new([0_u8; 900])));
    }
    let _name = std::thread::current().name().map(str::to_owned);
    checkpoint();
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn handlers_that_run_in_the_middle_of_a_fork_may_free_and_call() {
    const TEST: &str = "handlers_that_run_in_the_middle_of_a_fork_may_free_and_call";
    if is_child() {
        end_if_stuck();
        // Before the guard has its first note, so that in a fork it comes after the guard's.
        // SAFETY: functions of this program.
        let code = unsafe { libc::pthread_atfork(Some(another_librarys_handler), None, None) };
        assert_eq!(code, 0);
        for i in 0..MANY {
            let value = Box::new(i32::try_from(i).expect("few"));
            // SAFETY: the value outlives the call, which keeps nothing.
            unsafe { bad_keep_seldom(&raw const *value, 0) };
        }
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Another thread wants the same locks meanwhile.
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    spend_the_budget();
                }
            });
            for round in 1..=5 {
                // SAFETY: the child does no more than a program of one thread may.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    end_if_stuck();
                    let value = Box::new(7);
                    // SAFETY: the value outlives the call, which keeps nothing.
                    let read = catch(|| unsafe { bad_keep_seldom(&raw const *value, 0) });
                    drop(value);
                    let clean = read.is_ok() && catch(checkpoint).is_ok();
                    // SAFETY: ends the child at once.
                    unsafe { libc::_exit(if clean { 0 } else { 1 }) };
                }
                assert_eq!(status_of(child), 0);
                assert_eq!(HANDLED.load(Ordering::Relaxed), round);
            }
            stop.store(true, Ordering::Relaxed);
        });
        forget_seldom();
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", "1M")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{}{stderr}", output.status, String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_panic_that_frees_before_it_unsets_is_no_abort() {
    struct Unset;
    impl Drop for Unset {
        fn drop(&mut self) {
            ok_unset_listener(0);
        }
    }
    at_level("a_panic_that_frees_before_it_unsets_is_no_abort", "2", || {
        let panicked = std::panic::catch_unwind(|| {
            // Dropped last.
            let _unset = Unset;
            let value = Box::new(7);
            listen(&value);
            panic!("the program's own");
        });
        let payload = panicked.expect_err("it panicked");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the program's own"));
        let violation = expect_violation!(Rule::FreedWhileRetained, { ok_unset_listener(0) });
        is_the_listener(&violation);
    });
}

mod unwinding {
    #[ffi_guard::guard]
    unsafe extern "C-unwind" {
        /// `bad_destroy`, declared by a caller whose destructor panics.
        #[link_name = "ffg_bad_destroy"]
        pub fn bad_destroy();
    }
}

unsafe extern "C" fn destroy_and_fork(value: *mut i32) {
    // SAFETY: C hands back what came from `Box::into_raw`, once.
    drop(unsafe { Box::from_raw(value) });
    // SAFETY: the child does no more than a program of one thread may.
    let child = unsafe { libc::fork() };
    if child == 0 {
        end_if_stuck();
        // C is still in the middle of its call in the child, too, and about to let go.
        let clean = catch(|| {
            ok_unset_listener(0);
            checkpoint();
        });
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if clean.is_ok() { 0 } else { 1 }) };
    }
    assert_eq!(status_of(child), 0);
}

#[test]
fn a_destructor_may_fork_before_c_lets_go() {
    at_level("a_destructor_may_fork_before_c_lets_go", "2", || {
        catch(|| {
            // SAFETY: it lives until it is destroyed.
            unsafe {
                ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy_and_fork));
                ok_destroy();
            }
            checkpoint();
        })
        .expect("clean");
    });
}

unsafe extern "C-unwind" fn destroy_and_panic(value: *mut i32) {
    // SAFETY: C hands back what came from `Box::into_raw`, once.
    drop(unsafe { Box::from_raw(value) });
    // More than the quarantine holds where a test makes it small, and of the same size.
    for _ in 0..10_000 {
        drop(std::hint::black_box(Box::new(7_i32)));
    }
    std::panic::panic_any(7_i32);
}

#[test]
fn what_a_callback_freed_before_it_panicked_is_found_by_the_next_sweep() {
    const TEST: &str = "what_a_callback_freed_before_it_panicked_is_found_by_the_next_sweep";
    if is_child() {
        let panicked = std::panic::catch_unwind(|| {
            // SAFETY: it lives until it is destroyed; the function is one whose panic C lets
            // through, as it was built to.
            unsafe {
                let destroy: unsafe extern "C-unwind" fn(*mut i32) = destroy_and_panic;
                let destroy = std::mem::transmute::<
                    unsafe extern "C-unwind" fn(*mut i32),
                    unsafe extern "C" fn(*mut i32),
                >(destroy);
                ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy));
                unwinding::bad_destroy();
            }
        });
        assert_eq!(panicked.expect_err("it panicked").downcast_ref::<i32>(), Some(&7));
        let violation = expect_violation!(Rule::FreedWhileRetained, { checkpoint() });
        assert!(violation.to_string().contains("ffg_destroyed"), "{violation}");
        forget_destroyed();
        return;
    }
    // It waits, whatever is freed after it.
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", "16K"), ("RUST_BACKTRACE", "0")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

mod bare {
    unsafe extern "C" {
        /// `ok_destroy`, declared without the guard.
        pub(crate) fn ffg_ok_destroy();
    }
}

unsafe extern "C" fn destroy(value: *mut i32) {
    // SAFETY: C hands back what came from `Box::into_raw`, once.
    drop(unsafe { Box::from_raw(value) });
}

#[test]
fn a_destructor_that_is_called_around_the_guard_is_clean() {
    at_level("a_destructor_that_is_called_around_the_guard_is_clean", "2", || {
        catch(|| {
            // SAFETY: it lives until it is destroyed.
            unsafe {
                ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy));
                bare::ffg_ok_destroy();
                // Again on a thread that C started.
                ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy));
                // A number for glibc, a pointer for musl.
                let mut thread = std::mem::zeroed::<libc::pthread_t>();
                let code = libc::pthread_create(&raw mut thread, ptr::null(), destroyer, ptr::null_mut());
                assert_eq!((code, libc::pthread_join(thread, ptr::null_mut())), (0, 0));
            }
            checkpoint();
        })
        .expect("clean");
    });
}

extern "C" fn destroyer(_: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: the value lives until it is destroyed, here.
    unsafe { bare::ffg_ok_destroy() };
    ptr::null_mut()
}
