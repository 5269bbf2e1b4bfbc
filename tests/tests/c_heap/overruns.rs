//! C overruns a block of its own, or writes to one that it has freed: `buffer_overflow` and
//! `use_after_free`.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use c_fixtures::c_blocks as c;
use ffi_guard::{Level, Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, at_levels, is_child, run_self, stderr};

/// Sizes of small blocks, of slots and of runs of pages.
const SIZES: [usize; 6] = [1, 24, 100, 1000, 40_000, 600_000];

fn no_core() {
    // SAFETY: no core files from a test.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
}

/// What a process says that dies of a violation inside the allocator.
fn dies(output: &Output) -> String {
    let said = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    said
}

#[test]
fn an_overrun_is_told_at_the_call_that_made_it() {
    at_level("overruns::an_overrun_is_told_at_the_call_that_made_it", "2", || {
        for size in SIZES {
            let buffer = c::buffer_new(size);
            // The first calls of a function take another way than the later ones.
            for _ in 0..100 {
                // SAFETY: within the buffer.
                unsafe { c::fill(buffer, 0, size) };
            }
            let violation = expect_violation!(Rule::BufferOverflow, {
                // SAFETY: not sound, and that is the point: one byte beyond it.
                unsafe { c::fill(buffer, 0, size + 1) };
            });
            assert_eq!(violation.message(), "C wrote 1 byte past the end of `buffer` in `fill`");
            let report = violation.to_string();
            assert!(report.contains("block of C's heap") && report.contains("C allocated: "), "{report}");
            assert!(report.contains("buffer_new"), "who allocated it: {report}");
            // It was told once; before the start it is another.
            let violation = expect_violation!(Rule::BufferOverflow, {
                // SAFETY: not sound, and that is the point: two bytes before it.
                unsafe { c::fill(buffer, -2, 2) };
            });
            assert_eq!(violation.message(), "C wrote 2 bytes before the start of `buffer` in `fill`");
            // SAFETY: a live buffer, freed once.
            assert!(catch(|| unsafe { c::buffer_free(buffer) }).is_ok());
        }
    });
}

#[test]
fn an_overrun_from_before_is_told_before_the_next_call() {
    at_level("overruns::an_overrun_from_before_is_told_before_the_next_call", "2", || {
        let buffer = c::buffer_new(40);
        // SAFETY: not sound, and that is the point: C writes eight bytes beyond a live buffer.
        let violation = expect_violation!(Rule::BufferOverflow, {
            // SAFETY: as above.
            unsafe {
                c::keep_other(buffer);
                c::fill_other(40, 8);
                c::fill(buffer, 0, 40);
            }
        });
        let message = "8 bytes past a 40-byte block of C's were overwritten";
        assert_eq!(violation.message(), message, "{violation}");
        assert!(violation.to_string().contains("found when the block was to be lent once more"), "{violation}");
    });
}

#[test]
fn an_overrun_is_told_at_a_checkpoint() {
    at_levels("overruns::an_overrun_is_told_at_a_checkpoint", &["2", "3"], || {
        // At level 3 there is slack behind a block if its size is no multiple of its alignment.
        let has_slack = |size: &usize| ffi_guard::level() == Level::Full || !size.is_multiple_of(16);
        for size in SIZES.into_iter().filter(has_slack) {
            let buffer = c::buffer_new(size);
            // SAFETY: not sound, and that is the point: C writes eight bytes beyond a live buffer.
            unsafe {
                c::keep_other(buffer);
                c::fill_other(size.cast_signed(), 8);
            }
            let violation = expect_violation!(Rule::BufferOverflow, { checkpoint() });
            let report = violation.to_string();
            assert!(violation.message().contains("block of C's were overwritten"), "{report}");
            assert!(report.contains("C allocated: ") && report.contains("buffer_new"), "{report}");
            assert!(catch(checkpoint).is_ok(), "it is told once");
        }
    });
}

#[test]
fn an_overrun_is_told_when_c_frees_or_resizes_the_block() {
    if is_child() {
        no_core();
        let buffer = c::buffer_new(40);
        let how = std::env::var("HOW").unwrap_or_default();
        // SAFETY: not sound, and that is the point: C writes eight bytes beyond a live buffer.
        unsafe {
            c::keep_other(buffer);
            c::fill_other(40, 8);
            match how.as_str() {
                "free" => libc::free(buffer.cast()),
                _ => _ = libc::realloc(buffer.cast(), if how == "grow" { 4000 } else { 44 }),
            }
        }
        println!("it went on");
        return;
    }
    let test = "overruns::an_overrun_is_told_when_c_frees_or_resizes_the_block";
    for how in ["free", "grow", "stay"] {
        let said = dies(&run_self(test, &[("GUARD", "2"), ("HOW", how)]));
        let message = "8 bytes past a 40-byte block of C's were overwritten";
        assert!(said.contains(&format!("ffi-guard[buffer_overflow]: {message}")), "{how}: {said}");
        assert!(said.contains("found when C freed or resized the block"), "{how}: {said}");
        let output = run_self(test, &[("GUARD", "2"), ("HOW", how), ("GUARD_WARN", "all")]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output).matches("ffi-guard[").count(), 1, "{how}: {}", stderr(&output));
    }
}

#[test]
fn a_write_to_what_c_has_freed_is_told_at_a_checkpoint() {
    at_level("overruns::a_write_to_what_c_has_freed_is_told_at_a_checkpoint", "2", || {
        for size in [1, 24, 100, 1000, 40_000] {
            let buffer = c::buffer_new(size);
            // SAFETY: not sound, and that is the point: C writes to what it has freed.
            unsafe {
                c::keep_other(buffer);
                c::buffer_free(buffer);
                c::fill_other(size.cast_signed() - 1, 1);
            }
            let violation = expect_violation!(Rule::UseAfterFree, { checkpoint() });
            let report = violation.to_string();
            let message = format!(
                "1 byte of a freed block of {} of C's was written",
                if size == 1 { "1 byte".into() } else { format!("{size} bytes") }
            );
            assert_eq!(violation.message(), message, "{report}");
            assert!(report.contains("by C in a call of `buffer_free`"), "{report}");
            assert!(report.contains("C allocated: ") && report.contains("ffg_buffer_free"), "{report}");
        }
    });
}

#[test]
fn a_write_to_what_c_has_freed_is_told_before_its_place_is_used_again() {
    if is_child() {
        no_core();
        let buffer = c::buffer_new(200);
        // SAFETY: not sound, and that is the point: C writes to what it has freed.
        unsafe {
            c::keep_other(buffer);
            c::buffer_free(buffer);
            c::fill_other(16, 4);
        }
        for _ in 0..10_000 {
            // SAFETY: a new buffer, freed once.
            unsafe { libc::free(libc::malloc(200)) };
        }
        return;
    }
    let test = "overruns::a_write_to_what_c_has_freed_is_told_before_its_place_is_used_again";
    let said = dies(&run_self(test, &[("GUARD", "2")]));
    let message = "4 bytes of a freed block of 200 bytes of C's were written";
    assert!(said.contains(&format!("ffi-guard[use_after_free]: {message}")), "{said}");
    assert!(said.contains("found when its memory was to be used again"), "{said}");
}

/// Every byte that `malloc_usable_size` promises is the program's, and each way to allocate keeps
/// its alignment; reads beyond the end by words are no writes.
#[test]
fn right_programs_are_silent() {
    at_levels("overruns::right_programs_are_silent", &["1", "2", "3"], || {
        assert_eq!(catch(c::ok_use_all).expect("clean"), 0);
        assert_eq!(catch(c::ok_read_by_words).expect("clean"), (0..600).sum::<usize>());
        let clean = catch(|| {
            for (align, size) in [(16, 24), (64, 100), (4096, 5000), (1 << 16, 300_000)] {
                let buffer = c::buffer_aligned(align, size);
                assert_eq!(buffer.addr() % align, 0);
                // SAFETY: a live buffer, used within its size, freed once, on another thread.
                unsafe {
                    c::fill(buffer, 0, size);
                    let grown = c::buffer_grow(buffer, size + 1);
                    c::fill(grown, 0, size + 1);
                    let shrunk = c::buffer_grow(grown, size / 2);
                    c::fill(shrunk, 0, size / 2);
                    let address = shrunk.expose_provenance();
                    std::thread::spawn(move || c::buffer_free(std::ptr::with_exposed_provenance_mut(address)))
                        .join()
                        .expect("it ends");
                }
            }
        });
        assert!(clean.is_ok());
        let kept = c::buffer_new(64);
        // SAFETY: the child only uses its own copy of the heap, and ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: live in the child as well.
            let clean = catch(|| unsafe {
                c::fill(kept, 0, 64);
                c::buffer_free(kept);
                c::ok_use_all()
            });
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(clean.is_err())) };
        }
        let mut status = 0;
        // SAFETY: a child of ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        // SAFETY: live still.
        unsafe { c::buffer_free(kept) };
        assert!(catch(checkpoint).is_ok());
    });
}
