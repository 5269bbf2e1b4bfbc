//! Random layouts, and a write at each distance around them: found if it is outside of what Rust
//! asked for, and only then.

use std::alloc::{Layout, alloc, dealloc};

use c_fixtures::buffer_overflow::poke;
use ffi_guard::{Rule, catch};
use ffi_guard_tests::process::at_level;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Layouts whose neighbours have canaries: before larger ones is memory without access,
/// and a write there faults.
fn layouts() -> impl Strategy<Value = Layout> {
    let size = prop_oneof![4 => 1_usize..64, 4 => 64_usize..1024, 2 => 1024_usize..3500];
    (size, 0_u32..7).prop_map(|(size, align)| Layout::from_size_align(size, 1 << align).expect("a small one"))
}

/// Has C write one byte at a distance from the block's start, and returns the result.
fn write_at(block: *mut u8, distance: isize) -> Option<ffi_guard::Violation> {
    // SAFETY: within the block, or in the canaries around it.
    catch(|| unsafe { poke(block, distance, 1, 0) }).err()
}

#[test]
fn every_write_outside_is_found_and_none_inside() {
    at_level("every_write_outside_is_found_and_none_inside", "2", || {
        let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
        runner
            .run(&layouts(), |layout| {
                // SAFETY: of a size above 0.
                let block = unsafe { alloc(layout) };
                let size = layout.size() as isize;
                let around = (-16..size.min(16)).chain((size - 16).max(16)..size + 16);
                for distance in around {
                    let found = write_at(block, distance);
                    if (0..size).contains(&distance) {
                        prop_assert!(found.is_none(), "{layout:?} {distance}: {found:?}");
                    } else {
                        let rule = found.as_ref().map(ffi_guard::Violation::rule);
                        prop_assert_eq!(rule, Some(Rule::BufferOverflow), "{:?} {}", layout, distance);
                    }
                }
                // SAFETY: from above, and used no more.
                unsafe { dealloc(block, layout) };
                Ok(())
            })
            .expect("every layout");
    });
}
