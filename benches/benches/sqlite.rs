//! A hundred thousand rows through SQLite, whose functions are guarded: compares each level with
//! level 0: `cargo bench -p ffi-guard-benches --bench sqlite`.
//!
//! The level is fixed when a process begins, so each round runs one process per level, and the
//! medians of the rounds are compared. Each round begins with another level. Level 3 comes last, in
//! rounds of its own, because the kernel cleans up its hundreds of thousands of mappings for a
//! while, which would slow the next process. The work is that of the tour's slide 33. Processor
//! time is measured, including the kernel's, since other programs run on the machine.

use std::process::Command;

use ffi_guard::GuardAlloc;
use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

const ROWS: u32 = 100_000;
const ROUNDS: usize = 9;
/// The variable that makes a process do only the measured work. Its value is the sum that the work
/// should give.
const CHILD: &str = "FFI_GUARD_BENCH_CHILD";

const RUNS: [(&str, &[(&str, &str)]); 5] = [
    ("level 0", &[("GUARD", "0")]),
    ("level 1", &[("GUARD", "1")]),
    ("level 1, GUARD_SAMPLE=1000", &[("GUARD", "1"), ("GUARD_SAMPLE", "1000")]),
    ("level 2", &[("GUARD", "2")]),
    ("level 3", &[("GUARD", "3")]),
];

/// The seconds of processor time of this thread.
fn ran() -> f64 {
    let mut ran = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the function only writes to the place that it is given.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut ran) };
    assert_eq!(done, 0, "the system has such a clock");
    ran.tv_sec as f64 + ran.tv_nsec as f64 / 1e9
}

/// The part of one process: returns the seconds that it takes.
fn run(expected: i64) -> f64 {
    let start = ran();
    let db = Db::open(":memory:").expect("a database in memory opens");
    let sum = write_and_read_back(&db, ROWS).expect("SQLite writes and reads");
    drop(db);
    let seconds = ran() - start;
    assert_eq!(sum, expected, "what was read is what was written");
    seconds
}

fn child(expected: i64, variables: &[(&str, &str)]) -> f64 {
    let this = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(this);
    command.env_remove("GUARD_SAMPLE").env(CHILD, expected.to_string()).envs(variables.iter().copied());
    let output = command.output().expect("this program again");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds")
}

fn main() {
    if let Ok(expected) = std::env::var(CHILD) {
        return println!("{}", run(expected.parse().expect("a sum")));
    }
    let expected = expected_sum(ROWS);
    let mut seconds = [const { Vec::new() }; RUNS.len()];
    let alone = RUNS.len() - 1;
    let together = (0..=ROUNDS).flat_map(|round| (0..alone).map(move |run| (round, (round + run) % alone)));
    for (round, run) in together.chain((0..=ROUNDS).map(|round| (round, alone))) {
        let took = child(expected, RUNS[run].1);
        // The first round warms up.
        if round > 0 {
            seconds[run].push(took);
        }
    }
    let medians = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    });
    println!("{ROWS} rows through SQLite, medians of {ROUNDS} rounds");
    for ((what, _), median) in RUNS.iter().zip(medians) {
        println!("{what:<28} {:>8.1} ms {:>6.2}x", median * 1e3, median / medians[0]);
    }
}
