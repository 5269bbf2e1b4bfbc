//! Rust -> C -> Rust -> C: which memory belongs to whom when both have frames on the stack.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use c_fixtures::robust::{self, Pair};
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::at_checked_levels;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

static CALLED: AtomicUsize = AtomicUsize::new(0);

/// Hands C its own pair back.
extern "C" fn back_to_c(pair: *mut Pair, _: *mut c_void) {
    // SAFETY: C's own pair, alive during the callback.
    assert_eq!(unsafe { robust::pair_is_full(pair) }, 1);
    // SAFETY: as above.
    assert_eq!(unsafe { robust::pair_is_full_by_value(*pair) }, 1);
    CALLED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_struct_on_cs_stack_is_cs() {
    at_checked_levels("a_struct_on_cs_stack_is_cs", || {
        // SAFETY: the callback takes what C gives it.
        unsafe {
            robust::call_with_local(back_to_c, ptr::null_mut());
            robust::call_with_local_blind(back_to_c, ptr::null_mut());
        }
        std::thread::spawn(|| {
            // SAFETY: as above.
            unsafe {
                robust::call_with_local(back_to_c, ptr::null_mut());
                robust::call_with_local_blind(back_to_c, ptr::null_mut());
            }
        })
        .join()
        .expect("clean");
        assert_eq!(CALLED.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn c_may_keep_its_own_stack() {
    extern "C" fn work_on(pair: *mut Pair, _: *mut c_void) {
        // SAFETY: C's own pair, which C forgets before its frame ends.
        unsafe { robust::work_on(pair) };
        assert_eq!(robust::is_at_work(), 1);
        CALLED.fetch_add(1, Ordering::Relaxed);
    }
    at_checked_levels("c_may_keep_its_own_stack", || {
        // SAFETY: the callback takes what C gives it.
        unsafe { robust::call_with_local(work_on, ptr::null_mut()) };
        assert_eq!(CALLED.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn c_may_hold_what_it_is_lent_while_it_is_lent() {
    at_checked_levels("c_may_hold_what_it_is_lent_while_it_is_lent", || {
        let lent = Box::new(9);
        // The pair is C's and holds what Rust lends for this very call, which is allowed.
        // SAFETY: a live box.
        unsafe { robust::call_with_lent(back_to_c, (&raw const *lent).cast()) };
        assert_eq!(CALLED.load(Ordering::Relaxed), 1);
    });
}

fn nested_on_the_stack() {
    let number = 5_i32;
    let pair = Pair { first: (&raw const number).cast(), second: ptr::null() };
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: live locals.
        unsafe { robust::pair_is_full(&raw const pair) }
    });
    assert_eq!(violation.function(), Some("pair_is_full"));
}

#[test]
fn a_rust_local_that_leads_to_a_rust_local_is_found() {
    at_checked_levels("a_rust_local_that_leads_to_a_rust_local_is_found", nested_on_the_stack);
}

/// A callback that runs a closure.
unsafe extern "C" fn run(user: *mut c_void) {
    // SAFETY: the tests pass a `fn()`.
    let f = unsafe { *user.cast::<fn()>() };
    f();
    CALLED.fetch_add(1, Ordering::Relaxed);
}

fn inside_a_callback(f: fn()) {
    let mut f = f;
    // SAFETY: the callback gets the `fn` that it wants.
    unsafe { robust::call(run, (&raw mut f).cast()) };
}

#[test]
fn violations_are_found_inside_a_callback_too() {
    at_checked_levels("violations_are_found_inside_a_callback_too", || {
        inside_a_callback(nested_on_the_stack);
        inside_a_callback(|| inside_a_callback(nested_on_the_stack));
        inside_a_callback(|| {
            let boxed = Box::new(1_i32);
            let pair = Box::new(Pair { first: (&raw const *boxed).cast(), second: ptr::null() });
            expect_violation!(Rule::NestedPointer, {
                // SAFETY: live boxes.
                unsafe { robust::pair_is_full(&raw const *pair) }
            });
        });
        assert_eq!(CALLED.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn a_thread_that_c_made_is_a_thread_like_another() {
    at_checked_levels("a_thread_that_c_made_is_a_thread_like_another", || {
        for _ in 0..10 {
            let mut f: fn() = || {
                nested_on_the_stack();
                let boxed = Box::new(4);
                // SAFETY: a live box.
                catch(|| assert_eq!(unsafe { robust::read_one(&raw const *boxed) }, 4)).expect("clean");
                inside_a_callback(nested_on_the_stack);
            };
            // SAFETY: the callback gets the `fn` that it wants, which lives until the thread is
            // joined.
            assert_eq!(unsafe { robust::call_on_thread(run, (&raw mut f).cast()) }, 0);
        }
        assert_eq!(CALLED.load(Ordering::Relaxed), 20);
    });
}

/// The frames between belong to C: no other thread's stack is searched, nor taken for this
/// thread's.
#[test]
fn another_threads_stack_is_not_this_ones() {
    at_checked_levels("another_threads_stack_is_not_this_ones", || {
        let mut number = 3_i32;
        let address = (&raw mut number).expose_provenance();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let value: *const i32 = ptr::with_exposed_provenance(address);
                // SAFETY: the local outlives the scope.
                assert_eq!(unsafe { robust::read_one(value) }, 3);
            });
        });
    });
}

/// Pointers that a struct may always hold.
#[test]
fn what_lives_for_ever_may_be_held() {
    static NUMBER: i32 = 1;
    static TABLE: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
    thread_local! {
        static PLAIN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
        static LAZY: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![1; 100]);
    }
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    fn check() {
        let mut held: Vec<(&str, *const c_void)> = vec![
            ("a static", (&raw const NUMBER).cast()),
            ("a table", (&raw const TABLE[3]).cast()),
            ("a literal", "text".as_ptr().cast()),
            ("a promoted array", [1_u8, 2, 3].as_ptr().cast()),
            ("a function", check as fn() as *const c_void),
            ("a plain thread-local", PLAIN.with(|p| (&raw const *p).cast())),
            ("a lazy thread-local", LAZY.with(|p| (&raw const *p).cast())),
        ];
        // SAFETY: errno's place, the environment's, and C memory of our own.
        let of_c = unsafe {
            held.push(("errno", libc::__errno_location().cast_const().cast()));
            held.push(("environ", environ.cast()));
            held.push(("a variable", (*environ).cast()));
            let of_c = libc::malloc(100);
            held.push(("malloc", of_c.cast_const()));
            of_c
        };
        for (name, address) in held {
            let pair = Pair { first: address, second: address };
            let boxed = Box::new(pair);
            // SAFETY: live pairs, in which C compares addresses with null.
            catch(|| unsafe {
                robust::pair_is_full(&raw const pair);
                robust::pair_is_full(&raw const *boxed);
                robust::pair_is_full_by_value(pair);
                robust::take(address);
            })
            .unwrap_or_else(|violation| panic!("{name} is nobody's to free:\n{violation}"));
        }
        // SAFETY: from `malloc`.
        unsafe { libc::free(of_c) };
    }
    at_checked_levels("what_lives_for_ever_may_be_held", || {
        check();
        std::thread::spawn(check).join().expect("clean on a thread");
        inside_a_callback(check);
        let mut f: fn() = check;
        // SAFETY: as above.
        assert_eq!(unsafe { robust::call_on_thread(run, (&raw mut f).cast()) }, 0);
    });
}
