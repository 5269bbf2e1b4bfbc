//! C's `free` and `realloc` of Rust's memory, where C's allocator is glibc's: it refuses, and the guard says which block it was.

#![cfg(all(
    not(feature = "c-heap"),
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    target_pointer_width = "64"
))]

use std::ffi::c_void;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use c_fixtures::alloc_dealloc_mismatch as c;
use ffi_guard_tests::process::{at_level, is_child, run_self, say, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Does what ends a process, in a process that is to end.
fn wrong(body: impl FnOnce()) {
    // SAFETY: no core files from a test.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
    body();
    say("it went on");
}

/// What a process that ended by SIGABRT said.
#[track_caller]
fn aborted(output: &Output) -> String {
    let said = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(!said.contains("it went on"), "{said}");
    said
}

/// Has the test's child end at each level, by a report of this rule with this in its first line.
#[track_caller]
fn told(test: &str, first_line: &str, body: impl FnOnce()) -> Vec<String> {
    if is_child() {
        wrong(body);
        return Vec::new();
    }
    let levels = ["1", "2"].map(|level| {
        let said = aborted(&run_self(test, &[("GUARD", level)]));
        assert_eq!(said.matches("ffi-guard[").count(), 1, "level {level}: {said}");
        assert!(said.lines().any(|line| line == format!("ffi-guard[{first_line}")), "level {level}: {said}");
        assert!(said.contains("tests/foreign_free.rs"), "who freed it is named at level {level}: {said}");
        said
    });
    levels.into()
}

/// Has it end without a word of ours.
#[track_caller]
fn not_told(test: &str, body: impl FnOnce()) {
    if is_child() {
        return wrong(body);
    }
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level)]);
        let said = aborted(&output);
        assert!(!said.contains("ffi-guard"), "level {level}: {said}");
    }
}

fn leaked<T>(value: T) -> *mut c_void {
    black_box(Box::into_raw(Box::new(value)).cast())
}

#[test]
fn a_box_of_one_byte() {
    let said = told("a_box_of_one_byte", "alloc_dealloc_mismatch]: `free` got a 1-byte block of Rust's heap", || {
        // SAFETY: none: this is what is refused.
        unsafe { libc::free(leaked(7_u8)) };
    });
    for said in said {
        assert!(said.contains("free(): invalid size"), "glibc's own line comes first: {said}");
        assert!(said.contains("C's allocator has refused it by itself"), "{said}");
    }
}

#[test]
fn a_text_of_a_thousand_bytes() {
    told("a_text_of_a_thousand_bytes", "alloc_dealloc_mismatch]: `free` got a 1000-byte block of Rust's heap", || {
        let mut text = std::mem::ManuallyDrop::new("x".repeat(1000));
        // SAFETY: none: this is what is refused.
        unsafe { libc::free(text.as_mut_ptr().cast()) };
    });
}

#[test]
fn each_size_of_small_block() {
    const TEST: &str = "each_size_of_small_block";
    if is_child() {
        let size = std::env::var("SIZE").expect("set").parse().expect("a number");
        return wrong(|| {
            let mut block = std::mem::ManuallyDrop::new(vec![7_u8; size]);
            // SAFETY: none: this is what is refused.
            unsafe { libc::free(black_box(block.as_mut_ptr()).cast()) };
        });
    }
    // Each second power of two, and what lies about it.
    for size in (0..12).step_by(2).flat_map(|shift| [(1_usize << shift) - 1, 1 << shift, (1 << shift) + 1]) {
        let size = size.max(1);
        let said = aborted(&run_self(TEST, &[("GUARD", "2"), ("SIZE", &size.to_string())]));
        assert!(said.contains(&format!("{size}-byte block of Rust's heap")), "{said}");
    }
}

#[test]
fn a_box_that_c_makes_larger() {
    let first = "alloc_dealloc_mismatch]: `realloc` got a 40-byte block of Rust's heap";
    told("a_box_that_c_makes_larger", first, || {
        // SAFETY: none: this is what is refused.
        unsafe { libc::realloc(leaked([7_u64; 5]), 100) };
    });
}

#[test]
fn on_another_thread_while_others_allocate() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let first = "alloc_dealloc_mismatch]: `realloc` got a 40-byte block of Rust's heap";
    told("on_another_thread_while_others_allocate", first, || {
        for _ in 0..2 {
            std::thread::spawn(|| {
                while !STOP.load(Ordering::Relaxed) {
                    // SAFETY: a block of C's, freed once.
                    unsafe { libc::free(black_box(libc::malloc(5000))) };
                }
            });
        }
        // In a process with several threads glibc holds a lock here.
        // SAFETY: none: this is what is refused.
        let thread = std::thread::spawn(|| unsafe { libc::realloc(leaked([7_u64; 5]), 100) }.addr());
        let _ = thread.join();
    });
}

#[test]
fn freed_by_rust_before() {
    let first = "double_free]: a 40-byte block of Rust's heap was freed by Rust, then by C";
    let said = told("freed_by_rust_before", first, || {
        let block = leaked([7_u64; 5]);
        // SAFETY: none of the second: this is what is refused.
        unsafe {
            drop(Box::from_raw(block.cast::<[u64; 5]>()));
            libc::free(block);
        }
    });
    for said in said {
        assert!(said.contains("freed again: "), "{said}");
    }
}

#[test]
fn the_guarded_call_under_way_is_named() {
    const TEST: &str = "the_guarded_call_under_way_is_named";
    if is_child() {
        // SAFETY: none: this is what is refused.
        return wrong(|| {
            // SAFETY: none: this is what is refused.
            unsafe { c::bad_done_with(Box::into_raw(Box::new(7))) };
        });
    }
    let said = aborted(&run_self(TEST, &[("GUARD", "2")]));
    assert!(said.contains("`value: *mut i32`, lent to this call, which is under way"), "{said}");
    assert!(said.contains("ffg_done_with") && said.contains("c/alloc_dealloc_mismatch.c"), "{said}");
}

#[test]
fn the_hook_the_file_and_allow() {
    const TEST: &str = "the_hook_the_file_and_allow";
    if is_child() {
        ffi_guard::set_report_hook(|violation| say(&format!("the hook: {}", violation.rule())));
        // SAFETY: none: this is what is refused.
        return wrong(|| unsafe { libc::free(leaked(7_u8)) });
    }
    let path = std::env::temp_dir().join(format!("ffi-guard-foreign-free-{}.jsonl", std::process::id()));
    let said = aborted(&run_self(TEST, &[("GUARD", "2"), ("GUARD_REPORT", path.to_str().expect("UTF-8"))]));
    assert!(said.contains("the hook: alloc_dealloc_mismatch"), "{said}");
    let lines = std::fs::read_to_string(&path).expect("the file is there");
    std::fs::remove_file(&path).expect("it was there");
    let read: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one object");
    assert_eq!((&read["finding"]["allocator"], &read["finding"]["aborting"]), (&"c".into(), &true.into()));
    // The process ends all the same: that is glibc's doing.
    let said = aborted(&run_self(TEST, &[("GUARD", "2"), ("GUARD_ALLOW", "alloc_dealloc_mismatch")]));
    assert!(said.contains("free(): invalid size") && !said.contains("ffi-guard["), "{said}");
}

#[test]
fn what_is_no_block_of_rusts_is_glibcs_affair() {
    not_told("what_is_no_block_of_rusts_is_glibcs_affair", || {
        // A live block of Rust's is at hand as well, and has nothing to do with it.
        let block = black_box(Box::new([7_u64; 5]));
        // SAFETY: none: glibc refuses it.
        unsafe {
            let c = libc::malloc(40);
            libc::free(c);
            libc::free(black_box(c));
        }
        drop(black_box(block));
    });
}

#[test]
fn the_programs_own_abort_is_its_own() {
    not_told("the_programs_own_abort_is_its_own", || {
        let block = black_box(leaked([7_u64; 5]));
        // The address that only `free` has a use for, without `free`.
        let record = black_box(block.wrapping_byte_sub(16));
        if !record.is_null() {
            std::process::abort();
        }
    });
}

#[test]
fn a_signal_that_is_sent_ends_the_process() {
    not_told("a_signal_that_is_sent_ends_the_process", || {
        // To the process: any of its threads may be the one that gets it.
        // SAFETY: no precondition.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGABRT);
            loop {
                libc::pause();
            }
        }
    });
}

/// The program's own handler: installed before Rust runs, if a variable says so.
extern "C" fn handle(_: libc::c_int) {
    say("the program's handler");
}

extern "C" fn install_early() {
    // SAFETY: a C string; a handler of its type. Nothing of Rust's runtime is used.
    unsafe {
        if !libc::getenv(c"EARLY".as_ptr()).is_null() {
            libc::signal(libc::SIGABRT, handle as *const () as usize);
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = install_early;

#[test]
fn who_had_the_signal_before_gets_it_after_us() {
    const TEST: &str = "who_had_the_signal_before_gets_it_after_us";
    if is_child() {
        // SAFETY: none: this is what is refused.
        return wrong(|| unsafe { libc::free(leaked(7_u8)) });
    }
    let said = aborted(&run_self(TEST, &[("GUARD", "2"), ("EARLY", "1")]));
    let (ours, theirs) = (said.find("ffi-guard["), said.find("the program's handler"));
    assert!(ours.is_some() && ours < theirs, "{said}");
}

#[test]
fn who_takes_the_signal_later_has_it_alone() {
    const TEST: &str = "who_takes_the_signal_later_has_it_alone";
    if is_child() {
        return wrong(|| {
            // SAFETY: a handler of its type; then none: this is what is refused.
            unsafe {
                libc::signal(libc::SIGABRT, handle as *const () as usize);
                libc::free(leaked(7_u8));
            }
        });
    }
    let said = aborted(&run_self(TEST, &[("GUARD", "2")]));
    assert!(said.contains("the program's handler") && !said.contains("ffi-guard["), "{said}");
}

#[test]
fn cs_own_blocks_are_freed_as_ever() {
    at_level("cs_own_blocks_are_freed_as_ever", "2", || {
        for size in 1..5000 {
            // SAFETY: blocks of C's, each freed once.
            unsafe { libc::free(black_box(libc::realloc(libc::malloc(size), size * 2))) };
        }
    });
}
