//! double_free: memory is freed twice, on either side or once on each.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use c_fixtures::double_free as c;
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_both_levels, at_level, is_child, run_self, stderr};

/// Has C hold a value, and takes it back twice.
fn take_back_twice() -> (*mut i32, *mut i32) {
    // SAFETY: given away.
    unsafe { c::hold(Box::into_raw(Box::new(7))) };
    (c::bad_yield_up(), c::bad_yield_up())
}

#[test]
fn what_c_gives_back_twice_and_rust_drops_twice() {
    const TEST: &str = "double_free::what_c_gives_back_twice_and_rust_drops_twice";
    if is_child() {
        // SAFETY: no core files from a test.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        let (first, second) = take_back_twice();
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe {
            drop(Box::from_raw(first));
            drop(Box::from_raw(second));
        }
        println!("it went on");
        return;
    }
    for level in ["1", "2"] {
        let output = run_self(TEST, &[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {said}");
        assert!(said.contains("ffi-guard[double_free]: a 4-byte block of Rust's heap was freed twice"), "{said}");
        assert!(said.contains("freed again: ") && said.contains("rules/double_free.rs"), "{said}");
    }
    for variables in [("GUARD_ON_VIOLATION", "report"), ("GUARD_WARN", "double_free")] {
        let output = run_self(TEST, &[("GUARD", "2"), variables]);
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("ffi-guard[double_free]: ").count(), 1, "{said}");
    }
}

#[test]
fn the_report_tells_both_frees() {
    at_level("double_free::the_report_tells_both_frees", "2", || {
        let violation = expect_violation!(Rule::DoubleFree, {
            let (first, second) = take_back_twice();
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe {
                drop(Box::from_raw(first));
                drop(Box::from_raw(second));
            }
        });
        let block = violation.block().expect("a block of Rust's");
        assert!(!block.is_live() && !block.freed_at().is_empty() && !block.allocated_at().is_empty());
        let text = violation.to_string();
        let beats =
            ["     allocated: ", "         freed: ", "   freed again: "].map(|beat| text.find(beat).expect(beat));
        assert!(beats.is_sorted(), "in the order of time:\n{text}");
        let frees: Vec<_> =
            text.lines().filter(|line| line.contains("freed") && line.contains("double_free.rs")).collect();
        assert_eq!(frees.len(), 2, "two frees:\n{text}");
    });
}

#[test]
fn each_place_is_told_once() {
    const TEST: &str = "double_free::each_place_is_told_once";
    if is_child() {
        for _ in 0..10 {
            let block = Box::into_raw(Box::new([7_u8; 100]));
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe {
                drop(Box::from_raw(block));
                drop(Box::from_raw(black_box(block)));
            }
        }
        let block = Box::into_raw(Box::new([7_u8; 50]));
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe {
            drop(Box::from_raw(block));
            drop(Box::from_raw(black_box(block)));
        }
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ON_VIOLATION", "report")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("ffi-guard[double_free]: ").count(), 2, "one a place: {said}");
    assert!(said.contains("reported once, seen 10 times"), "{said}");
}

#[test]
fn grown_after_it_was_freed() {
    at_level("double_free::grown_after_it_was_freed", "2", || {
        let violation = expect_violation!(Rule::DoubleFree, {
            let mut vec = std::mem::ManuallyDrop::new(vec![1_u8, 2, 3]);
            // SAFETY: not sound, and that is the point: it is refused.
            let mut other = unsafe { Vec::from_raw_parts(vec.as_mut_ptr(), 3, 3) };
            // SAFETY: the first owner drops it.
            unsafe { std::mem::ManuallyDrop::drop(&mut vec) };
            other.reserve(100);
            assert!(other.capacity() >= 100, "the program goes on, without the content");
        });
        assert_eq!(violation.message(), "`realloc` got a 3-byte block that is freed already");
    });
}

#[test]
fn a_block_is_freed_twice_on_two_threads() {
    at_level("double_free::a_block_is_freed_twice_on_two_threads", "2", || {
        let violation = expect_violation!(Rule::DoubleFree, {
            let block = Box::into_raw(Box::new([7_u64; 20])).expose_provenance();
            let at = move || std::ptr::with_exposed_provenance_mut::<[u64; 20]>(block);
            // SAFETY: from `into_raw`.
            std::thread::spawn(move || drop(unsafe { Box::from_raw(at()) })).join().expect("freed");
            // SAFETY: not sound, and that is the point: it is refused.
            drop(unsafe { Box::from_raw(at()) });
        });
        let (json, text) = (violation.to_json(), violation.to_string());
        let read: serde_json::Value = serde_json::from_str(&json).expect("an object");
        assert_ne!(read["block"]["freed_by"], read["finding"]["asked_at_by"], "{text}");
    });
}

#[test]
fn what_c_gives_back_once_is_dropped_once() {
    at_both_levels("double_free::what_c_gives_back_once_is_dropped_once", || {
        catch(|| {
            // SAFETY: given away, and back once.
            unsafe {
                c::hold(Box::into_raw(Box::new(7)));
                drop(Box::from_raw(c::ok_yield_up()));
            }
            assert!(c::ok_yield_up().is_null());
        })
        .expect("clean");
    });
}

#[test]
fn repaired_by_one_owner() {
    at_both_levels("double_free::repaired_by_one_owner", || {
        catch(|| {
            let (first, _second) = take_back_twice();
            // SAFETY: one of the two owns it.
            drop(unsafe { Box::from_raw(first) });
        })
        .expect("clean");
    });
}
