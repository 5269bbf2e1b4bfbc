//! use_after_free: C touches Rust memory after Rust freed it. Level 2 sees writes, which are tested
//! here.

use c_fixtures::use_after_free as c;
use ffi_guard::{Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self, stderr};

fn set_log(buffer: &mut [u8]) {
    // SAFETY: C keeps it, as it is allowed to; the tests are about freeing it too early.
    unsafe { c::bad_set_log(buffer.as_mut_ptr().cast(), buffer.len() as _) };
}

#[test]
fn a_write_into_what_was_freed_is_found_at_a_checkpoint() {
    at_level("use_after_free::a_write_into_what_was_freed_is_found_at_a_checkpoint", "2", || {
        set_log(&mut vec![0_u8; 40]);
        c::log_letter(b'A' as _, 3);
        let violation = expect_violation!(Rule::UseAfterFree, { checkpoint() });
        let report = violation.to_string();
        assert!(
            report.starts_with("ffi-guard[use_after_free]: 1 byte of `buffer` was written after Rust freed it"),
            "{report}"
        );
        assert!(report.contains("1 byte: byte 3 of a 40-byte block"), "{report}");
        assert!(report.contains("there now: 41 |A|"), "{report}");
        assert!(report.contains("  freed: ") && report.contains("allocated: "), "{report}");
        catch(checkpoint).expect("told once");
    });
}

#[test]
fn found_when_the_memory_is_to_be_used_again() {
    const TEST: &str = "use_after_free::found_when_the_memory_is_to_be_used_again";
    if is_child() {
        set_log(&mut vec![0_u8; 40]);
        c::log_letter(b'A' as _, 39);
        // More than the quarantine below holds.
        for size in 0..2000 {
            drop(vec![0_u8; 40 + size % 50]);
        }
        unreachable!("found before that");
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_QUARANTINE", "16K")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("ffi-guard[use_after_free]: 1 byte of `buffer` was written after Rust freed it"), "{said}");
    assert!(said.contains("found when its memory was to be used again"), "{said}");
}

#[test]
fn found_in_large_blocks_and_at_the_end_of_the_process() {
    const TEST: &str = "use_after_free::found_in_large_blocks_and_at_the_end_of_the_process";
    if is_child() {
        set_log(&mut vec![0_u8; 300_000]);
        c::log_letter(b'A' as _, 299_999);
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert_eq!(
        said.matches("ffi-guard[use_after_free]: 1 byte of `buffer` was written after Rust freed it").count(),
        1,
        "{said}"
    );
    assert!(said.contains("found at exit"), "{said}");
}

#[test]
fn what_is_alive_is_written_to_in_peace() {
    at_level("use_after_free::what_is_alive_is_written_to_in_peace", "2", || {
        let mut log = vec![0_u8; 40];
        set_log(&mut log);
        c::log_letter(b'A' as _, 39);
        catch(checkpoint).expect("clean");
        assert_eq!(log[39], b'A');
    });
}

#[test]
fn repaired_by_having_c_let_go_first() {
    at_level("use_after_free::repaired_by_having_c_let_go_first", "2", || {
        let mut log = vec![0_u8; 40];
        set_log(&mut log);
        c::log_letter(b'A' as _, 3);
        // SAFETY: C takes null, and lets go.
        unsafe { c::bad_set_log(std::ptr::null_mut(), 0) };
        drop(log);
        c::log_letter(b'B' as _, 3);
        catch(checkpoint).expect("clean");
    });
}

#[test]
fn a_checkpoint_in_the_middle_of_other_threads_work_is_clean() {
    at_level("use_after_free::a_checkpoint_in_the_middle_of_other_threads_work_is_clean", "2", || {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let busy = AtomicUsize::new(4);
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                let busy = &busy;
                scope.spawn(move || {
                    let mut kept: Vec<Vec<u8>> = Vec::new();
                    for round in 0..20_000_usize {
                        let size = 1 + (round * 37 + thread * 11) % 700;
                        let mut block = vec![1_u8; size];
                        if round % 3 == 0 {
                            block.resize(size + round % 40, 2);
                            block.shrink_to_fit();
                        }
                        kept.push(block);
                        if kept.len() > 50 {
                            kept.swap_remove(round % 50);
                        }
                    }
                    busy.fetch_sub(1, Ordering::Relaxed);
                });
            }
            while busy.load(Ordering::Relaxed) > 0 {
                catch(checkpoint).expect("nobody wrote where he had no business");
            }
        });
    });
}
