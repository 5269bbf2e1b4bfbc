//! alloc_dealloc_mismatch: memory is freed by the side that did not allocate it, or as another
//! block than it is.

use std::alloc::{Layout, dealloc};
use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use c_fixtures::alloc_dealloc_mismatch as c;
use ffi_guard::{CBox, CText, Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_both_levels, at_level, is_child, run_self, stderr};

/// The output of a process that ends by this rule, at each level and with both ways out of `deny`.
/// The child is this test again.
fn aborts(test: &str, wrong: impl Fn()) -> Vec<String> {
    if is_child() {
        // SAFETY: no core files from a test.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        wrong();
        println!("it went on");
        return Vec::new();
    }
    let with = |variables: &[(&str, &str)]| run_self(test, variables);
    let mut all = Vec::new();
    for level in ["1", "2"] {
        let output = with(&[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {said}");
        assert_eq!(said.matches("ffi-guard[alloc_dealloc_mismatch]: ").count(), 1, "{said}");
        assert!(said.contains("found inside the allocator, where unwinding is not possible"), "{said}");
        assert!(said.contains("rules/alloc_dealloc_mismatch.rs"), "who freed it is named at level {level}: {said}");
        all.push(said);
    }
    for variables in [("GUARD_ON_VIOLATION", "report"), ("GUARD_WARN", "alloc_dealloc_mismatch")] {
        let output = with(&[("GUARD", "2"), variables]);
        let said = stderr(&output);
        assert!(output.status.success(), "{variables:?}: {said}");
        assert_eq!(said.matches("ffi-guard[alloc_dealloc_mismatch]: ").count(), 1, "{said}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("it went on"), "{variables:?}");
    }
    let output = with(&[("GUARD", "2"), ("GUARD_ALLOW", "alloc_dealloc_mismatch")]);
    assert!(output.status.success() && !stderr(&output).contains("ffi-guard["), "{}", stderr(&output));
    all
}

#[test]
fn a_text_of_cs_dropped_as_a_c_string() {
    let said = aborts("alloc_dealloc_mismatch::a_text_of_cs_dropped_as_a_c_string", || {
        // SAFETY: not sound, and that is the point: it is refused.
        drop(unsafe { CString::from_raw(c::greeting()) });
    });
    for said in said {
        let what =
            if cfg!(feature = "c-heap") { "a 36-byte block of C's heap" } else { "memory that Rust never allocated" };
        assert!(said.contains(&format!("`dealloc` got {what}")), "{said}");
        assert!(said.contains("given: 36 bytes aligned to 1"), "{said}");
    }
}

#[test]
fn numbers_of_cs_dropped_as_a_vec_and_as_a_box() {
    at_level("alloc_dealloc_mismatch::numbers_of_cs_dropped_as_a_vec_and_as_a_box", "2", || {
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { Vec::from_raw_parts(c::numbers(10), 10, 10) });
        });
        let text = violation.to_string();
        assert!(text.contains("given: 40 bytes aligned to 4"), "{text}");
        assert!(violation.function().is_none() && violation.block().is_none(), "{text}");
        assert_eq!(
            cfg!(feature = "c-heap"),
            text.contains("of a 40-byte block of C's heap") || text.contains("the start of a 40-byte block")
        );
        expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { Box::from_raw(c::numbers(1)) });
        });
        // It grows: the content moves to a Rust block, which is dropped as usual.
        expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            let mut grown = unsafe { Vec::from_raw_parts(c::numbers(3), 3, 3) };
            grown.push(3);
            assert_eq!(grown, [0, 1, 2, 3]);
        });
    });
}

#[test]
fn what_c_made_is_freed_by_c() {
    at_both_levels("alloc_dealloc_mismatch::what_c_made_is_freed_by_c", || {
        catch(|| {
            let text = c::greeting();
            // SAFETY: a C string of C's `malloc`, freed once.
            unsafe {
                assert!(CStr::from_ptr(text).to_bytes().starts_with(b"good morning"));
                c::free_it(text.cast());
            }
        })
        .expect("clean");
    });
}

#[test]
fn repaired_by_an_owner_of_cs_memory() {
    at_both_levels("alloc_dealloc_mismatch::repaired_by_an_owner_of_cs_memory", || {
        catch(|| {
            // SAFETY: a C string of C's `malloc`, whose owner this is.
            let text = unsafe { CText::from_raw(c::greeting()) }.expect("not null");
            assert!(text.to_bytes().starts_with(b"good morning"));
            drop(text);
            // A block for C to free comes from C's `malloc`.
            // SAFETY: given away.
            assert_eq!(unsafe { c::bad_done_with(CBox::new(7).into_raw()) }, 7);
        })
        .expect("clean");
    });
}

#[test]
fn repaired_by_a_copy() {
    at_both_levels("alloc_dealloc_mismatch::repaired_by_a_copy", || {
        catch(|| {
            let text = c::greeting();
            // SAFETY: a C string of C's `malloc`, copied and freed once.
            let copy = unsafe {
                let copy = CStr::from_ptr(text).to_owned();
                libc::free(text.cast());
                copy
            };
            assert_eq!(copy.as_bytes().len(), 35);
        })
        .expect("clean");
    });
}

unsafe extern "C" fn destroy(value: *mut i32) {
    // SAFETY: C hands back what came from `Box::into_raw`, once.
    drop(unsafe { Box::from_raw(value) });
}

#[test]
fn repaired_by_a_function_that_frees() {
    at_both_levels("alloc_dealloc_mismatch::repaired_by_a_function_that_frees", || {
        // SAFETY: given away, and freed by `destroy`.
        let read = catch(|| unsafe { c::ok_done_with(Box::into_raw(Box::new(7)), destroy) });
        assert_eq!(read.expect("clean"), 7);
    });
}

#[test]
fn another_size() {
    let said = aborts("alloc_dealloc_mismatch::another_size", || {
        let block: *mut [u64; 5] = Box::into_raw(Box::new([7; 5]));
        // SAFETY: not sound, and that is the point: it is refused.
        drop(unsafe { Box::from_raw(black_box(block).cast::<u64>()) });
    });
    for said in said {
        assert!(said.contains("a 40-byte block was freed as one of 8 bytes"), "{said}");
        assert!(said.contains("given: 8 bytes aligned to 8"), "{said}");
        assert!(said.contains("made with: 40 bytes aligned to 8"), "{said}");
    }
}

#[test]
fn a_wrong_capacity() {
    at_level("alloc_dealloc_mismatch::a_wrong_capacity", "2", || {
        let address = std::cell::Cell::new(0);
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            let mut vec = std::mem::ManuallyDrop::new(vec![1_u32, 2, 3, 4]);
            address.set(vec.as_ptr().addr());
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { Vec::from_raw_parts(vec.as_mut_ptr(), 3, 3) });
        });
        let block = violation.block().expect("a block of Rust's");
        assert_eq!((block.address(), block.size(), block.align(), block.is_live()), (address.get(), 16, 4, true));
        assert!(!block.allocated_at().is_empty());
        // It grows, with its content.
        expect_violation!(Rule::AllocDeallocMismatch, {
            let mut vec = std::mem::ManuallyDrop::new(vec![1_u32, 2, 3, 4]);
            // SAFETY: not sound, and that is the point: it is refused.
            let mut vec = unsafe { Vec::from_raw_parts(vec.as_mut_ptr(), 3, 3) };
            vec.push(5);
            assert_eq!(vec, [1, 2, 3, 5]);
        });
    });
}

#[test]
fn the_same_size_with_another_alignment() {
    at_level("alloc_dealloc_mismatch::the_same_size_with_another_alignment", "2", || {
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            let bytes = Box::into_raw(vec![1_u8; 8].into_boxed_slice());
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { Box::from_raw(bytes.cast::<u64>()) });
        });
        assert_eq!(violation.message(), "a block aligned to 1 was freed as one aligned to 8");
    });
}

#[test]
fn the_middle_of_a_block() {
    let said = aborts("alloc_dealloc_mismatch::the_middle_of_a_block", || {
        let block = Box::into_raw(Box::new([7_u64; 5])).cast::<u64>();
        // SAFETY: not sound, and that is the point: it is refused.
        drop(unsafe { Box::from_raw(black_box(block).wrapping_add(2)) });
    });
    for said in said {
        assert!(said.contains("`dealloc` got byte 16 of a 40-byte block"), "{said}");
        assert!(said.contains("leads to: byte 16 of a 40-byte block of Rust's heap"), "{said}");
    }
}

#[test]
fn a_static_and_a_stack() {
    static FIXED: [u64; 4] = [1; 4];
    at_level("alloc_dealloc_mismatch::a_static_and_a_stack", "2", || {
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe { dealloc(FIXED.as_ptr().cast_mut().cast(), Layout::new::<u64>()) };
        });
        let text = violation.to_string();
        assert!(text.contains("`dealloc` got memory that Rust never allocated"), "{text}");
        assert!(text.contains("leads to: data of rules-"), "{text}");
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            let mut local = black_box(7_u64);
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe { dealloc((&raw mut local).cast(), Layout::new::<u64>()) };
        });
        assert_eq!(violation.message(), "`dealloc` got an address on a stack");
    });
}

#[test]
fn the_last_call_that_was_lent_the_block_is_named() {
    at_level("alloc_dealloc_mismatch::the_last_call_that_was_lent_the_block_is_named", "2", || {
        let violation = expect_violation!(Rule::AllocDeallocMismatch, {
            let block: *mut [i32; 10] = Box::into_raw(Box::new([7; 10]));
            // SAFETY: a live value; then none: this is what is refused.
            unsafe {
                c_fixtures::retained_pointer::bad_keep_seldom(block.cast(), 0);
                drop(Box::from_raw(block.cast::<i32>()));
            }
        });
        let text = violation.to_string();
        assert_eq!(violation.function(), Some("bad_keep_seldom"), "{text}");
        assert!(text.contains("the last call that was lent the block"), "{text}");
    });
}

#[test]
fn a_violation_that_waits_for_the_end_of_catch_is_not_lost_behind_another() {
    const TEST: &str = "alloc_dealloc_mismatch::a_violation_that_waits_for_the_end_of_catch_is_not_lost_behind_another";
    if is_child() {
        let outcome = catch(|| {
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { CString::from_raw(c::greeting()) });
            // SAFETY: none: C is not called.
            unsafe { c_fixtures::null_pointer::bad_first(std::ptr::null()) };
        });
        assert_eq!(outcome.expect_err("null").rule(), Rule::NullPointer);
        catch(|| ()).expect("nothing is left over");
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success() && said.contains("ffi-guard[alloc_dealloc_mismatch]: "), "{said}");
}

#[test]
fn the_hook_and_the_file_get_it() {
    const TEST: &str = "alloc_dealloc_mismatch::the_hook_and_the_file_get_it";
    if is_child() {
        ffi_guard::set_report_hook(|violation| eprintln!("the hook: {}", violation.rule()));
        // SAFETY: not sound, and that is the point: it is refused.
        drop(unsafe { CString::from_raw(c::greeting()) });
        return;
    }
    let path = std::env::temp_dir().join(format!("ffi-guard-mismatch-{}.jsonl", std::process::id()));
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_REPORT", path.to_str().expect("UTF-8"))]);
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("the hook: alloc_dealloc_mismatch"), "{said}");
    let lines = std::fs::read_to_string(&path).expect("the file is there");
    std::fs::remove_file(&path).expect("it was there");
    let read: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one object");
    assert_eq!((&read["finding"]["asked"], &read["finding"]["allocator"]), (&"dealloc".into(), &"rust".into()));
    assert_eq!(read["finding"]["given"]["size"], 36);
    assert_eq!(read["finding"]["c_block"].is_object(), cfg!(feature = "c-heap"));
}
