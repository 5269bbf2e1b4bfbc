//! `retained_pointer` in C's heap. The tests share C's lists: each lets go of what it had C keep.

use std::sync::atomic::{AtomicBool, Ordering};

use c_fixtures::c_heap as c;
use c_fixtures::retained_pointer::{bad_keep_seldom, forget_seldom};
use ffi_guard::{Place, Rule, Violation, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::at_level;

/// Size of the block that holds the pointer, and where in it.
fn block_of(violation: &Violation) -> (usize, usize) {
    match violation.place() {
        Some(Place::CHeap { size, offset, .. }) => (*size, *offset),
        other => panic!("kept in no block of C's but {other:?}:\n{violation}"),
    }
}

#[test]
fn a_node_of_a_list_is_found_with_the_place_that_allocated_it() {
    at_level("kept::a_node_of_a_list_is_found_with_the_place_that_allocated_it", "2", || {
        let value = Box::new(7);
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a value that lives until the list is freed.
            unsafe { c::bad_keep_node(&raw const *value) };
        });
        assert_eq!(block_of(&violation), (24, 16));
        let Some(Place::CHeap { allocated_at, .. }) = violation.place() else { panic!("{violation}") };
        let frames = allocated_at.frames();
        let named = |name: &str| frames.iter().any(|frame| frame.function().is_some_and(|f| f.contains(name)));
        assert!(named("node_new") || named("ffg_bad_keep_node"), "who allocated it: {frames:?}");
        let report = violation.to_string();
        assert!(report.contains("24-byte block") && report.contains("c_heap.c"), "{report}");
        c::forget_nodes();
    });
}

#[test]
fn the_third_node_of_many_is_found() {
    at_level("kept::the_third_node_of_many_is_found", "2", || {
        let values: Vec<Box<i32>> = (0..5).map(Box::new).collect();
        for value in &values {
            let violation = expect_violation!(Rule::RetainedPointer, {
                // SAFETY: a value that lives until the list is freed.
                unsafe { c::bad_keep_node(&raw const **value) };
            });
            assert!(violation.block().is_some_and(|block| block.address() == (&raw const **value).addr()));
        }
        // SAFETY: the values still live.
        assert_eq!(unsafe { c::sum_nodes() }, 10);
        c::forget_nodes();
    });
}

#[test]
fn a_block_that_is_kept_in_two_places_is_one_story() {
    at_level("kept::a_block_that_is_kept_in_two_places_is_one_story", "2", || {
        let value = Box::new(7);
        expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a value that lives until the list is freed.
            unsafe { c::bad_keep_twice(&raw const *value) };
        });
        catch(checkpoint).expect("the other place is the same story");
        c::forget_nodes();
        c::forget_grown();
    });
}

#[test]
fn an_array_that_grows_is_found() {
    at_level("kept::an_array_that_grows_is_found", "2", || {
        let value = Box::new(7);
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a value that lives until the array is freed.
            unsafe { c::bad_keep_grown(&raw const *value) };
        });
        assert_eq!(block_of(&violation), (8, 0));
        c::forget_grown();
    });
}

#[test]
fn what_c_held_before_it_holds_still_wherever_it_moves_it() {
    at_level("kept::what_c_held_before_it_holds_still_wherever_it_moves_it", "2", || {
        let value = Box::new(7);
        expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a value that lives until the array is freed.
            unsafe { c::bad_keep_grown(&raw const *value) };
        });
        for _ in 0..4 {
            let read = catch(|| {
                // SAFETY: as above.
                unsafe { c::ok_grow_kept(&raw const *value) }
            });
            assert_eq!(read.expect("kept by no call but the first"), 7);
        }
        // Once more, in an array that moves: that is news.
        expect_violation!(Rule::RetainedPointer, {
            // SAFETY: as above.
            unsafe { c::bad_keep_grown(&raw const *value) };
        });
        c::forget_grown();
    });
}

#[test]
fn what_lies_in_freed_memory_nobody_holds() {
    at_level("kept::what_lies_in_freed_memory_nobody_holds", "2", || {
        let value = Box::new(7);
        catch(|| {
            for _ in 0..500 {
                // SAFETY: a value that outlives the calls.
                unsafe {
                    c::ok_keep_in_freed(&raw const *value);
                    c::ok_keep_in_reused(&raw const *value);
                }
            }
            checkpoint();
        })
        .expect("clean");
        c::forget_reused();
    });
}

#[test]
fn what_is_taken_out_again_or_copied_is_clean() {
    at_level("kept::what_is_taken_out_again_or_copied_is_clean", "2", || {
        let value = Box::new(7);
        catch(|| {
            for _ in 0..100 {
                // SAFETY: a value that outlives the calls.
                unsafe {
                    assert_eq!(c::ok_node_cleared(&raw const *value), 7);
                    c::ok_copy_to_node(&raw const *value);
                }
            }
            checkpoint();
        })
        .expect("clean");
        c::forget_nodes();
    });
}

#[test]
fn a_number_below_the_region_is_no_pointer() {
    at_level("kept::a_number_below_the_region_is_no_pointer", "2", || {
        let value = Box::new(7);
        // An address below the block by the size of the region, where no memory is.
        let below = (&raw const *value).wrapping_byte_sub(8 << 40);
        // SAFETY: neither is followed by C.
        catch(|| unsafe { c::bad_keep_node(below) }).expect("clean");
        c::forget_nodes();
    });
}

#[test]
fn a_node_kept_by_one_call_of_many_is_found_by_the_sweep() {
    at_level("kept::a_node_kept_by_one_call_of_many_is_found_by_the_sweep", "2", || {
        let warm = Box::new(6);
        let lend_often = || {
            for _ in 0..20_000 {
                // SAFETY: the value outlives the call, which keeps nothing.
                assert_eq!(unsafe { bad_keep_seldom(&raw const *warm, 0) }, 6);
            }
        };
        lend_often();
        // In a call that is only noted. If a call is searched for at once, it has its violation,
        // and the next one is tried.
        let value = (0..10_000).find_map(|_| {
            let value = Box::new(7);
            // SAFETY: the value outlives what C keeps.
            match catch(|| unsafe { c::bad_keep_node(&raw const *value) }) {
                Ok(()) => Some(value),
                Err(_) => {
                    c::forget_nodes();
                    None
                }
            }
        });
        let value = value.expect("every call was looked after at once");
        let violation = expect_violation!(Rule::RetainedPointer, { checkpoint() });
        assert_eq!(violation.function(), Some("bad_keep_node"));
        assert!(violation.block().is_some_and(|block| block.address() == (&raw const *value).addr()));
        assert_eq!(block_of(&violation), (24, 16));
        catch(checkpoint).expect("told once");
        c::forget_nodes();
        forget_seldom();
    });
}

/// Tells the others to stop, however this thread ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_large_heap_is_searched_while_others_allocate_in_it() {
    at_level("kept::a_large_heap_is_searched_while_others_allocate_in_it", "2", || {
        c::ok_grow_heap(16 << 20);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for seed in 0..2 {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(c::malloc_storm(seed, 500), 0);
                    }
                });
            }
            let _stop = Stop(&stop);
            for _ in 0..20 {
                let value = Box::new(7);
                // At once or by the sweep, as the budget decides.
                let at_once = catch(|| {
                    // SAFETY: a value that lives until the list is freed.
                    unsafe { c::bad_keep_node(&raw const *value) };
                });
                let violation = match at_once {
                    Err(violation) => violation,
                    Ok(()) => expect_violation!(Rule::RetainedPointer, { checkpoint() }),
                };
                assert_eq!(block_of(&violation), (24, 16), "{violation}");
                c::forget_nodes();
            }
        });
        c::shrink_heap();
    });
}
