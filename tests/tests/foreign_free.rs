//! C's `free` and `realloc` of Rust's memory, when C's allocator is glibc's: glibc refuses, and the
//! guard says which block it was.

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
use ffi_guard_tests::process::{at_checked_levels, at_level, is_child, run_self, say, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Runs a body that must end its process.
fn wrong(body: impl FnOnce()) {
    // SAFETY: no core files from a test.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
    body();
    say("it went on");
}

/// The output of a process that ended by SIGABRT.
#[track_caller]
fn aborted(output: &Output) -> String {
    let said = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(!said.contains("it went on"), "{said}");
    said
}

/// Expects the test's child to end at each level, by a report of this rule with this in its first
/// line.
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

/// Expects the test's child to end without a report of ours.
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
        // SAFETY: not sound, and that is the point: it is refused.
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
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe { libc::free(text.as_mut_ptr().cast()) };
    });
}

#[test]
fn each_size_of_block() {
    const TEST: &str = "each_size_of_block";
    if is_child() {
        let [size, align] = ["SIZE", "ALIGN"].map(|name| std::env::var(name).expect("set").parse().expect("a number"));
        // All reports are equally long: glibc does not read the zeros of untouched memory.
        let layout = std::alloc::Layout::from_size_align(size, align).expect("a layout");
        return wrong(|| {
            // SAFETY: not of size 0, and written within its size; then none: this is what is
            // refused.
            unsafe {
                let block = std::alloc::alloc(layout);
                block.write_bytes(7, size);
                libc::free(black_box(block).cast());
            }
        });
    }
    // Every second power of two, and sizes around it: slots of less than a page and of whole pages,
    // and runs.
    let sizes = (0..22).step_by(2).flat_map(|shift| [(1_usize << shift) - 1, 1 << shift, (1 << shift) + 1]);
    let slots = [4096 - 16, 8192 - 16, (256 << 10) - 16, (256 << 10) - 15];
    let aligned = [(40, 4096), (4096, 4096), (300_000, 64), (300_000, 4096), (300_000, 1 << 21), (16, 1 << 19)];
    for (size, align) in sizes.chain(slots).map(|size| (size.max(1), 1)).chain(aligned) {
        let (bytes, by) = (size.to_string(), align.to_string());
        // No names: there are many of them.
        let variables = [("GUARD", "2"), ("GUARD_BACKTRACE", "0"), ("SIZE", &bytes), ("ALIGN", &by)];
        let said = aborted(&run_self(TEST, &variables));
        assert!(said.contains(&format!("{size}-byte block of Rust's heap")), "aligned to {align}: {said}");
    }
}

#[test]
fn a_large_vec_that_c_frees() {
    let first = "alloc_dealloc_mismatch]: `free` got a 1000000-byte block of Rust's heap";
    told("a_large_vec_that_c_frees", first, || {
        let mut block = std::mem::ManuallyDrop::new(vec![7_u8; 1_000_000]);
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe { libc::free(black_box(block.as_mut_ptr()).cast()) };
    });
}

#[test]
fn a_large_vec_that_c_makes_larger() {
    let first = "alloc_dealloc_mismatch]: `realloc` got a 1000000-byte block of Rust's heap";
    told("a_large_vec_that_c_makes_larger", first, || {
        let mut block = std::mem::ManuallyDrop::new(vec![7_u8; 1_000_000]);
        // SAFETY: not sound, and that is the point: it is refused.
        unsafe { libc::realloc(black_box(block.as_mut_ptr()).cast(), 2_000_000) };
    });
}

#[test]
fn a_large_vec_freed_by_rust_before() {
    const TEST: &str = "a_large_vec_freed_by_rust_before";
    if is_child() {
        return wrong(|| {
            let mut block = vec![7_u8; 1_000_000];
            let address = black_box(block.as_mut_ptr());
            drop(block);
            // SAFETY: not sound, and that is the point: it is refused.
            unsafe { libc::free(address.cast()) };
        });
    }
    // Below level 2 the block does not wait, and glibc faults on pages without access.
    let said = aborted(&run_self(TEST, &[("GUARD", "2")]));
    let first = "ffi-guard[double_free]: a 1000000-byte block of Rust's heap was freed by Rust, then by C";
    assert!(said.lines().any(|line| line == first) && said.contains("freed again: "), "{said}");
}

#[test]
fn a_box_that_c_makes_larger() {
    let first = "alloc_dealloc_mismatch]: `realloc` got a 40-byte block of Rust's heap";
    told("a_box_that_c_makes_larger", first, || {
        // SAFETY: not sound, and that is the point: it is refused.
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
        // SAFETY: not sound, and that is the point: it is refused.
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
        // SAFETY: not sound, and that is the point: it is refused.
        return wrong(|| {
            // SAFETY: not sound, and that is the point: it is refused.
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
        // SAFETY: not sound, and that is the point: it is refused.
        return wrong(|| unsafe { libc::free(leaked(7_u8)) });
    }
    let path = std::env::temp_dir().join(format!("ffi-guard-foreign-free-{}.jsonl", std::process::id()));
    let said = aborted(&run_self(TEST, &[("GUARD", "2"), ("GUARD_REPORT", path.to_str().expect("UTF-8"))]));
    assert!(said.contains("the hook: alloc_dealloc_mismatch"), "{said}");
    let lines = std::fs::read_to_string(&path).expect("the file is there");
    std::fs::remove_file(&path).expect("it was there");
    let read: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one object");
    assert_eq!((&read["finding"]["allocator"], &read["finding"]["aborting"]), (&"c".into(), &true.into()));
    // The process still ends: glibc aborts it.
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
        // The address that only `free` uses, without a call of `free`.
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
        // SAFETY: not sound, and that is the point: it is refused.
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

// --- at level 3: most blocks follow a page without access, and freed ones have no access ---

/// The output of a process that ended by either signal: glibc refused the block, or faulted before
/// it.
#[track_caller]
fn ended(output: &Output) -> String {
    let said = stderr(output);
    let signal = output.status.signal();
    assert!([Some(libc::SIGABRT), Some(libc::SIGSEGV)].contains(&signal), "{signal:?}: {said}");
    assert!(!said.contains("it went on"), "{said}");
    assert!(said.matches("ffi-guard[").count() <= 1, "{said}");
    said
}

/// C's call on a Rust block.
fn does(what: &str, block: *mut c_void) {
    // SAFETY: not sound, and that is the point: it is reported.
    unsafe {
        match what {
            "free" => libc::free(block),
            "realloc" => drop(black_box(libc::realloc(block, 100_000))),
            "malloc_usable_size" => drop(black_box(libc::malloc_usable_size(block))),
            _ => unreachable!("{what}"),
        }
    }
}

/// In a child: makes the call on one of two blocks, which lie in turn before a page without access
/// and after one.
fn to_one_of_two(what: &str, size: usize, align: usize, which: usize, freed: bool) {
    wrong(|| {
        let layout = std::alloc::Layout::from_size_align(size, align).expect("a layout");
        // SAFETY: not of size 0; each is freed once at most by Rust.
        let blocks = [(); 2].map(|()| unsafe { black_box(std::alloc::alloc(layout)) });
        if freed {
            // SAFETY: as above.
            unsafe { std::alloc::dealloc(blocks[which], layout) };
        }
        does(what, black_box(blocks[which]).cast());
    });
}

/// Runs [`to_one_of_two`] in children, and has `check` look at what each says.
fn each_at_level_3(test: &str, cases: &[(&str, usize, usize, bool)], check: impl Fn(&str, usize, &str)) {
    let variable = |name: &str| std::env::var(name).expect("set");
    let number = |name: &str| variable(name).parse().expect("a number");
    if is_child() {
        let freed = variable("FREED") == "1";
        return to_one_of_two(&variable("WHAT"), number("SIZE"), number("ALIGN"), number("WHICH"), freed);
    }
    for &(what, size, align, freed) in cases {
        for which in ["0", "1"] {
            let (size_is, align_is) = (size.to_string(), align.to_string());
            let freed = if freed { "1" } else { "0" };
            let variables =
                [("WHAT", what), ("SIZE", &size_is), ("ALIGN", &align_is), ("WHICH", which), ("FREED", freed)];
            let said = ended(&run_self(test, &[&variables[..], &[("GUARD", "3")]].concat()));
            assert!(said.contains("tests/foreign_free.rs"), "{what} of {size} aligned to {align}, {which}: {said}");
            check(what, size, &said);
        }
    }
}

#[track_caller]
fn says(said: &str, first_line: &str) {
    assert!(said.lines().any(|line| line == format!("ffi-guard[{first_line}")), "{first_line}: {said}");
}

#[test]
fn at_level_3_each_block_that_c_frees() {
    // A whole page and less, odd ends, slack of less than what glibc reads, several pages, large
    // ones.
    let sizes = [(1, 1), (11, 1), (24, 8), (40, 8), (100, 4), (4085, 1), (4088, 8), (4092, 4), (4096, 8), (5000, 16)];
    let large = [(300_000, 8), (1_000_000, 1), (300, 4096), (40, 1 << 16)];
    let cases: Vec<_> = sizes.into_iter().chain(large).map(|(size, align)| ("free", size, align, false)).collect();
    each_at_level_3("at_level_3_each_block_that_c_frees", &cases, |_, size, said| {
        let article = if size == 11 { "an" } else { "a" };
        says(said, &format!("alloc_dealloc_mismatch]: `free` got {article} {size}-byte block of Rust's heap"));
        assert!(said.contains("allocated: ") && said.contains("help: let Rust free it"), "{said}");
    });
}

#[test]
fn at_level_3_each_function_of_cs_allocator() {
    let cases = [24, 100_000, 4096].map(|size| ["realloc", "malloc_usable_size"].map(|what| (what, size, 8, false)));
    each_at_level_3("at_level_3_each_function_of_cs_allocator", cases.as_flattened(), |what, size, said| {
        says(said, &format!("alloc_dealloc_mismatch]: `{what}` got a {size}-byte block of Rust's heap"));
    });
}

#[test]
fn at_level_3_freed_by_rust_before() {
    let cases = [24, 300_000].map(|size| ("free", size, 8, true));
    each_at_level_3("at_level_3_freed_by_rust_before", &cases, |_, size, said| {
        says(said, &format!("double_free]: a {size}-byte block of Rust's heap was freed by Rust, then by C"));
        assert!(said.contains("freed: ") && said.contains("freed again: "), "{said}");
        assert!(said.contains("and faulted, which ends the process"), "{said}");
    });
}

#[test]
fn at_level_3_the_guarded_call_under_way_is_named() {
    const TEST: &str = "at_level_3_the_guarded_call_under_way_is_named";
    if is_child() {
        return wrong(|| {
            // SAFETY: not sound, and that is the point: it is reported. The second one is after a
            // page without access.
            unsafe {
                let values = [(); 2].map(|()| Box::into_raw(Box::new(7)));
                c::bad_done_with(black_box(values[1]));
                c::bad_done_with(black_box(values[0]));
            }
        });
    }
    let said = ended(&run_self(TEST, &[("GUARD", "3")]));
    says(&said, "alloc_dealloc_mismatch]: `free` got a 4-byte block of Rust's heap");
    assert!(said.contains("`value: *mut i32`, lent to this call, which is under way"), "{said}");
    assert!(said.contains("ffg_done_with") && said.contains("c/alloc_dealloc_mismatch.c"), "{said}");
}

#[test]
fn a_sampled_block_that_c_frees() {
    const TEST: &str = "a_sampled_block_that_c_frees";
    if is_child() {
        return to_one_of_two("free", 24, 8, std::env::var("WHICH").expect("set").parse().expect("a number"), false);
    }
    for (level, which) in [("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")] {
        let variables = [("GUARD", level), ("GUARD_SAMPLE", "1"), ("WHICH", which)];
        let said = ended(&run_self(TEST, &variables));
        says(&said, "alloc_dealloc_mismatch]: `free` got a 24-byte block of Rust's heap");
    }
}

#[test]
fn at_level_3_the_file_the_severities_and_the_hook() {
    const TEST: &str = "at_level_3_the_file_the_severities_and_the_hook";
    if is_child() {
        ffi_guard::set_report_hook(|violation| say(&format!("the hook: {}", violation.rule())));
        return to_one_of_two("free", 4096, 8, 1, false);
    }
    let path = std::env::temp_dir().join(format!("ffi-guard-faulting-free-{}.jsonl", std::process::id()));
    let output = run_self(TEST, &[("GUARD", "3"), ("GUARD_REPORT", path.to_str().expect("UTF-8"))]);
    let said = ended(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
    assert!(!said.contains("the hook: "), "no code of the program's runs in the handler: {said}");
    let lines = std::fs::read_to_string(&path).expect("the file is there");
    std::fs::remove_file(&path).expect("it was there");
    let read: serde_json::Value = serde_json::from_str(lines.trim_end()).expect("one object");
    assert_eq!(read["rule"], "alloc_dealloc_mismatch");
    let finding = &read["finding"];
    assert_eq!((&finding["allocator"], &finding["faulting"]), (&"c".into(), &true.into()));
    assert!(finding["asked_at"][0].to_string().contains("foreign_free"), "{finding}");
    // The report is a warning, and the process still ends: C's allocator cannot go on.
    let said = ended(&run_self(TEST, &[("GUARD", "3"), ("GUARD_WARN", "alloc_dealloc_mismatch")]));
    says(said.trim_start_matches("warning: "), "alloc_dealloc_mismatch]: `free` got a 4096-byte block of Rust's heap");
    let said = ended(&run_self(TEST, &[("GUARD", "3"), ("GUARD_ALLOW", "alloc_dealloc_mismatch")]));
    assert!(!said.contains("ffi-guard"), "{said}");
}

#[test]
fn at_level_3_what_is_no_block_of_rusts_is_cs_affair() {
    const TEST: &str = "at_level_3_what_is_no_block_of_rusts_is_cs_affair";
    if is_child() {
        let what = std::env::var("WHAT").expect("set");
        // Live blocks of Rust's are at hand as well, and have nothing to do with it.
        let blocks = black_box([(); 2].map(|()| Box::new([7_u64; 5])));
        wrong(|| does(&what, black_box(std::ptr::without_provenance_mut(0x10_000))));
        return drop(black_box(blocks));
    }
    for what in ["free", "realloc", "malloc_usable_size"] {
        let said = ended(&run_self(TEST, &[("GUARD", "3"), ("WHAT", what)]));
        assert!(!said.contains("ffi-guard"), "{what}: {said}");
    }
}

#[test]
fn at_level_3_who_reads_before_a_block_by_himself_is_told_as_ever() {
    const TEST: &str = "at_level_3_who_reads_before_a_block_by_himself_is_told_as_ever";
    if is_child() {
        return wrong(|| {
            let blocks = [(); 2].map(|()| Box::into_raw(Box::new([7_u64; 512])));
            // SAFETY: not sound, and that is the point: it is reported.
            black_box(unsafe { blocks[1].cast::<u64>().wrapping_sub(1).read_volatile() });
        });
    }
    let said = ended(&run_self(TEST, &[("GUARD", "3")]));
    assert!(
        said.contains("ffi-guard[buffer_overflow]: Rust read 8 bytes before the start of a 4096-byte block"),
        "{said}"
    );
}

#[test]
fn what_each_side_frees_of_its_own() {
    at_checked_levels("what_each_side_frees_of_its_own", || {
        for size in [1_usize, 24, 4096, 300_000] {
            let ours = black_box(vec![7_u8; size]);
            // SAFETY: a block of C's, of which each call takes what the one before gave.
            unsafe {
                let block = libc::malloc(size);
                assert!(libc::malloc_usable_size(block) >= size);
                let block = libc::realloc(block, size * 2);
                block.cast::<u8>().copy_from_nonoverlapping(ours.as_ptr(), size);
                libc::free(black_box(block));
            }
        }
        // The report's advice: C is given a function to call, or memory of its own.
        // SAFETY: `destroy` takes back what was given; C frees what its `malloc` gave.
        unsafe {
            unsafe extern "C" fn destroy(value: *mut i32) {
                // SAFETY: the box that was given to C, once.
                drop(unsafe { Box::from_raw(value) });
            }
            c::ok_done_with(Box::into_raw(Box::new(7)), destroy);
            c::bad_done_with(ffi_guard::CBox::new(7).into_raw());
        }
    });
}
