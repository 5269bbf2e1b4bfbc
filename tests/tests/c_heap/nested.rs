//! `nested_pointer` at the end of a chain of C's blocks.

use c_fixtures::c_heap as c;
use ffi_guard::{Rule, catch};
use ffi_guard_tests::process::{at_levels, is_child, run_self, stderr};

#[test]
fn a_rust_pointer_behind_three_c_blocks_is_told_of_where_it_is_asked_for() {
    let test = "nested::a_rust_pointer_behind_three_c_blocks_is_told_of_where_it_is_asked_for";
    if is_child() {
        let chain = c::new_chain(3);
        let value = Box::new(7);
        // SAFETY: a live chain; its last link is C's, and not used otherwise.
        unsafe { (*c::end_of_chain(chain)).data = (&raw const *value).cast_mut().cast() };
        // SAFETY: a live chain.
        let used = catch(|| unsafe { c::use_chain(chain) });
        match used {
            Ok(_) => println!("let pass"),
            Err(violation) => {
                assert_eq!((violation.rule(), violation.function()), (Rule::NestedPointer, Some("use_chain")));
                let target = violation.target().map(|block| block.address());
                assert_eq!(target, Some((&raw const *value).addr()), "{violation}");
                assert!(violation.message().contains(", in another block of C's, at byte "), "{violation}");
                let report = violation.to_string();
                assert!(report.contains("   C allocated: "), "who made the block that holds the word: {report}");
                println!("told of");
            }
        }
        // SAFETY: a live chain, freed once.
        unsafe {
            (*c::end_of_chain(chain)).data = std::ptr::null_mut();
            c::free_chain(chain);
        }
        return;
    }
    for (more, outcome) in [(&[][..], "let pass"), (&[("GUARD_DENY", "nested_pointer")], "told of")] {
        let output = run_self(test, &[&[("GUARD", "2")], more].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        assert!(output.status.success() && said.contains(outcome), "{said}");
    }
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
