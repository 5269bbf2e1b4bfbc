//! `malloc` and its family behave as C's manuals say, at every level.

use c_fixtures::c_heap as c;
use ffi_guard_tests::process::{at_levels, end_if_stuck};

const LEVELS: &[&str] = &["0", "1", "2"];

#[test]
fn every_function_does_what_its_manual_says() {
    at_levels("family::every_function_does_what_its_manual_says", LEVELS, || assert_eq!(c::malloc_family(), 0));
}

#[test]
fn a_storm_of_blocks_on_four_threads() {
    at_levels("family::a_storm_of_blocks_on_four_threads", LEVELS, || {
        std::thread::scope(|scope| {
            for seed in 0..4 {
                scope.spawn(move || assert_eq!(c::malloc_storm(seed, 10_000), 0));
            }
        });
    });
}

#[test]
fn threads_allocate_to_their_very_end() {
    at_levels("family::threads_allocate_to_their_very_end", LEVELS, || assert_eq!(c::malloc_at_thread_end(), 0));
}

#[test]
fn a_signal_handler_may_allocate_where_it_interrupted_nothing() {
    at_levels("family::a_signal_handler_may_allocate_where_it_interrupted_nothing", LEVELS, || {
        end_if_stuck();
        assert_eq!(c::malloc_in_handler(), 0);
    });
}

#[test]
fn a_fork_in_the_middle_of_others_allocations() {
    at_levels("family::a_fork_in_the_middle_of_others_allocations", LEVELS, || {
        end_if_stuck();
        assert_eq!(c::malloc_and_fork(), 0);
    });
}

#[test]
fn a_block_that_rust_frees_is_a_block_of_cs() {
    at_levels("family::a_block_that_rust_frees_is_a_block_of_cs", LEVELS, || {
        let block = c::alloc(100);
        // SAFETY: a live block of C's, freed once.
        unsafe {
            assert!(c::usable(block) >= 100);
            libc::free(c::realloc(block, 1000));
        }
    });
}
