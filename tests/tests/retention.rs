//! What C keeps beyond the calls that are looked after at once: noted, and settled by a sweep.

use c_fixtures::retained_pointer::{bad_keep_seldom, forget_seldom, keeps_seldom};
use ffi_guard::{Place, Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Calls of one function after which the budget of so short a function is long spent.
const MANY: usize = 20_000;

/// Lends a block so often, and has C keep it in one call.
fn lend_often(value: &i32, kept_in: usize) {
    for call in 0..MANY {
        // SAFETY: the value outlives the call.
        let read = unsafe { bad_keep_seldom(value, (call == kept_in).into()) };
        assert_eq!(read, *value);
    }
}

#[test]
fn a_pointer_kept_by_one_call_of_many_is_found_and_named() {
    at_level("a_pointer_kept_by_one_call_of_many_is_found_and_named", "2", || {
        let value = Box::new(7);
        let violation = expect_violation!(Rule::RetainedPointer, {
            lend_often(&value, MANY / 2);
            checkpoint();
        });
        assert_eq!(violation.function(), Some("bad_keep_seldom"));
        assert_eq!(violation.parameter(), Some("value"));
        assert!(violation.location().is_some_and(|site| site.file().ends_with("tests/retention.rs")));
        assert!(violation.block().is_some_and(|block| block.address() == (&raw const *value).addr()));
        let Some(Place::Global { symbol, .. }) = violation.place() else { panic!("{violation}") };
        assert_eq!(symbol.as_deref(), Some("ffg_kept_seldom"));
        assert!(violation.to_string().contains("first seen after"), "{violation}");
        catch(checkpoint).expect("told once");
        forget_seldom();
    });
}

#[test]
fn what_is_kept_and_cleared_before_the_sweep_is_clean() {
    at_level("what_is_kept_and_cleared_before_the_sweep_is_clean", "2", || {
        let value = Box::new(7);
        catch(|| {
            lend_often(&value, MANY + 1);
            checkpoint();
        })
        .expect("nothing was kept");
        assert_eq!(keeps_seldom(), 0);
    });
}

#[test]
fn many_blocks_of_many_threads_and_the_one_that_is_kept() {
    at_level("many_blocks_of_many_threads_and_the_one_that_is_kept", "2", || {
        let violation = expect_violation!(Rule::RetainedPointer, {
            let kept = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        scope.spawn(move || {
                            let blocks: Vec<Box<i32>> = (0..800).map(Box::new).collect();
                            for (i, block) in blocks.iter().enumerate() {
                                // SAFETY: the block outlives the call.
                                unsafe { bad_keep_seldom(&**block, (thread == 2 && i == 700).into()) };
                            }
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
    });
}

#[test]
fn at_exit_what_is_left_is_settled() {
    const TEST: &str = "at_exit_what_is_left_is_settled";
    if is_child() {
        let value = Box::leak(Box::new(7));
        lend_often(value, MANY / 2);
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
            let value = Box::new(7);
            lend_often(&value, MANY / 2);
            drop(value);
            // More than the quarantine holds, so that the block leaves it; and then any guarded call.
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
