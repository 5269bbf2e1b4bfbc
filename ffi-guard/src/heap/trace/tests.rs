//! What the quick ways find must be what the unwinder finds, on every stack.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::walk::{Registers, Trail};
use super::{FRAMES, TraceId, capture, frames, memo, unwind};
use crate::platform::signal::Receiver;

/// A capture that is compared: the trace's id, or 0 if the memo or the walk and the unwinder
/// disagree.
#[unsafe(naked)]
extern "sysv64" fn compared() -> u32 {
    std::arch::naked_asm!(
        "mov rdi, qword ptr [rsp]",
        "lea rsi, [rsp + 8]",
        "mov rdx, rbp",
        "jmp {compare}",
        compare = sym compare,
    )
}

static WALKED: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

extern "sysv64" fn compare(ip: usize, sp: usize, bp: usize) -> u32 {
    let from = Registers { ip, sp, bp };
    let mut expected = [0; FRAMES];
    let len = unwind(sp, &mut expected);
    let expected = &expected[..len];
    let found = memo::find(&from);
    FOUND.fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
    let mut places = [0; FRAMES];
    let mut trail = Trail::new(&mut places);
    let walked = trail.walk(from);
    WALKED.fetch_add(usize::from(walked), Ordering::Relaxed);
    let id = super::intern(expected);
    if walked {
        memo::keep(&from, &trail, id);
    }
    let walk_agrees = !walked || trail.frames.get(..trail.len) == Some(expected);
    let memo_agrees = found.is_none_or(|found| found == id);
    if walk_agrees && memo_agrees { id.0 } else { 0 }
}

// A frame of variable size, found by its frame pointer alone; one of fixed size that calls it with
// as much less to reserve as it takes itself; and one that saves the frame pointer and sets its
// own.
//
// `variable(size, next, last)` calls `next` with `last` in the third place; `fixed` has the same
// arguments.
std::arch::global_asm!(
    ".type ffi_guard_test_variable, @function",
    "ffi_guard_test_variable:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "sub rsp, rdi",
    "call rsi",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size ffi_guard_test_variable, . - ffi_guard_test_variable",
    ".type ffi_guard_test_fixed, @function",
    "ffi_guard_test_fixed:",
    ".cfi_startproc",
    "sub rsp, 72",
    ".cfi_def_cfa_offset 80",
    "sub rdi, 80",
    "call ffi_guard_test_variable",
    "add rsp, 72",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    ".size ffi_guard_test_fixed, . - ffi_guard_test_fixed",
    ".type ffi_guard_test_saving, @function",
    "ffi_guard_test_saving:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "call rdx",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size ffi_guard_test_saving, . - ffi_guard_test_saving",
);

type Capture = extern "sysv64" fn() -> u32;
type Frame = unsafe extern "sysv64" fn(usize, *const (), Capture) -> u32;

unsafe extern "sysv64" {
    fn ffi_guard_test_variable(size: usize, next: *const (), last: Capture) -> u32;
    fn ffi_guard_test_fixed(size: usize, next: *const (), last: Capture) -> u32;
    fn ffi_guard_test_saving();
}

/// The capture, as the system's own calling convention has it.
extern "sysv64" fn plain() -> u32 {
    capture().0
}

/// One call site for all: only what it calls differs. And nothing is called between two of them,
/// which would write where the first one left its return addresses.
#[inline(never)]
fn through(ways: &[Frame], next: *const (), last: Capture, ids: &mut [u32]) {
    for (id, frame) in ids.iter_mut().zip(ways) {
        // SAFETY: both take such arguments, and `next` and `last` are functions without arguments;
        // 800 bytes are free.
        *id = unsafe { frame(800, next, last) };
    }
}

#[test]
fn a_stale_return_address_in_the_free_part_of_a_frame_fools_nobody() {
    crate::heap::ready();
    // With `fixed` between, the stack pointer at the capture is the same, and so is every return
    // address that the other way reads: the one into `fixed` lies in the part of the variable frame
    // that was not written to since.
    for last in [plain as Capture, compared] {
        for next in [last as *const (), ffi_guard_test_saving as *const ()] {
            let mut ids = HashSet::new();
            for _ in 0..10 {
                let ways: [Frame; 2] = [ffi_guard_test_fixed, ffi_guard_test_variable];
                let mut ids_now = [0; 2];
                through(black_box(&ways), next, last, &mut ids_now);
                let [long, short] = ids_now;
                assert!(long != 0 && short != 0, "walk, memo and unwinder disagree");
                assert_ne!(long, short, "one trace for two paths");
                let (long, short) = (frames(TraceId(long)), frames(TraceId(short)));
                assert!(long.len() == FRAMES || long.len() == short.len() + 1);
                ids.extend([long.to_vec(), short.to_vec()]);
            }
            assert_eq!(ids.len(), 2);
        }
    }
}

#[inline(never)]
fn recursive(depth: u32, capture: Capture) -> u32 {
    if depth == 0 { black_box(capture()) } else { black_box(recursive(black_box(depth - 1), capture)) }
}

#[inline(never)]
fn left(capture: Capture) -> u32 {
    black_box(recursive(3, capture))
}

#[inline(never)]
fn right(capture: Capture) -> u32 {
    black_box(recursive(3, capture))
}

/// Not inlined: the compiler unrolls a loop of rounds, and each copy would be a place of its own.
#[inline(never)]
fn every_way(capture: Capture) -> [u32; 12] {
    std::array::from_fn(|way| match way {
        10 => left(capture),
        11 => right(capture),
        depth => recursive(depth as u32, capture),
    })
}

#[test]
fn the_depth_of_a_recursion_and_the_way_to_it_are_told_apart() {
    crate::heap::ready();
    for capture in [plain as Capture, compared] {
        let mut ids = HashSet::new();
        for round in 0..black_box(3) {
            let all = every_way(black_box(capture));
            assert!(all.iter().all(|&id| id != 0), "walk, memo and unwinder disagree");
            ids.extend(all);
            assert_eq!(ids.len(), 12, "round {round}");
        }
    }
}

#[test]
fn the_same_path_is_walked_once() {
    crate::heap::ready();
    let (walked, found) = (WALKED.load(Ordering::Relaxed), FOUND.load(Ordering::Relaxed));
    let ids: HashSet<u32> = (0..100).map(|_| black_box(recursive(2, compared))).collect();
    assert!(ids.len() == 1 && !ids.contains(&0));
    // Other tests only add to the counts, and four of them would have to evict this one between two
    // rounds.
    assert!(WALKED.load(Ordering::Relaxed) - walked >= 100, "no rules for the frames of this program");
    assert!(FOUND.load(Ordering::Relaxed) - found >= 90);
}

#[test]
fn whatever_the_standard_library_puts_between_is_walked_as_it_is_unwound() {
    crate::heap::ready();
    let mut words: Vec<u32> = (0..200).map(|n| n * 7919 % 200).collect();
    words.sort_by(|a, b| {
        assert_ne!(compared(), 0);
        a.cmp(b)
    });
    let caught = std::panic::catch_unwind(|| format!("{}", Shown));
    assert_eq!(caught.unwrap(), "shown");
    std::thread::spawn(|| assert_ne!(compared(), 0)).join().unwrap();
}

struct Shown;

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        assert_ne!(compared(), 0);
        f.write_str("shown")
    }
}

/// 0 while every capture in a handler agreed.
static WRONG: AtomicU32 = AtomicU32::new(0);
static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: std::ffi::c_int) {
    WRONG.fetch_add(u32::from(compared() == 0 || recursive(2, compared) == 0), Ordering::Relaxed);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_signal_in_the_middle_of_a_capture_finds_and_leaves_it_whole() {
    crate::heap::ready();
    // The handler uses nothing but atomics and the functions under test.
    let me = Receiver::here(handler);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for sent in 1..=500 {
                // SAFETY: the thread lives until this scope ends.
                unsafe { me.send() };
                // The next one not before this one was seen to: a thread must come to something
                // between them.
                while HANDLED.load(Ordering::Relaxed) < sent {
                    std::thread::yield_now();
                }
            }
        });
        let mut wrong = 0;
        for depth in (0..9).cycle() {
            wrong += u32::from(recursive(depth, compared) == 0 || recursive(depth, plain) == 0);
            if sender.is_finished() {
                break;
            }
        }
        assert_eq!((wrong, WRONG.load(Ordering::Relaxed)), (0, 0), "outside of handlers, and in them");
    });
}

/// Walks a few thousand times from here; nanoseconds for each.
#[unsafe(naked)]
extern "sysv64" fn timed() -> u32 {
    std::arch::naked_asm!(
        "mov rdi, qword ptr [rsp]",
        "lea rsi, [rsp + 8]",
        "mov rdx, rbp",
        "jmp {time}",
        time = sym time,
    )
}

extern "sysv64" fn time(ip: usize, sp: usize, bp: usize) -> u32 {
    const ROUNDS: u32 = 10_000;
    let from = Registers { ip, sp, bp };
    let measure = |what: &str, f: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        (0..ROUNDS).for_each(|_| f());
        println!("{what}: {:.1} ns", begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    };
    let mut places = [0; FRAMES];
    measure("unwound", &mut || assert!(black_box(unwind(sp, &mut places)) > 0));
    measure("walked", &mut || assert!(black_box(Trail::new(&mut places).walk(from))));
    measure("walked and interned", &mut || {
        let mut trail = Trail::new(&mut places);
        assert!(trail.walk(from));
        memo::keep(&from, &trail, super::intern(trail.frames));
    });
    measure("found", &mut || assert!(black_box(memo::find(&from)).is_some()));
    0
}

/// `cargo test -p ffi-guard --lib -- --ignored --nocapture walk_speed`
#[test]
#[ignore = "measures"]
fn walk_speed() {
    crate::heap::ready();
    recursive(20, timed);
}
