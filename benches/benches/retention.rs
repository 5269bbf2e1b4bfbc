//! Ten million calls that lend a block, with a megabyte of C's variables and 64 MiB of C's heap to
//! search, at level 2 and at level 0: `cargo bench -p ffi-guard-benches --features c-heap --bench
//! retention`.
//!
//! A level is settled once in a process, so each round is two processes of this program, one after
//! the other. At level 2 the call in the middle keeps its block, and a sweep must find it and name
//! the place of that call.

use std::ffi::c_int;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ffi_guard::{GuardAlloc, Level, Rule};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "ffg_bench_work"]
    fn work(block: *const [u64; 8], keep: c_int) -> u64;
    #[link_name = "ffg_bench_keeps"]
    safe fn keeps() -> c_int;
    #[link_name = "ffg_bench_touch_globals"]
    safe fn touch_globals();
}

const CALLS: u32 = 10_000_000;
const KEPT: u32 = 1_000_000;
const ROUNDS: usize = 7;

/// The line of the call that the report names; 0 if there is no report.
static NAMED: AtomicU32 = AtomicU32::new(0);

/// The part of one process: returns the seconds of the loop, including the report made in it or at
/// its end.
fn run() -> f64 {
    touch_globals();
    c_fixtures::c_heap::ok_grow_heap(64 << 20);
    ffi_guard::set_report_hook(|violation| {
        assert_eq!(violation.rule(), Rule::RetainedPointer, "{violation}");
        NAMED.store(violation.location().map_or(0, std::panic::Location::line), Ordering::Relaxed);
    });
    let blocks: Vec<Box<[u64; 8]>> = (0..64).map(|i| Box::new([i; 8])).collect();
    let kept = Box::new([7; 8]);
    let several = if std::env::var_os(SEVERAL).is_some() { blocks.len() } else { 1 };
    let start = Instant::now();
    for call in 0..KEPT {
        // SAFETY: the block outlives the call.
        black_box(unsafe { work(black_box(&raw const *blocks[call as usize % several]), 0) });
    }
    let kept_at = line!() + 2;
    // SAFETY: the block lives to the end of this function.
    black_box(unsafe { work(black_box(&raw const *kept), 1) });
    for call in KEPT + 1..CALLS {
        // SAFETY: the block outlives the call.
        black_box(unsafe { work(black_box(&raw const *blocks[call as usize % several]), 0) });
    }
    ffi_guard::checkpoint();
    let seconds = start.elapsed().as_secs_f64();
    let expected = if ffi_guard::level() == Level::Full { kept_at } else { 0 };
    assert_eq!(NAMED.load(Ordering::Relaxed), expected, "the line that the report names");
    assert_eq!(keeps(), 1);
    seconds
}

fn seconds(level: &str, several: bool) -> f64 {
    let this = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(this);
    if several {
        command.env(SEVERAL, "1");
    }
    command.env("GUARD", level).env("GUARD_ON_VIOLATION", "report").env(PART, "1");
    let output = command.output().expect("this program again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.trim().parse().expect("seconds")
}

const PART: &str = "FFI_GUARD_BENCH_PART";
/// Set: 64 blocks in turn.
const SEVERAL: &str = "FFI_GUARD_BENCH_SEVERAL";

fn main() {
    if std::env::var_os(PART).is_some() {
        println!("{}", run());
        return;
    }
    for (what, several) in [("one block", false), ("64 blocks in turn", true)] {
        let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (seconds("2", several), seconds("0", several))).collect();
        rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        let (full, off) = rounds[ROUNDS / 2];
        println!("10 million calls, {what:<20} level 2 {full:>7.3} s   level 0 {off:>7.3} s   {:.2}x", full / off);
    }
}
