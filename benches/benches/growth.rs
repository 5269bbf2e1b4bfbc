//! What a call and an allocation cost as a program grows: with 100 to 1,000,000 live blocks, and on
//! 1 to 8 threads. `cargo bench -p ffi-guard-benches --bench growth`.
//!
//! `GUARD=2` in front measures level 2, `GROWTH_MOST=10000000` goes on to ten million live blocks
//! (1 GiB). Time is the processor's, of the thread that works, so that other programs count little;
//! a lock that all take shows as waits, which the kernel counts.

use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::sync::Barrier;

// Links the C.
use c_fixtures as _;
use ffi_guard_benches::with_environment;

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Operations of a round, and rounds, of which the median is printed.
const N: u32 = 20_000;
const ROUNDS: usize = 21;
/// What stays live, and what is measured.
const LIVE: usize = 40;
const SIZES: [usize; 3] = [64, 500, 4000];

#[ffi_guard::guard]
unsafe extern "C" {
    /// Touches the first four bytes.
    fn ffg_bench_touch(p: *mut u32) -> u32;
}

/// One thing that is measured.
type Work<'a> = (String, Box<dyn FnMut(u32) + 'a>);

/// The processor's time of this thread in nanoseconds.
fn ran() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into the struct given.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// How often this thread has waited for something, of its own accord.
fn waits() -> i64 {
    // SAFETY: all fields of the struct may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes into the struct given.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) }, 0);
    usage.ru_nvcsw
}

/// Nanoseconds of one operation: the median of the rounds.
fn measure(work: &mut dyn FnMut(u32)) -> f64 {
    work(N);
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let before = ran();
            work(N);
            (ran() - before) as f64 / f64::from(N)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The call and the allocations that are measured, with these blocks live.
fn works(live: &[*mut u32]) -> Vec<Work<'_>> {
    let call = |block: *mut u32| {
        // SAFETY: a live block of four bytes and more.
        black_box(unsafe { ffg_bench_touch(black_box(block)) });
    };
    let mut at = 0_usize;
    let mut all: Vec<Work<'_>> = vec![
        ("call with one block".to_owned(), Box::new(move |n| (0..n).for_each(|_| call(live[0])))),
        (
            "call with each in turn".to_owned(),
            Box::new(move |n| {
                for _ in 0..n {
                    // Not one after the other: neither memory nor entries are fetched ahead.
                    at = (at + 7919) % live.len();
                    call(live[at]);
                }
            }),
        ),
    ];
    for size in SIZES {
        let layout = Layout::from_size_align(size, 8).expect("a layout");
        let pairs = move |n| {
            for _ in 0..n {
                // SAFETY: allocated and freed with one layout, which is not empty.
                unsafe {
                    let block = black_box(GUARD.alloc(black_box(layout)));
                    *block = 1;
                    GUARD.dealloc(black_box(block), layout);
                }
            }
        };
        all.push((format!("alloc + free, {size} bytes"), Box::new(pairs)));
    }
    all
}

/// Makes blocks that stay.
fn blocks(count: usize) -> Vec<*mut u32> {
    let layout = Layout::from_size_align(LIVE, 8).expect("a layout");
    // SAFETY: the layout is not empty; what is written is within it.
    let block = |_| unsafe {
        let block = GUARD.alloc_zeroed(layout).cast::<u32>();
        assert!(!block.is_null(), "no memory for the blocks that are to be live");
        block
    };
    (0..count).map(block).collect()
}

/// Prints a row: what was measured, and how much the most is beyond the first.
fn row(name: &str, figures: &[f64], waits: Option<i64>) {
    let first = figures.first().copied().unwrap_or(f64::NAN);
    let most = figures.iter().copied().fold(0.0, f64::max);
    let shown: String = figures.iter().map(|figure| format!("{figure:>9.1}")).collect();
    let waits = waits.map(|waits| format!("{waits:>9} waits")).unwrap_or_default();
    println!("{name:<26}{shown} {:>8.2}x{waits}", most / first);
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "1".into());
    with_environment(&[("GUARD", &level)]);
    let most = std::env::var("GROWTH_MOST").ok().and_then(|most| most.parse().ok()).unwrap_or(1_000_000);

    let counts: Vec<usize> = (2..8).map(|power| 10_usize.pow(power)).filter(|&count| count <= most).collect();
    let heads: String = counts.iter().map(|count| format!("{count:>9}")).collect();
    println!("level {level}, ns; live blocks{heads}  the most");
    let mut live = Vec::new();
    let mut figures: Vec<(String, Vec<f64>)> = Vec::new();
    for &count in &counts {
        live.extend(blocks(count - live.len()));
        for (at, (name, mut work)) in works(&live).into_iter().enumerate() {
            let figure = measure(&mut *work);
            match figures.get_mut(at) {
                Some((_, row)) => row.push(figure),
                None => figures.push((name, vec![figure])),
            }
        }
    }
    figures.iter().for_each(|(name, figures)| row(name, figures, None));

    let threads = [1, 2, 4, 8];
    let heads: String = threads.iter().map(|count| format!("{count:>9}")).collect();
    println!("\nlevel {level}, ns of each; threads{heads}  the most");
    for at in 0..works(&live[..1]).len() {
        let mut name = String::new();
        let (mut figures, mut waited) = (Vec::new(), 0);
        for count in threads {
            let barrier = Barrier::new(count);
            let one = || {
                let own = blocks(1000);
                let (name, mut work) = works(&own).swap_remove(at);
                barrier.wait();
                let before = waits();
                let figure = measure(&mut *work);
                (name, figure, waits() - before)
            };
            let results: Vec<_> = std::thread::scope(|scope| {
                let handles: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
                handles.into_iter().map(|handle| handle.join().expect("a thread that measures")).collect()
            });
            figures.push(results.iter().map(|(_, figure, _)| figure).sum::<f64>() / count as f64);
            waited += results.iter().map(|(_, _, waits)| waits).sum::<i64>();
            name = results.into_iter().next().map(|(name, ..)| name).unwrap_or_default();
        }
        row(&name, &figures, Some(waited));
    }
}
