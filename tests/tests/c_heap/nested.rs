//! `nested_pointer` at the end of a chain of C's blocks.

use c_fixtures::c_heap as c;
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_level, at_levels};

#[test]
fn a_rust_pointer_behind_three_c_blocks_is_found() {
    at_level("nested::a_rust_pointer_behind_three_c_blocks_is_found", "2", || {
        let chain = c::new_chain(3);
        let value = Box::new(7);
        // SAFETY: a live chain; its last link is C's, and not used otherwise.
        unsafe { (*c::end_of_chain(chain)).data = (&raw const *value).cast_mut().cast() };
        let violation = expect_violation!(Rule::NestedPointer, {
            // SAFETY: a live chain.
            unsafe { c::use_chain(chain) };
        });
        assert_eq!(violation.function(), Some("use_chain"));
        assert!(violation.target().is_some_and(|block| block.address() == (&raw const *value).addr()), "{violation}");
        let report = violation.to_string();
        assert!(report.contains("   C allocated: "), "who made the block that holds the word: {report}");
        // SAFETY: a live chain, freed once.
        unsafe {
            (*c::end_of_chain(chain)).data = std::ptr::null_mut();
            c::free_chain(chain);
        }
    });
}

#[test]
fn a_chain_that_leads_to_c_memory_alone_is_clean() {
    at_levels("nested::a_chain_that_leads_to_c_memory_alone_is_clean", &["1", "2"], || {
        let chain = c::new_chain(1000);
        let copy = c::alloc(4);
        // SAFETY: a live chain, and a block of C's for the copy.
        unsafe {
            copy.cast::<i32>().write(7);
            (*c::end_of_chain(chain)).data = copy;
            assert_eq!(catch(|| c::use_chain(chain)).expect("clean"), 1000);
            c::free(copy);
            c::free_chain(chain);
        }
    });
}
