//! Level 3: a bad access is caught at its instruction, named, and reported in lines that a signal
//! handler may write.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use c_fixtures::paged::{self as c, bare};
use ffi_guard::GuardAlloc;
use ffi_guard_tests::process::{at_level, end_if_stuck, is_child, run_self, say, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

fn no_core_files() {
    // SAFETY: a limit for this process alone.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
}

/// Runs the calling test's body in a process at level 3, and returns its output.
fn child(test: &str, more: &[(&str, &str)], body: impl FnOnce()) -> Option<Output> {
    if is_child() {
        no_core_files();
        end_if_stuck();
        body();
        say("the body came to its end");
        return None;
    }
    let mut variables = vec![("GUARD", "3")];
    variables.extend(more);
    Some(run_self(test, &variables))
}

/// Runs the calling test's body in a process at level 3, which must end by SIGSEGV, with a report
/// that has this first line and all of these words.
fn caught(test: &str, headline: &str, words: &[&str], body: impl FnOnce()) {
    let Some(output) = child(test, &[], body) else { return };
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{:?}\n{said}", output.status);
    let first = said.lines().find(|line| line.contains("ffi-guard[")).unwrap_or_default();
    assert_eq!(first, headline, "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in\n{said}");
    }
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("ffi-guard: summary: "), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 84 || line.starts_with("ffi-guard")), "{said}");
}

/// Two blocks, given to a thread in turn: one lies before a page without access, and one after.
fn two(size: usize) -> [Vec<u8>; 2] {
    [vec![7; size], vec![7; size]]
}

#[test]
fn c_reads_one_byte_past_a_vec() {
    let headline = "ffi-guard[buffer_overflow]: C read 1 byte past the end of a 24-byte block";
    let words = [
        "lent thread",
        "to bad_sum_and_one at tests/tests/paged.rs:",
        "ffg_bad_sum_and_one",
        "c/paged.c:11",
        "allocated: ",
    ];
    caught("c_reads_one_byte_past_a_vec", headline, &words, || {
        for bytes in two(24) {
            // SAFETY: it is not: that is the test.
            black_box(unsafe { c::bad_sum_and_one(bytes.as_ptr(), bytes.len()) });
        }
    });
}

#[test]
fn c_reads_before_a_vec() {
    let headline = "ffi-guard[buffer_overflow]: C read 1 byte before the start of a 24-byte block";
    caught("c_reads_before_a_vec", headline, &["ffg_bad_line_start", "c/paged.c:"], || {
        for bytes in two(24) {
            // On one of the two it goes on through the slack, where no line break is, and faults a
            // page further down.
            if bytes.as_ptr().addr() % 4096 == 0 {
                // SAFETY: it is not: that is the test.
                black_box(unsafe { c::bad_line_start(bytes.as_ptr(), bytes.len()) });
            }
        }
    });
}

#[test]
fn c_reads_a_freed_box() {
    let headline = "ffi-guard[use_after_free]: C read byte 2 of a 16-byte block freed by Rust";
    let words = [
        "ffg_paged_read",
        ":       freed thread ",
        "     freed: tests/tests/paged.rs:",
        "to keep at tests/tests/paged.rs:",
    ];
    caught("c_reads_a_freed_box", headline, &words, || {
        let mut boxed = Box::new([1_u8; 16]);
        // SAFETY: alive during the call.
        unsafe { c::keep(boxed.as_mut_ptr()) };
        drop(boxed);
        // SAFETY: it is not: that is the test.
        black_box(unsafe { c::read_kept(2) });
    });
}

#[test]
fn c_writes_to_a_string_that_moved() {
    let headline = "ffi-guard[use_after_free]: C wrote byte 0 of a 5-byte block freed by Rust";
    caught("c_writes_to_a_string_that_moved", headline, &["ffg_paged_write"], || {
        let mut text = String::from("hello");
        // SAFETY: alive during the call.
        unsafe { c::keep(text.as_mut_ptr()) };
        text.push_str(", and good bye");
        // SAFETY: it is not: that is the test.
        unsafe { c::write_kept(0, b'H') };
        black_box(text);
    });
}

#[test]
fn a_c_thread_writes_after_the_call() {
    let headline = "ffi-guard[use_after_free]: C wrote byte 0 of an 8-byte block freed by Rust";
    caught(
        "a_c_thread_writes_after_the_call",
        headline,
        &["(paged-", "to bad_start at tests/tests/paged.rs:", "c/paged.c:"],
        || {
            let mut buffer = vec![0; 8];
            // SAFETY: not sound, and that is the point: the thread writes when the buffer is gone.
            unsafe {
                assert_eq!(c::bad_start(buffer.as_mut_ptr()), 0);
                drop(buffer);
                c::bad_finish();
            }
        },
    );
}

#[test]
fn what_memset_does_is_its_callers_doing() {
    let headline = "ffi-guard[use_after_free]: C wrote byte 0 of a 64-byte block freed by Rust";
    caught("what_memset_does_is_its_callers_doing", headline, &["called by ffg_paged_clear (paged-"], || {
        let mut buffer = vec![1; 64];
        // SAFETY: it is not: that is the test.
        unsafe {
            c::keep(buffer.as_mut_ptr());
            drop(buffer);
            c::clear_kept(64);
        }
    });
}

#[test]
fn what_rust_does_is_told_as_rusts() {
    let headline = "ffi-guard[use_after_free]: Rust read byte 3 of a 12-byte block freed by Rust";
    caught(
        "what_rust_does_is_told_as_rusts",
        headline,
        &["touched: ", "   what_rust_does_is_told_", "--> tests/tests/paged.rs:"],
        || {
            let bytes = vec![1_u8; 12];
            let third = &raw const bytes[3];
            drop(bytes);
            // SAFETY: it is not: that is the test.
            black_box(unsafe { third.read_volatile() });
        },
    );
}

#[test]
fn the_correct_twins_are_silent() {
    let Some(output) = child("the_correct_twins_are_silent", &[], || {
        for bytes in two(24) {
            // SAFETY: the counts are right.
            unsafe {
                assert_eq!(c::ok_sum(bytes.as_ptr(), bytes.len()), 7 * 24);
                assert_eq!(c::ok_line_start(bytes.as_ptr(), bytes.len()), 24);
            }
        }
        let mut boxed = Box::new([3_u8; 16]);
        // SAFETY: alive until C forgets it.
        unsafe {
            c::keep(boxed.as_mut_ptr());
            c::write_kept(15, 4);
            assert_eq!(c::read_kept(15) + c::read_kept(0), 7);
            c::clear_kept(16);
        }
        c::forget();
        assert_eq!(*boxed, [0; 16]);
        // C may keep it as long as its bytes stay at their address.
        let mut text = String::with_capacity(64);
        text.push_str("hello");
        // SAFETY: the capacity is enough, so that nothing moves.
        unsafe {
            c::keep(text.as_mut_ptr());
            text.push_str(", and good bye");
            c::write_kept(0, b'H');
        }
        c::forget();
        assert_eq!(text, "Hello, and good bye");
        let mut buffer = vec![0; 8];
        // SAFETY: the thread has ended when the call returns.
        assert_eq!(unsafe { c::ok_start_and_finish(buffer.as_mut_ptr()) }, 0);
        assert_eq!(buffer[0], 1);
    }) else {
        return;
    };
    let said = stderr(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said, "the body came to its end\n");
}

/// Reads a freed block and returns what was there.
fn read_after_free() {
    let mut boxed = Box::new([1_u8; 16]);
    // SAFETY: it is not: that is the test.
    let there = unsafe {
        c::keep(boxed.as_mut_ptr());
        drop(boxed);
        c::read_kept(2);
        c::read_kept(2)
    };
    assert_eq!(there, 0, "an opened page is a new one");
}

#[test]
fn a_warning_is_told_once_and_the_program_goes_on() {
    const TEST: &str = "a_warning_is_told_once_and_the_program_goes_on";
    if is_child() {
        child(TEST, &[], read_after_free);
        return;
    }
    for (variable, value, first) in [
        ("GUARD_WARN", "use_after_free", Some("warning: ffi-guard[use_after_free]: C read byte 2 of")),
        ("GUARD_ON_VIOLATION", "report", Some("ffi-guard[use_after_free]: C read byte 2 of")),
        ("GUARD_ALLOW", "use_after_free", None),
    ] {
        let output = child(TEST, &[(variable, value)], || ()).expect("this is the parent");
        let said = stderr(&output);
        assert!(output.status.success() && said.ends_with("the body came to its end\n"), "{variable}: {output:?}");
        let told: Vec<_> = said.lines().filter(|line| line.contains("ffi-guard[")).collect();
        match first {
            Some(first) => assert!(told.len() == 1 && told[0].starts_with(first), "{said}"),
            None => assert_eq!(said, "the body came to its end\n"),
        }
    }
}

#[test]
fn the_object_is_appended_to_the_file() {
    let path = std::env::temp_dir().join(format!("ffi-guard-paged-{}.jsonl", std::process::id()));
    let name = path.to_str().expect("a path in UTF-8");
    let Some(output) = child("the_object_is_appended_to_the_file", &[("GUARD_REPORT", name)], read_after_free) else {
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::remove_file(&path).expect("it goes again");
    assert_eq!(text.lines().count(), 1, "{text}");
    let object: serde_json::Value = serde_json::from_str(&text).expect("an object");
    assert_eq!(object["rule"], "use_after_free");
    assert_eq!(object["message"], "C read byte 2 of a 16-byte block freed by Rust");
    assert_eq!(object["function"]["name"], "keep");
    assert_eq!((&object["block"]["size"], &object["block"]["live"]), (&16.into(), &false.into()));
    assert_eq!((&object["finding"]["access"], &object["finding"]["by"]), (&"read".into(), &"c".into()));
    assert_eq!(object["finding"]["frames"][0]["function"], "ffg_paged_read");
    assert!(object["block"]["freed"].as_array().is_some_and(|frames| !frames.is_empty()), "{object}");
}

#[test]
fn a_place_that_faults_again_is_in_the_file_once() {
    let path = std::env::temp_dir().join(format!("ffi-guard-faults-{}.jsonl", std::process::id()));
    let name = path.to_str().expect("a path in UTF-8");
    let variables = [("GUARD_REPORT", name), ("GUARD_ON_VIOLATION", "report")];
    let body = || {
        for _ in 0..5 {
            read_after_free();
        }
        // Another way to the same read.
        read_after_free();
    };
    let Some(output) = child("a_place_that_faults_again_is_in_the_file_once", &variables, body) else { return };
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&path).expect("the file");
    std::fs::remove_file(&path).expect("it goes again");
    // The wrapper's first call takes another way to C than those that follow.
    assert!((2..=3).contains(&text.lines().count()), "{text}");
}

#[test]
fn a_stack_overflow_is_rusts_to_tell() {
    fn deeper(depth: usize) -> usize {
        let room = black_box([depth; 256]);
        if depth == usize::MAX { 0 } else { deeper(black_box(depth + 1)) + room[depth % 256] }
    }
    let Some(output) = child("a_stack_overflow_is_rusts_to_tell", &[], || {
        black_box(deeper(0));
    }) else {
        return;
    };
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("has overflowed its stack") && !said.contains("ffi-guard["), "{said}");
}

unsafe extern "C" fn long_form(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's record, handed on.
    say(&format!("the program's own: {signal} at {:?}", unsafe { (*info).si_addr() }));
    // SAFETY: ends this process.
    unsafe { libc::_exit(42) };
}

unsafe extern "C" fn short_form(signal: i32) {
    say(&format!("the program's own: {signal}"));
    // SAFETY: ends this process.
    unsafe { libc::_exit(42) };
}

/// Installed before `main`, as a crash handler of a C library would be; Rust's runtime then leaves
/// it alone.
extern "C" fn install_early() {
    let (handler, flags) = match std::env::var("OWN_HANDLER").as_deref() {
        Ok("long") => (long_form as *const () as usize, libc::SA_SIGINFO),
        Ok("short") => (short_form as *const () as usize, 0),
        Ok("ignored") => (libc::SIG_IGN, 0),
        _ => return,
    };
    // SAFETY: handlers of the form that the flags say.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut());
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = install_early;

#[test]
fn a_fault_elsewhere_goes_to_whoever_was_there() {
    const TEST: &str = "a_fault_elsewhere_goes_to_whoever_was_there";
    if is_child() {
        child(TEST, &[], || {
            black_box(vec![1; 100]);
            if std::env::var_os("SENT").is_some() {
                // SAFETY: no precondition.
                unsafe { libc::raise(libc::SIGSEGV) };
                return;
            }
            // SAFETY: it is not: that is the test.
            unsafe { bare::touch(std::ptr::without_provenance(0x1000), 8, 0) };
        });
        return;
    }
    let run = |handler: &'static str, more: &[(&str, &str)]| {
        let mut variables = vec![("OWN_HANDLER", handler)];
        variables.extend(more);
        let output = child(TEST, &variables, || ()).expect("this is the parent");
        let said = stderr(&output);
        assert!(!said.contains("ffi-guard["), "{said}");
        (output.status, said)
    };
    let (status, said) = run("long", &[]);
    assert_eq!((status.code(), said.as_str()), (Some(42), "the program's own: 11 at 0x1008\n"));
    let (status, said) = run("short", &[]);
    assert_eq!((status.code(), said.as_str()), (Some(42), "the program's own: 11\n"));
    let (status, said) = run("short", &[("SENT", "1")]);
    assert_eq!((status.code(), said.as_str()), (Some(42), "the program's own: 11\n"));
    for handler in ["none", "ignored"] {
        let (status, said) = run(handler, &[]);
        assert_eq!((status.signal(), said.as_str()), (Some(libc::SIGSEGV), ""), "{handler}");
    }
    let (status, said) = run("ignored", &[("SENT", "1")]);
    assert_eq!((status.code(), said.as_str()), (Some(0), "the body came to its end\n"), "a signal that is ignored");
    // Rust's own handler takes a sent signal for a fault that comes again, with the guard and
    // without.
    let with = run("none", &[("SENT", "1")]);
    assert_eq!(with, run("none", &[("SENT", "1"), ("GUARD", "0")]));
}

/// xorshift: the same layouts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

unsafe extern "C" fn fault_seen(_: i32) {
    // SAFETY: ends this process.
    unsafe { libc::_exit(42) };
}

struct Access {
    address: usize,
    offset: isize,
    write: bool,
}

extern "C" fn try_access(access: *mut libc::c_void) -> i32 {
    // SAFETY: what `faults` passes. The handler is this child's own.
    unsafe {
        let Access { address, offset, write } = *access.cast::<Access>();
        libc::signal(libc::SIGSEGV, fault_seen as *const () as usize);
        bare::touch(std::ptr::with_exposed_provenance(address), offset, i32::from(write));
        libc::_exit(0);
    }
}

/// True if one access faults. Tried in a child that shares this process's memory, as one of `vfork`
/// does, because thousands of copies would take minutes.
fn faults(address: usize, offset: isize, write: bool) -> bool {
    let mut access = Access { address, offset, write };
    let mut stack = [0_u8; 64 << 10];
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: the child runs on a stack of its own, touches one byte and ends, while this thread
    // waits.
    unsafe {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let top = top.wrapping_byte_sub(top.addr() % 16);
        let child = libc::clone(try_access, top.cast(), flags, (&raw mut access).cast());
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFEXITED(status), "{status:#x}");
        libc::WEXITSTATUS(status) == 42
    }
}

/// The page catches every byte beyond the pages of the block. Between the block and the edges of
/// its pages is the canary.
#[test]
fn every_access_beyond_the_pages_faults_and_none_inside() {
    const PAGE: usize = 4096;
    at_level("every_access_beyond_the_pages_faults_and_none_inside", "3", || {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let (mut beyond, mut inside, mut at_once) = (0, 0, 0);
        for case in 0..100 {
            let align = 1 << random.below(8);
            let size = match case % 4 {
                0 => 1 + random.below(64),
                1 => align * (1 + random.below(40)),
                2 => 1 + random.below(5000),
                _ => PAGE * (1 + random.below(3)),
            };
            let layout = std::alloc::Layout::from_size_align(size, align).expect("a layout");
            // SAFETY: a size above 0; freed below.
            let address = unsafe { std::alloc::alloc(layout) }.expose_provenance();
            let pages = address & !(PAGE - 1)..(address + size).next_multiple_of(PAGE);
            at_once += usize::from(pages.end == address + size || pages.start == address);
            let offsets = (-16..=16).chain((-16..=16).map(|offset| size as isize + offset));
            for offset in offsets {
                let at = address.wrapping_add_signed(offset);
                let expected = !pages.contains(&at);
                let write = random.below(2) == 0;
                assert_eq!(faults(address, offset, write), expected, "{offset} of {size} bytes aligned {align}");
                if expected {
                    beyond += 1;
                }
                if (address..address + size).contains(&at) {
                    inside += 1;
                }
            }
            // SAFETY: from above.
            unsafe { std::alloc::dealloc(std::ptr::with_exposed_provenance_mut(address), layout) };
        }
        assert!(beyond > 1000 && inside > 2000, "{beyond} {inside}");
        // Before the guard, and aligned to more than the size is a multiple of: the canary comes
        // first.
        assert!(at_once > 70, "{at_once} of 100 blocks touch a page without access");
    });
}

/// True if a block of less than a page lies at an edge of one: it has pages of its own then, or it
/// is one in a hundred.
fn is_at_an_edge(block: &[u8]) -> bool {
    let range = block.as_ptr_range();
    range.start.addr().is_multiple_of(4096) || range.end.addr().is_multiple_of(4096)
}

#[test]
fn one_block_in_so_many_is_sampled_at_level_1() {
    const TEST: &str = "one_block_in_so_many_is_sampled_at_level_1";
    if is_child() {
        end_if_stuck();
        // 24 bytes: slots of 48, of which no power of two is a multiple.
        let one_by_one = (0..100_000).filter(|_| is_at_an_edge(&black_box(vec![1; 24]))).count();
        let live: Vec<Vec<u8>> = (0..200_000).map(|_| vec![1; 24]).collect();
        let at_once = live.iter().filter(|block| is_at_an_edge(block)).count();
        assert!(live.iter().all(|block| block[..] == [1; 24]));
        let large = (0..10_000).filter(|_| is_at_an_edge(&black_box(vec![1; 40_001]))).count();
        say(&format!("{one_by_one} {at_once} {large}"));
        return;
    }
    let counts = |variables: &[(&str, &str)]| -> Vec<usize> {
        let said = stderr(&run_self(TEST, variables));
        said.split_whitespace().map(|count| count.parse().unwrap_or_else(|_| panic!("{said}"))).collect()
    };
    // Slots lie at an edge as well, about two in 4096/16.
    let [one_by_one, at_once, large_by_chance] = counts(&[("GUARD", "1")])[..] else { panic!("three counts") };
    let by_chance = [one_by_one, at_once];
    let [one_by_one, at_once, large] = counts(&[("GUARD", "1"), ("GUARD_SAMPLE", "100")])[..] else {
        panic!("three counts")
    };
    let [one_by_one, at_once] = [one_by_one.saturating_sub(by_chance[0]), at_once.saturating_sub(by_chance[1])];
    assert!((700..=1300).contains(&one_by_one), "{one_by_one} of 100 000, one in 100");
    assert!((800..=1100).contains(&at_once), "{at_once} live ones: no more than 1024");
    assert!(large.abs_diff(large_by_chance) < 20, "{large} {large_by_chance}: large blocks are left out");
}

#[test]
fn what_is_sampled_is_caught_at_level_1() {
    const TEST: &str = "what_is_sampled_is_caught_at_level_1";
    if is_child() {
        no_core_files();
        end_if_stuck();
        let mut boxed = Box::new([1_u8; 16]);
        // SAFETY: it is not: that is the test.
        unsafe {
            c::keep(boxed.as_mut_ptr());
            drop(boxed);
            c::write_kept(2, 7);
        }
        return say("nobody noticed");
    }
    let unseen = run_self(TEST, &[("GUARD", "1")]);
    assert_eq!(stderr(&unseen), "nobody noticed\n");
    for level in ["1", "2"] {
        let output = run_self(TEST, &[("GUARD", level), ("GUARD_SAMPLE", "1")]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
        for words in [
            "ffi-guard[use_after_free]: C wrote byte 2 of a 16-byte block freed by Rust",
            "to keep at tests/tests/paged.rs:",
            "freed: tests/",
        ] {
            assert!(said.contains(words), "level {level}: no {words:?} in\n{said}");
        }
    }
}

#[test]
fn of_many_threads_that_fault_at_once_one_tells() {
    let Some(output) = child("of_many_threads_that_fault_at_once_one_tells", &[], || {
        let together = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let boxed = Box::new([1_u8; 16]);
                    let freed = boxed.as_ptr();
                    drop(boxed);
                    together.wait();
                    // SAFETY: it is not: that is the test.
                    unsafe { bare::touch(freed, 3, 0) };
                });
            }
        });
    }) else {
        return;
    };
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
    assert_eq!(
        said.lines().filter(|line| line.contains("ffi-guard[use_after_free]: C read byte 3")).count(),
        1,
        "{said}"
    );
    assert_eq!(said.lines().filter(|line| line.starts_with("ffi-guard: summary: ")).count(), 1, "{said}");
}

#[test]
fn a_forked_child_tells_of_its_own_faults() {
    let Some(output) = child("a_forked_child_tells_of_its_own_faults", &[], || {
        let mut boxed = Box::new([1_u8; 16]);
        // SAFETY: alive during the call.
        unsafe { c::keep(boxed.as_mut_ptr()) };
        // SAFETY: the child frees, faults and ends; the parent waits for it.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                drop(boxed);
                black_box(c::read_kept(2));
                libc::_exit(0);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            status
        };
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
        // The parent's block is there still.
        // SAFETY: alive.
        assert_eq!(unsafe { c::read_kept(2) }, 1);
        c::forget();
        drop(boxed);
    }) else {
        return;
    };
    let said = stderr(&output);
    assert!(output.status.success() && said.ends_with("the body came to its end\n"), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("ffi-guard[")).count(), 1, "{said}");
}

#[test]
fn a_fault_has_its_names_while_other_threads_report() {
    let headline = "ffi-guard[buffer_overflow]: C read 1 byte past the end of a 24-byte block";
    let words = ["ffg_bad_sum_and_one", "c/paged.c:11", "allocated: tests/tests/paged.rs:"];
    caught("a_fault_has_its_names_while_other_threads_report", headline, &words, || {
        let (reported, wait) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let reported = reported.clone();
            // Until the process ends: at any moment one of them looks names up.
            std::thread::spawn(move || {
                let bytes = [1_u8; 5].to_vec();
                loop {
                    let violation = ffi_guard::expect_violation!(ffi_guard::Rule::OutOfBounds, {
                        // SAFETY: the guard stops it.
                        unsafe { c::ok_sum(bytes.as_ptr(), 50) }
                    });
                    black_box(violation.to_string());
                    let _ = reported.send(());
                }
            });
        }
        for _ in 0..6 {
            wait.recv().unwrap();
        }
        for bytes in two(24) {
            // SAFETY: it is not: that is the test.
            black_box(unsafe { c::bad_sum_and_one(bytes.as_ptr(), bytes.len()) });
        }
    });
}

#[test]
fn a_fault_is_told_in_addresses_while_the_program_holds_a_lock_of_the_loader() {
    const TEST: &str = "a_fault_is_told_in_addresses_while_the_program_holds_a_lock_of_the_loader";
    unsafe extern "C" fn stay(_: *mut libc::dl_phdr_info, _: usize, held: *mut std::ffi::c_void) -> i32 {
        // SAFETY: what the thread below passes.
        let held = unsafe { &*held.cast::<std::sync::mpsc::Sender<()>>() };
        let _ = held.send(());
        loop {
            std::thread::park();
        }
    }
    let body = || {
        let bytes = two(24);
        let (held, wait) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            let held = &raw const held;
            // SAFETY: the callback has the type of one, and gets what it expects.
            unsafe { libc::dl_iterate_phdr(Some(stay), held.cast_mut().cast()) };
        });
        wait.recv().unwrap();
        for bytes in bytes {
            // SAFETY: it is not: that is the test.
            unsafe { bare::touch(bytes.as_ptr(), bytes.len() as isize, 0) };
        }
    };
    let Some(output) = child(TEST, &[], body) else { return };
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{:?}\n{said}", output.status);
    for word in
        ["ffi-guard[buffer_overflow]: C read", "could not be looked up", "ffi-guard: summary: buffer_overflow in"]
    {
        assert!(said.contains(word), "no {word:?} in\n{said}");
    }
}
