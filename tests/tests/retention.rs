//! Pointers that C keeps after the calls that are searched for at once: noted, and settled by a
//! sweep.

use c_fixtures::freed_while_retained::{bad_set_listener, ok_unset_listener};
use c_fixtures::retained_places::{
    List, PlainList, bad_keep_local, bad_store_in, bad_store_in_plain, forget_local, ok_fill, ok_store_copy,
    ok_store_in,
};
use c_fixtures::retained_pointer::{allowed_keep_seldom, bad_keep_seldom, forget_seldom, keeps_seldom};
use ffi_guard::{Place, Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// The number of calls after which the budget of such a short function is long spent.
const MANY: usize = 20_000;

/// Lends a block in [`MANY`] calls, and has C keep it in one of them.
fn lend_often(value: &i32, kept_in: usize) {
    for call in 0..MANY {
        // SAFETY: the value outlives the call.
        let read = unsafe { bad_keep_seldom(value, (call == kept_in).into()) };
        assert_eq!(read, *value);
    }
}

/// Has C keep a block in a call that is only noted. How many calls are searched for at once depends
/// on their time: if one is, it has its violation, and the next one is tried.
fn keep_unseen() -> Box<i32> {
    lend_often(&6, MANY + 1);
    for _ in 0..10_000 {
        let value = Box::new(7);
        // SAFETY: the value outlives what C keeps.
        if catch(|| unsafe { bad_keep_seldom(&raw const *value, 1) }).is_ok() {
            return value;
        }
        forget_seldom();
    }
    panic!("every call was looked after at once");
}

#[ffi_guard::test(level = 2, process)]
fn a_pointer_kept_by_one_call_of_many_is_found_and_named() {
    let value = keep_unseen();
    let violation = expect_violation!(Rule::RetainedPointer, { checkpoint() });
    assert_eq!(violation.function(), Some("bad_keep_seldom"));
    assert_eq!(violation.parameter(), Some("value"));
    assert!(violation.location().is_some_and(|site| site.file().ends_with("tests/retention.rs")));
    assert!(violation.block().is_some_and(|block| block.address() == (&raw const *value).addr()));
    let Some(Place::Global { symbol, .. }) = violation.place() else { panic!("{violation}") };
    assert_eq!(symbol.as_deref(), Some("ffg_kept_seldom"));
    assert!(violation.to_string().contains("first seen after"), "{violation}");
    catch(checkpoint).expect("told once");
    forget_seldom();
}

#[ffi_guard::test(level = 2, process)]
fn what_is_kept_and_cleared_before_the_sweep_is_clean() {
    let value = Box::new(7);
    catch(|| {
        lend_often(&value, MANY + 1);
        checkpoint();
    })
    .expect("nothing was kept");
    assert_eq!(keeps_seldom(), 0);
}

#[test]
fn one_argument_that_c_stores_in_another_is_found_in_every_call() {
    at_level("one_argument_that_c_stores_in_another_is_found_in_every_call", "2", || {
        for call in 0..400 {
            let value = Box::new(7);
            let mut list = Box::new(List { count: 0, first: std::ptr::null() });
            // SAFETY: both live on; what is stored is not followed after the value's end.
            let stored = catch(|| unsafe { bad_store_in(&raw mut *list, &raw const *value) });
            let violation = stored.expect_err(&format!("call {call} was not looked after"));
            assert_eq!(violation.rule(), Rule::RetainedPointer, "{violation}");
            assert!(violation.to_string().contains("C left `value` in `list`"), "{violation}");
            let mut list = Box::new(PlainList { count: 0, first: std::ptr::null() });
            // SAFETY: as above.
            catch(|| unsafe { bad_store_in_plain(&raw mut *list, &raw const *value) }).expect_err("as above");
        }
    });
}

#[test]
fn what_rust_stores_in_an_argument_is_clean_in_every_call() {
    at_level("what_rust_stores_in_an_argument_is_clean_in_every_call", "2", || {
        for _ in 0..400 {
            let value = Box::new(7);
            let mut list = Box::new(List { count: 0, first: std::ptr::null() });
            // SAFETY: both live through the calls.
            unsafe {
                ok_store_copy(&raw mut *list, &raw const *value);
                list.first = &raw const *value;
                ok_fill(&raw mut *list, &raw const *value);
                ok_store_in(&raw mut *list, &raw const *value);
                let other = Box::new(8);
                let mut list = Box::new(List { count: 0, first: std::ptr::null() });
                ok_store_copy(&raw mut *list, &raw const *other);
                list.first = &raw const *other;
            }
        }
        checkpoint();
    });
}

mod allowed {
    #[ffi_guard::guard]
    unsafe extern "C" {
        /// The function, declared by a caller who knows that C keeps the value.
        #[link_name = "ffg_bad_keep_seldom"]
        #[guard(allow(retained_pointer))]
        pub fn keep(value: *const i32, keep: std::ffi::c_int) -> i32;
    }
}

#[ffi_guard::test(level = 2, process)]
fn what_one_call_is_allowed_to_keep_no_other_is_blamed_for() {
    let (warm, value) = (Box::new(6), Box::new(7));
    // After the calls that are searched for at once.
    lend_often(&warm, MANY + 1);
    catch(|| {
        // SAFETY: the value outlives what C keeps.
        unsafe { allowed::keep(&raw const *value, 1) };
        lend_often(&value, MANY + 1);
        checkpoint();
    })
    .expect("it was allowed to keep it");
    assert_eq!(keeps_seldom(), 1);
    forget_seldom();
}

#[test]
fn nor_where_that_call_is_one_of_many() {
    // The fixture's wrapper is that of a release build, ours that of a debug build.
    for (keep, name) in [(allowed::keep as Keep, "ours"), (allowed_keep_seldom as Keep, "the fixture's")] {
        at_level("nor_where_that_call_is_one_of_many", "2", || {
            let (warm, value) = (Box::new(6), Box::new(7));
            lend_often(&warm, MANY + 1);
            let keep_often = |value: &i32, kept_in: usize| {
                // SAFETY: live values; the one that C keeps outlives that.
                (0..MANY).for_each(|call| _ = unsafe { keep(value, (call == kept_in).into()) });
            };
            keep_often(&warm, MANY + 1);
            catch(|| {
                keep_often(&value, MANY / 2);
                lend_often(&value, MANY + 1);
                checkpoint();
            })
            .expect("it was allowed to keep it");
            assert_eq!(keeps_seldom(), 1, "{name}");
            // Freed while C holds it: allowed as well.
            let freed = catch(|| drop(value)).and_then(|()| catch(checkpoint));
            freed.expect("whatever becomes of it");
            forget_seldom();
        });
    }
}

type Keep = unsafe fn(*const i32, std::ffi::c_int) -> i32;

mod bare {
    unsafe extern "C" {
        /// The function, declared without the guard.
        #[link_name = "ffg_bad_keep_seldom"]
        pub(super) fn keep(value: *const i32, keep: std::ffi::c_int) -> i32;
    }
}

#[ffi_guard::test(level = 2, process)]
fn what_c_held_before_a_call_is_no_news_to_a_sweep() {
    let value = Box::new(7);
    // SAFETY: the value outlives what C keeps.
    unsafe { bare::keep(&raw const *value, 1) };
    catch(|| {
        // Searched for at once: the pointer is there before the call, and after it.
        // SAFETY: as above.
        unsafe { bad_keep_seldom(&raw const *value, 0) };
        checkpoint();
    })
    .expect("no guarded call has kept it");
    assert_eq!(keeps_seldom(), 1);
    forget_seldom();
}

#[ffi_guard::test(level = 2, process)]
fn a_thread_local_of_another_thread_is_found_while_that_lives() {
    let (told, hears) = std::sync::mpsc::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        // As in `keep_unseen`: a new value for each try.
        let value = (0..20_000).map(|_| Box::new(7)).find(|value| {
            // SAFETY: the value that C keeps in the end outlives that.
            let seen = catch(|| unsafe { bad_keep_local(&raw const **value) }).is_err();
            if seen {
                forget_local();
            }
            !seen
        });
        let value = value.expect("not every call is looked after at once");
        told.send((&raw const *value).addr()).expect("the test waits");
        wait.recv().expect("the test goes on");
        forget_local();
    });
    let address = hears.recv().expect("the other thread keeps it");
    let violation = expect_violation!(Rule::RetainedPointer, { checkpoint() });
    go_on.send(()).expect("the other thread waits");
    other.join().expect("no violation there");
    assert!(violation.block().is_some_and(|block| block.address() == address), "{violation}");
    match violation.place() {
        Some(Place::Tls { symbol: Some(symbol), thread, .. }) => {
            assert_eq!((symbol.as_str(), Some(*thread)), ("ffg_kept_local", violation.thread()));
        }
        place => panic!("{place:?}:\n{violation}"),
    }
}

#[ffi_guard::test(level = 2, process)]
fn many_blocks_of_many_threads_and_the_one_that_is_kept() {
    let violation = expect_violation!(Rule::RetainedPointer, {
        let kept = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    scope.spawn(move || {
                        let blocks: Vec<Box<i32>> = (0..800).map(Box::new).collect();
                        let mut kept = false;
                        for (i, block) in blocks.iter().enumerate() {
                            let keep = thread == 2 && i >= 100 && !kept;
                            // SAFETY: the block outlives the call.
                            match catch(|| unsafe { bad_keep_seldom(&raw const **block, keep.into()) }) {
                                Ok(_) => kept |= keep,
                                // It was searched for at once: the next one is tried.
                                Err(_) => forget_seldom(),
                            }
                        }
                        assert!(kept || thread != 2, "every call was looked after at once");
                        // All blocks live on: a freed one would be another story.
                        blocks
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no violation in a thread")).collect::<Vec<_>>()
        });
        checkpoint();
        drop(kept);
    });
    assert_eq!(violation.function(), Some("bad_keep_seldom"));
    forget_seldom();
}

#[test]
fn at_exit_what_is_left_is_settled() {
    const TEST: &str = "at_exit_what_is_left_is_settled";
    if is_child() {
        Box::leak(keep_unseen());
        return;
    }
    use std::os::unix::process::ExitStatusExt;
    let output = run_self(TEST, &[("GUARD", "2")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(6), "{stderr}");
    assert!(stderr.contains("ffi-guard[retained_pointer]: "), "{stderr}");
    assert!(stderr.contains("ffg_kept_seldom") && stderr.contains("found at exit"), "{stderr}");
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ON_VIOLATION", "report")]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.matches("ffi-guard[retained_pointer]: ").count(), 1, "{stderr}");
}

#[test]
fn a_noted_block_that_is_freed_is_settled_before_it_is_used_again() {
    const TEST: &str = "a_noted_block_that_is_freed_is_settled_before_it_is_used_again";
    if is_child() {
        let violation = expect_violation!(Rule::RetainedPointer, {
            drop(keep_unseen());
            // More than the quarantine holds, so that the block leaves it; and then any guarded
            // call.
            for _ in 0..50_000 {
                drop(std::hint::black_box(Box::new([0_u8; 100])));
            }
            lend_often(&8, MANY + 1);
        });
        let text = violation.to_string();
        assert!(violation.block().is_some_and(|block| !block.is_live()), "{text}");
        assert!(text.contains("freed:") && !text.contains("freed: not yet"), "{text}");
        forget_seldom();
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", "1M")]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[ffi_guard::test(level = 2, look = "each")]
fn with_look_each_what_a_later_call_clears_is_found_in_every_call() {
    let value = Box::new(7);
    for round in 0..200 {
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: the value outlives what C keeps.
            unsafe { bad_keep_seldom(&raw const *value, 1) };
        });
        assert_eq!(violation.function(), Some("bad_keep_seldom"), "round {round}");
        forget_seldom();
        // SAFETY: the value outlives the call.
        catch(|| unsafe { bad_keep_seldom(&raw const *value, 0) }).expect("it keeps nothing");
    }
    // On the stack it is no sweep that finds it.
    let on_the_stack = 7;
    for _ in 0..200 {
        expect_violation!(Rule::RetainedPointer, {
            // SAFETY: the value outlives what C keeps.
            unsafe { bad_keep_seldom(&raw const on_the_stack, 1) };
        });
        forget_seldom();
    }
    catch(checkpoint).expect("all is told");
}

#[ffi_guard::test(level = 2, look = "each")]
fn with_look_each_every_block_freed_too_early_is_found_at_once() {
    for round in 0..200 {
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            let user = Box::new(7);
            // SAFETY: C does not read what it keeps.
            unsafe { bad_set_listener(3, &raw const *user) };
        });
        assert_eq!(violation.function(), Some("bad_set_listener"), "round {round}");
        ok_unset_listener(3);
        catch(|| {
            let user = Box::new(7);
            // SAFETY: C does not read what it keeps.
            unsafe { bad_set_listener(3, &raw const *user) };
            ok_unset_listener(3);
        })
        .expect("C let go of it first");
    }
}
