//! `malloc` and its family behave as C's manuals say, at every level.

use c_fixtures::c_heap as c;
use ffi_guard_tests::process::{end_if_stuck, is_child, with_variables};

/// Every level, and those with samples; with so many that each block that may be is one.
const SETTINGS: [&[(&str, &str)]; 7] = [
    &[("GUARD", "0")],
    &[("GUARD", "1")],
    &[("GUARD", "2")],
    &[("GUARD", "3")],
    &[("GUARD", "1"), ("GUARD_SAMPLE", "1")],
    &[("GUARD", "1"), ("GUARD_SAMPLE", "7")],
    &[("GUARD", "2"), ("GUARD_SAMPLE", "3")],
];

/// Runs the calling test's body with each of them, each in a process of its own.
fn everywhere(test: &str, body: impl Fn()) {
    for variables in SETTINGS {
        with_variables(test, variables, &body);
        if is_child() {
            return;
        }
    }
}

#[test]
fn every_function_does_what_its_manual_says() {
    everywhere("family::every_function_does_what_its_manual_says", || assert_eq!(c::malloc_family(), 0));
}

#[test]
fn a_storm_of_blocks_on_four_threads() {
    everywhere("family::a_storm_of_blocks_on_four_threads", || {
        std::thread::scope(|scope| {
            for seed in 0..4 {
                scope.spawn(move || assert_eq!(c::malloc_storm(seed, 10_000), 0));
            }
        });
    });
}

#[test]
fn threads_allocate_to_their_very_end() {
    everywhere("family::threads_allocate_to_their_very_end", || assert_eq!(c::malloc_at_thread_end(), 0));
}

#[test]
fn a_signal_handler_may_allocate_where_it_interrupted_nothing() {
    everywhere("family::a_signal_handler_may_allocate_where_it_interrupted_nothing", || {
        end_if_stuck();
        assert_eq!(c::malloc_in_handler(), 0);
    });
}

#[test]
fn a_fork_in_the_middle_of_others_allocations() {
    everywhere("family::a_fork_in_the_middle_of_others_allocations", || {
        end_if_stuck();
        assert_eq!(c::malloc_and_fork(), 0);
    });
}

#[test]
fn a_block_that_rust_frees_is_a_block_of_cs() {
    everywhere("family::a_block_that_rust_frees_is_a_block_of_cs", || {
        let block = c::alloc(100);
        // SAFETY: a live block of C's, freed once.
        unsafe {
            assert!(c::usable(block) >= 100);
            libc::free(c::realloc(block, 1000));
        }
    });
}
