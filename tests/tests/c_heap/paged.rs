//! C's blocks on pages of their own, at level 3 and with `GUARD_SAMPLE`: the instruction of C's, or
//! of Rust's, that touches a byte beside one, or in one that is freed, is caught and named.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use c_fixtures::c_blocks as c;
use ffi_guard::{Place, Rule, catch, expect_violation};
use ffi_guard_tests::process::{end_if_stuck, is_child, run_self, say, stderr, with_variables};
use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

const PAGE: usize = 4096;

/// Settings with which every block of C's has pages of its own.
const EACH: [&[(&str, &str)]; 3] =
    [&[("GUARD", "3")], &[("GUARD", "1"), ("GUARD_SAMPLE", "1")], &[("GUARD", "2"), ("GUARD_SAMPLE", "1")]];

/// Runs the calling test's body with each of these settings, in a process of its own that must end
/// by SIGSEGV, with a report that has this first line and all of these words.
fn caught(test: &str, headline: &str, words: &[&str], body: impl FnOnce()) {
    if is_child() {
        // SAFETY: a limit for this process alone.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        end_if_stuck();
        body();
        return say("the body came to its end");
    }
    for variables in EACH {
        let output = run_self(test, variables);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{variables:?}: {:?}\n{said}", output.status);
        let first = said.lines().find(|line| line.contains("ffi-guard[")).unwrap_or_default();
        assert_eq!(first, headline, "{said}");
        for word in words {
            assert!(said.contains(word), "{variables:?}: no {word:?} in\n{said}");
        }
        assert!(!said.contains("Rust's heap") && !said.contains("to no guarded call"), "{said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("ffi-guard: summary: "), "{said}");
        assert!(said.lines().all(|line| line.chars().count() <= 84 || line.starts_with("ffi-guard")), "{said}");
    }
}

/// Runs the calling test's body with each of the settings; nothing may be said.
fn silent(test: &str, body: impl FnOnce()) {
    if is_child() {
        end_if_stuck();
        body();
        return say("the body came to its end");
    }
    for variables in EACH {
        let output: Output = run_self(test, variables);
        assert!(output.status.success(), "{variables:?}: {output:?}");
        assert_eq!(stderr(&output), "the body came to its end\n", "{variables:?}");
    }
}

/// A buffer of C's that ends where a page does, or begins where one does.
fn buffer(size: usize, at_end: bool) -> *mut u8 {
    let lies = |buffer: &*mut u8| (buffer.addr() + if at_end { size } else { 0 }).is_multiple_of(PAGE);
    // They lie by turns before a page without access and after one.
    (0..4).map(|_| c::buffer_new(size)).find(lies).expect("one of them has pages of its own")
}

#[test]
fn c_reads_past_the_end_of_its_own_array() {
    let headline = "ffi-guard[buffer_overflow]: C read 1 byte past the end of a 64-byte block of C's heap";
    let words = ["C allocated", "sum_of_own", "c/c_blocks.c:", "have C allocate as much as it uses"];
    caught("paged::c_reads_past_the_end_of_its_own_array", headline, &words, || {
        for _ in 0..2 {
            black_box(c::bad_own_sum(16));
        }
    });
}

#[test]
fn c_writes_past_the_end_of_its_own_buffer() {
    let headline = "ffi-guard[buffer_overflow]: C wrote 1 byte past the end of a 48-byte block of C's heap";
    let words = ["C allocated", "ffg_buffer_new", "touched: c-fixtures/c/c_blocks.c:", "ffg_fill"];
    caught("paged::c_writes_past_the_end_of_its_own_buffer", headline, &words, || {
        let buffer = buffer(48, true);
        // SAFETY: not sound, and that is the point: one byte beyond it.
        unsafe { c::fill(buffer, 0, 49) };
    });
}

#[test]
fn c_writes_before_the_start_of_its_own_buffer() {
    let headline = "ffi-guard[buffer_overflow]: C wrote 2 bytes before the start of a 48-byte block of C's heap";
    caught("paged::c_writes_before_the_start_of_its_own_buffer", headline, &["ffg_buffer_new", "ffg_fill"], || {
        let buffer = buffer(48, false);
        // SAFETY: not sound, and that is the point: two bytes before it.
        unsafe { c::fill(buffer, -2, 2) };
    });
}

#[test]
fn c_reads_a_link_that_it_has_freed() {
    let headline = "ffi-guard[use_after_free]: C read byte 0 of a 16-byte block of C's heap after it was freed";
    let words = [
        "C allocated",
        "chain_of",
        "freed under: tests/tests/c_heap/paged.rs:",
        "a call of bad_chain at tests/tests/c_heap/paged.rs:",
        "ffg_bad_chain",
        "C uses what it has freed",
    ];
    caught("paged::c_reads_a_link_that_it_has_freed", headline, &words, || {
        black_box(c::bad_chain(3));
    });
}

#[test]
fn c_writes_to_a_buffer_that_it_has_freed() {
    let headline = "ffi-guard[use_after_free]: C wrote byte 7 of a 100-byte block of C's heap after it was freed";
    let words = ["freed under: ", "buffer_free", "ffg_buffer_free", "ffg_buffer_new"];
    caught("paged::c_writes_to_a_buffer_that_it_has_freed", headline, &words, || {
        let buffer = c::buffer_new(100);
        // SAFETY: not sound, and that is the point: C writes to what it has freed.
        unsafe {
            c::keep_other(buffer);
            c::buffer_free(buffer);
            c::fill_other(7, 1);
        }
    });
}

#[test]
fn c_reads_where_its_buffer_was_before_it_grew() {
    let headline = "ffi-guard[use_after_free]: C read byte 3 of a 100-byte block of C's heap after it was freed";
    caught("paged::c_reads_where_its_buffer_was_before_it_grew", headline, &["ffg_read_other"], || {
        let buffer = c::buffer_new(100);
        // SAFETY: not sound, and that is the point: C reads where the buffer was.
        unsafe {
            c::keep_other(buffer);
            black_box(c::buffer_grow(buffer, 101));
            black_box(c::read_other(3));
        }
    });
}

#[test]
fn rust_reads_what_c_has_freed() {
    let headline = "ffi-guard[use_after_free]: Rust read byte 5 of a 24-byte block of C's heap after it was freed";
    let words = ["let go of what C returned before the call that frees it", "--> tests/tests/c_heap/paged.rs:"];
    caught("paged::rust_reads_what_c_has_freed", headline, &words, || {
        let buffer = c::buffer_new(24);
        // SAFETY: not sound, and that is the point: it is freed.
        unsafe {
            c::buffer_free(buffer);
            black_box(buffer.add(5).read_volatile());
        }
    });
}

#[test]
fn a_thread_of_cs_reads_what_another_has_freed() {
    let headline = "ffi-guard[use_after_free]: C read byte 0 of a 40-byte block of C's heap after it was freed";
    caught("paged::a_thread_of_cs_reads_what_another_has_freed", headline, &["ffg_read_other"], || {
        let buffer = c::buffer_new(40);
        // SAFETY: not sound, and that is the point: it is freed, on another thread.
        unsafe {
            c::keep_other(buffer);
            let address = buffer.expose_provenance();
            std::thread::spawn(move || c::buffer_free(std::ptr::with_exposed_provenance_mut(address)))
                .join()
                .expect("it ends");
            black_box(c::read_other(0));
        }
    });
}

/// In the child of a fork as well, and of a block that its parent freed.
#[test]
fn a_child_reads_what_its_parent_has_freed() {
    let headline = "ffi-guard[use_after_free]: C read byte 1 of a 40-byte block of C's heap after it was freed";
    caught("paged::a_child_reads_what_its_parent_has_freed", headline, &["ffg_read_other", "buffer_free"], || {
        let buffer = c::buffer_new(40);
        // SAFETY: not sound, and that is the point: it is freed. The child ends by that.
        unsafe {
            c::keep_other(buffer);
            c::buffer_free(buffer);
            let child = libc::fork();
            if child == 0 {
                black_box(c::read_other(1));
                libc::_exit(0);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            assert!(libc::WIFSIGNALED(status), "the child went on");
            libc::signal(libc::SIGSEGV, libc::SIG_DFL);
            libc::raise(libc::SIGSEGV);
        }
    });
}

#[test]
fn the_correct_and_the_mended_twins_are_silent() {
    silent("paged::the_correct_and_the_mended_twins_are_silent", || {
        for count in [1, 3, 4, 16, 63, 1024, 5000, 100_000] {
            for _ in 0..2 {
                assert_eq!(c::ok_own_sum(count), i32::try_from(count).expect("few"));
                assert_eq!(c::mended_own_sum(count), i32::try_from(count).expect("few") + 1);
            }
        }
        assert_eq!((c::ok_chain(500), c::mended_chain(500)), (500, 500));
        for size in [1, 24, 48, 100, 5000, 40_000, 600_000] {
            for _ in 0..2 {
                let buffer = c::buffer_new(size);
                assert!(buffer.addr().is_multiple_of(16));
                // SAFETY: within the buffer, which is live until it is freed, once.
                unsafe {
                    c::keep_other(buffer);
                    c::fill(buffer, 0, size);
                    let grown = c::buffer_grow(buffer, 2 * size);
                    c::keep_other(grown);
                    assert_eq!(c::read_other(size.cast_signed() - 1), b'x', "the content goes with it");
                    c::fill(grown, 0, 2 * size);
                    let shrunk = c::buffer_grow(grown, size.div_ceil(2));
                    c::keep_other(shrunk);
                    assert_eq!(c::read_other(0), b'x');
                    c::buffer_free(shrunk);
                }
            }
        }
        assert_eq!(c::ok_use_all(), 0);
        assert_eq!(c::ok_read_by_words(), (0..600).sum::<usize>());
    });
}

/// What a warning lets go on reads zeros, and the next block at that place is whole.
#[test]
fn a_warning_is_told_once_and_the_program_goes_on() {
    const TEST: &str = "paged::a_warning_is_told_once_and_the_program_goes_on";
    if is_child() {
        end_if_stuck();
        let buffer = c::buffer_new(100);
        // SAFETY: not sound, and that is the point: C reads what it has freed.
        unsafe {
            c::fill(buffer, 0, 100);
            c::keep_other(buffer);
            c::buffer_free(buffer);
            assert_eq!((c::read_other(3), c::read_other(4)), (0, 0));
        }
        // More than wait.
        assert_eq!(c::ok_chain(3000) + c::ok_chain(3000), 6000);
        return say("the body came to its end");
    }
    for variables in EACH {
        for (variable, value, times) in [("GUARD_WARN", "use_after_free", 1), ("GUARD_ALLOW", "use_after_free", 0)] {
            let variables: Vec<_> = variables.iter().copied().chain([(variable, value)]).collect();
            let output = run_self(TEST, &variables);
            let said = stderr(&output);
            assert!(output.status.success() && said.ends_with("the body came to its end\n"), "{variables:?}: {said}");
            assert_eq!(said.matches("ffi-guard[use_after_free]: C read byte 3").count(), times, "{said}");
        }
    }
}

#[test]
fn the_object_says_whose_block_it_is() {
    const TEST: &str = "paged::the_object_says_whose_block_it_is";
    if is_child() {
        black_box(c::bad_chain(2));
        return;
    }
    let path = std::env::temp_dir().join(format!("ffi-guard-c-pages-{}.jsonl", std::process::id()));
    let name = path.to_str().expect("a path in UTF-8");
    let output = run_self(TEST, &[("GUARD", "3"), ("GUARD_REPORT", name)]);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::remove_file(&path).expect("it goes again");
    let object: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one object");
    assert_eq!((&object["rule"], &object["finding"]["found_by"]), (&"use_after_free".into(), &"fault".into()));
    assert_eq!((&object["memory"]["kind"], &object["block"]["live"]), (&"c_heap".into(), &false.into()), "{object}");
    assert_eq!(object["memory"]["freed_under"]["name"], "bad_chain", "{object}");
}

/// More blocks than there is room for, of which the further ones lie as at level 2; and all of
/// them, and those of Rust, are whole.
#[test]
fn where_there_is_no_room_blocks_lie_as_at_level_2() {
    const TEST: &str = "paged::where_there_is_no_room_blocks_lie_as_at_level_2";
    if is_child() {
        end_if_stuck();
        let blocks: Vec<_> = (0..3000).map(|_| c::buffer_new(4000)).collect();
        let own = (0..3000_u64).map(|i| Box::new([i; 5])).collect::<Vec<_>>();
        for &block in &blocks {
            // SAFETY: live, of that size.
            unsafe { c::fill(block, 0, 4000) };
        }
        assert!(own.iter().zip(0..).all(|(block, i)| **block == [i; 5]));
        for &block in &blocks {
            // SAFETY: live, freed once.
            unsafe { c::buffer_free(block) };
        }
        return;
    }
    with_variables(TEST, &[("GUARD", "1"), ("GUARD_SAMPLE", "1")], || ());
    // Some 16,000 units of 64 KiB in each half.
    let shell = "ulimit -v 8000000;";
    let output = ffi_guard_tests::process::run_self_behind(shell, TEST, &[("GUARD", "3")]);
    assert!(output.status.success(), "{output:?}");
}

/// SQLite, with tables and indices that grow and shrink, on pages of its own.
#[test]
fn sqlite_is_silent() {
    silent("paged::sqlite_is_silent", || {
        let db = Db::open(":memory:").expect("opens");
        assert_eq!(write_and_read_back(&db, 2000).expect("runs"), expected_sum(2000));
        db.exec("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)").expect("makes");
        {
            let mut insert = db.prepare("INSERT INTO t (text) VALUES (?1)").expect("compiles");
            for n in 0..3000 {
                insert.bind_text(1, &format!("row {n}")).expect("binds");
                assert!(insert.step().expect("runs").is_none());
                insert.reset().expect("resets");
            }
        }
        db.exec("DELETE FROM t WHERE n % 3 = 0; UPDATE t SET text = text || text; VACUUM").expect("changes");
        let mut count = db.prepare("SELECT count(*) FROM t").expect("compiles");
        assert_eq!(count.step().expect("runs").expect("a row").int(0), 2000);
    });
}

/// Beyond the end, but before the next multiple of its alignment, lies slack: a write there is told
/// when it is looked at, as at level 2.
#[test]
fn a_write_to_the_slack_is_told_at_the_call() {
    with_variables("paged::a_write_to_the_slack_is_told_at_the_call", &[("GUARD", "3")], || {
        for _ in 0..2 {
            let buffer = c::buffer_new(24);
            let violation = expect_violation!(Rule::BufferOverflow, {
                // SAFETY: not sound, and that is the point: one byte beyond it.
                unsafe { c::fill(buffer, 0, 25) };
            });
            assert_eq!(violation.message(), "C wrote 1 byte past the end of `buffer` in `fill`");
            // SAFETY: live, freed once.
            assert!(catch(|| unsafe { c::buffer_free(buffer) }).is_ok(), "it is told once");
        }
    });
}

/// The search of C's heap steps over the pages without access, while other threads allocate and
/// free.
#[test]
fn c_keeps_a_pointer_in_a_block_on_pages_of_its_own() {
    with_variables("paged::c_keeps_a_pointer_in_a_block_on_pages_of_its_own", &[("GUARD", "3")], || {
        end_if_stuck();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for seed in 0..2 {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(c_fixtures::c_heap::malloc_storm(seed, 100), 0);
                    }
                });
            }
            for _ in 0..20 {
                let db = Db::open(":memory:").expect("opens");
                let mut echo = db.prepare("SELECT ?1").expect("compiles");
                let text = String::from("kept until it is bound anew");
                let violation = expect_violation!(Rule::RetainedPointer, {
                    // SAFETY: the text outlives the statement.
                    unsafe { echo.lend_static_text(1, &text) }.expect("binds");
                });
                assert!(matches!(violation.place(), Some(Place::CHeap { .. })), "{violation}");
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
