//! Frees across the border, and C's own mistakes, when C's heap is ours.

use std::ffi::{CString, c_void};
use std::os::unix::process::ExitStatusExt;

use c_fixtures::alloc_dealloc_mismatch as c;
use ffi_guard::{Rule, Violation, catch, expect_violation};
use ffi_guard_tests::process::{at_both_levels, at_level, is_child, run_self, stderr};

/// A Rust block that has no owner any more.
fn leaked() -> *mut c_void {
    Box::into_raw(Box::new([7_u64; 5])).cast()
}

/// Frees a block that is Rust's again, because the wrong free was left out.
fn take_back(block: *mut c_void) {
    // SAFETY: from `leaked`, and still there.
    assert_eq!(*unsafe { Box::from_raw(block.cast::<[u64; 5]>()) }, [7; 5]);
}

fn text(violation: &Violation) -> String {
    violation.to_string()
}

#[test]
fn a_rust_block_given_to_cs_free() {
    const TEST: &str = "frees::a_rust_block_given_to_cs_free";
    if is_child() {
        // SAFETY: no core files from a test.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        let block = leaked();
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe { c::free_it(block) };
        take_back(block);
        println!("it went on");
        return;
    }
    for level in ["1", "2"] {
        let output = run_self(TEST, &[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(
            said.contains("ffi-guard[alloc_dealloc_mismatch]: `free` got a 40-byte block of Rust's heap"),
            "{said}"
        );
        assert!(said.contains("◀───given───") || said.contains("<---given---"), "{said}");
        assert!(said.contains("ffg_free_it"), "C's function is named: {said}");
        assert!(!said.contains("free(): "), "it is not left to glibc: {said}");
    }
    for variables in
        [("GUARD_ON_VIOLATION", "report"), ("GUARD_WARN", "all"), ("GUARD_ALLOW", "alloc_dealloc_mismatch")]
    {
        let output = run_self(TEST, &[("GUARD", "2"), variables]);
        let said = stderr(&output);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("it went on"), "{said}");
        assert_eq!(said.contains("ffi-guard["), variables.0 != "GUARD_ALLOW", "{said}");
    }
}

#[test]
fn the_call_under_way_that_lent_it_is_named() {
    at_level("frees::the_call_under_way_that_lent_it_is_named", "2", || {
        let value = Box::into_raw(Box::new(7));
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe { c::bad_done_with(value) };
        });
        let text = text(&violation);
        assert_eq!((violation.function(), violation.parameter()), (Some("bad_done_with"), Some("value")), "{text}");
        assert!(text.contains("lent to this call, which is under way"), "{text}");
        assert!(text.contains("ffg_done_with"), "{text}");
        // SAFETY: the wrong free was left out.
        drop(unsafe { Box::from_raw(value) });
    });
}

#[test]
fn the_functions_own_severity_holds_while_it_is_under_way() {
    mod allowed {
        #[ffi_guard::guard]
        unsafe extern "C" {
            #[link_name = "ffg_done_with"]
            #[guard(allow(alloc_dealloc_mismatch))]
            pub(crate) fn done_with(#[guard(owned)] value: *mut i32) -> i32;
        }
    }
    at_level("frees::the_functions_own_severity_holds_while_it_is_under_way", "2", || {
        let value = Box::into_raw(Box::new(7));
        // SAFETY: the wrong free is left out.
        let read = catch(|| unsafe { allowed::done_with(value) });
        assert_eq!(read.expect("allowed"), 7);
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(value) });
    });
}

#[test]
fn a_rust_block_given_to_cs_other_functions() {
    at_both_levels("frees::a_rust_block_given_to_cs_other_functions", || {
        let block = leaked();
        // SAFETY: not sound, and that is the point: it is refused.
        let outcome = catch(|| assert_eq!(unsafe { c::size_of_it(block) }, 40));
        let violation = outcome.expect_err("Rust's");
        assert_eq!(violation.message(), "`malloc_usable_size` got a 40-byte block of Rust's heap");
        let outcome = catch(|| {
            // SAFETY: not sound, and that is the point: it is refused.
            let moved = unsafe { c::resize_it(block, 100) }.cast::<[u64; 5]>();
            // SAFETY: a new block of C's, with the content.
            unsafe {
                assert_eq!(moved.read(), [7; 5]);
                libc::free(moved.cast());
            }
        });
        assert_eq!(outcome.expect_err("Rust's").message(), "`realloc` got a 40-byte block of Rust's heap");
        // SAFETY: not sound, and that is the point: it is refused.
        let outcome = catch(|| unsafe { c::free_it(block.wrapping_byte_add(8)) });
        let violation = outcome.expect_err("Rust's");
        assert_eq!(violation.message(), "`free` got byte 8 of a 40-byte block of Rust's heap");
        assert_eq!(violation.block().map(|block| block.size()), Some(40));
        take_back(block);
    });
}

#[test]
fn a_large_block_of_rusts() {
    at_both_levels("frees::a_large_block_of_rusts", || {
        let mut large = vec![1_u8; 3_000_000];
        // SAFETY: not sound, and that is the point: it is refused.
        let outcome = catch(|| unsafe { c::free_it(large.as_mut_ptr().cast()) });
        assert_eq!(outcome.expect_err("Rust's").message(), "`free` got a 3000000-byte block of Rust's heap");
        assert_eq!(large.iter().map(|&one| usize::from(one)).sum::<usize>(), large.len());
    });
}

#[test]
fn a_block_of_cs_dropped_by_rust_names_its_allocation() {
    at_level("frees::a_block_of_cs_dropped_by_rust_names_its_allocation", "2", || {
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { CString::from_raw(c::greeting()) });
        });
        let text = text(&violation);
        assert_eq!(violation.message(), "`dealloc` got a 36-byte block of C's heap");
        assert!(text.contains("ffg_greeting"), "who allocated it: {text}");
        assert!(text.contains("36 bytes, live"), "{text}");
        let read: serde_json::Value = serde_json::from_str(&violation.to_json()).expect("an object");
        assert_eq!(read["finding"]["c_block"]["size"], 36);
    });
}

#[test]
fn freed_once_on_each_side() {
    at_both_levels("frees::freed_once_on_each_side", || {
        let violation = catch(|| {
            let text = c::greeting();
            // SAFETY: none of the second: this is what is refused.
            unsafe {
                c::free_it(text.cast());
                // (`CString` would read the text first.)
                drop(Vec::from_raw_parts(text.cast::<u8>(), 0, 36));
            }
        });
        let violation = violation.expect_err("freed by C");
        assert_eq!(violation.message(), "a 36-byte block of C's heap was freed by C, then by Rust");
        let violation = catch(|| {
            let block = leaked();
            // SAFETY: none of the second: this is what is refused.
            unsafe {
                drop(Box::from_raw(block.cast::<[u64; 5]>()));
                libc::free(block);
            }
        });
        let violation = violation.expect_err("freed by Rust");
        assert_eq!(violation.rule(), Rule::DoubleFree);
        assert_eq!(violation.message(), "a 40-byte block of Rust's heap was freed by Rust, then by C");
    });
}

#[test]
fn a_block_that_c_frees_twice() {
    at_both_levels("frees::a_block_that_c_frees_twice", || {
        let violation = catch(|| {
            let block = c::numbers(10).cast();
            // SAFETY: none of the second: this is what is refused.
            unsafe {
                libc::free(block);
                libc::free(block);
            }
        });
        let violation = violation.expect_err("twice");
        assert_eq!(violation.message(), "a 40-byte block of C's heap was freed twice");
        if ffi_guard::level() == ffi_guard::Level::Full {
            let text = text(&violation);
            assert!(text.contains("ffg_numbers") && text.contains("freed again: "), "{text}");
        }
    });
}

#[test]
fn a_block_of_cs_grown_after_it_was_freed() {
    at_both_levels("frees::a_block_of_cs_grown_after_it_was_freed", || {
        let violation = catch(|| {
            let block = c::numbers(10).cast();
            // SAFETY: none of the second: this is what is refused.
            unsafe {
                libc::free(block);
                let moved = libc::realloc(block, 100);
                assert!(!moved.is_null(), "the program goes on, without the content");
                libc::free(moved);
            }
        });
        assert_eq!(violation.expect_err("freed").message(), "`realloc` got a 40-byte block that is freed already");
    });
}

#[test]
fn the_middle_of_a_block_of_cs() {
    at_both_levels("frees::the_middle_of_a_block_of_cs", || {
        let block: *mut c_void = c::numbers(10).cast();
        // SAFETY: not sound, and that is the point: it is refused.
        let outcome = catch(|| unsafe { libc::free(block.wrapping_byte_add(16)) });
        assert_eq!(outcome.expect_err("inside").message(), "`free` got byte 16 of a 40-byte block of C's heap");
        // SAFETY: a live block, freed once.
        unsafe { libc::free(block) };
    });
}
