//! Measures two things beside each other on a machine that runs other programs too.
//!
//! Rounds are interleaved, so that a disturbance hits both, and medians are compared.

use std::time::Instant;

/// The number of rounds of each contender: many and short, so that most are not interrupted.
const ROUNDS: usize = 101;

/// Starts this program again with these variables, unless they are set: the level is read once,
/// before `main`.
pub fn with_environment(variables: &[(&str, &str)]) {
    const DONE: &str = "FFI_GUARD_BENCH_STARTED";
    if std::env::var_os(DONE).is_some() {
        return;
    }
    let this = std::env::current_exe().expect("the path of this program");
    let status = std::process::Command::new(this)
        .args(std::env::args_os().skip(1))
        .envs(variables.iter().copied())
        .env(DONE, "1")
        .status()
        .expect("this program again");
    std::process::exit(status.code().unwrap_or(1));
}

/// The nanoseconds of one operation of `f`, which does `operations` of them.
fn time(operations: u32, f: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64() * 1e9 / f64::from(operations)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints ours beside the yardstick: medians of interleaved rounds, and their ratio.
pub fn beside(what: &str, operations: u32, mut ours: impl FnMut(), mut yardstick: impl FnMut()) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (one, other) = (time(operations, &mut ours), time(operations, &mut yardstick));
        // The first round warms up.
        if round > 0 {
            a.push(one);
            b.push(other);
        }
    }
    let (a, b) = (median(a), median(b));
    println!("{what:<44} {a:>8.2} ns {b:>8.2} ns {:>6.2}x", a / b);
}

/// Prints one figure: the median of its rounds.
pub fn alone(what: &str, operations: u32, mut f: impl FnMut()) {
    time(operations, &mut f);
    let figure = median((0..ROUNDS).map(|_| time(operations, &mut f)).collect());
    println!("{what:<44} {figure:>8.2} ns");
}

/// Prints ours beside the yardstick, as [`beside`] does, for work that takes long and has a
/// preparation before each round, which is not timed.
pub fn beside_ready(
    what: &str,
    rounds: usize,
    (mut ready, mut ours): (impl FnMut(), impl FnMut()),
    (mut ready_yardstick, mut yardstick): (impl FnMut(), impl FnMut()),
) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        ready();
        let one = time(1, &mut ours);
        ready_yardstick();
        let other = time(1, &mut yardstick);
        // The first round warms up.
        if round > 0 {
            a.push(one);
            b.push(other);
        }
    }
    let (a, b) = (median(a), median(b));
    println!("{what:<44} {a:>8.0} ns {b:>8.0} ns {:>6.2}x", a / b);
}
