//! A large area of which few pages are written between two looks: compares a look with reading and
//! with copying all of it.

use std::hint::black_box;
use std::time::Instant;

use ffi_guard::__bench;
use ffi_guard_benches::with_environment;

const PAGE: usize = 4096;
const AREA: usize = 64 << 20;
const WANTED: std::ops::Range<usize> = 0x5eed_0000_0000_0000..0x5eed_1000_0000_0000;
const ROUNDS: usize = 51;

/// Medians of the parts of a round, in microseconds.
fn medians<const N: usize>(mut round: impl FnMut() -> [f64; N]) -> [f64; N] {
    let rounds: Vec<[f64; N]> = (0..ROUNDS).map(|_| round()).collect();
    std::array::from_fn(|part| {
        let mut values: Vec<f64> = rounds.iter().map(|round| round[part]).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    })
}

fn time(f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64() * 1e6
}

fn main() {
    with_environment(&[("GUARD", "2")]);
    // Private anonymous memory, as the C library maps it for an allocation of this size, and two
    // pages more for the alignment.
    let mut memory: Vec<u64> = vec![0; (AREA + 2 * PAGE) / 8];
    let start = memory.as_mut_ptr().addr().next_multiple_of(PAGE);
    let area = start..start + AREA;
    let store = |page: usize, slot: usize, word: usize| {
        // SAFETY: within the vector, which nothing else uses from here on.
        unsafe { ((start + page * PAGE) as *mut usize).add(slot).write_volatile(word) };
    };
    // Eight words of each page lead into the searched range, and stay.
    for page in 0..AREA / PAGE {
        (0..8).for_each(|slot| store(page, slot * 64 + 1, WANTED.start + page * 64));
    }
    // SAFETY: the vector lives to the end.
    let look = || unsafe { __bench::look(area.clone(), WANTED) };
    let first = time(|| assert_eq!(look(), AREA / PAGE * 8));
    println!("first look, which reads all: {first:.0} us");
    let mut copy = vec![0_u8; AREA];
    let [all, copied] = medians(|| {
        // SAFETY: as above.
        let all =
            time(|| assert_eq!(black_box(unsafe { __bench::search_area(area.clone(), WANTED) }), AREA / PAGE * 8));
        // SAFETY: two areas of this length.
        let copied = time(|| unsafe { std::ptr::copy_nonoverlapping(start as *const u8, copy.as_mut_ptr(), AREA) });
        black_box(&mut copy);
        [all, copied]
    });
    println!("reading all: {all:.0} us; memcpy of all: {copied:.0} us\n");
    println!(
        "{:>14} {:>12} {:>14} {:>12} {:>14}",
        "pages written", "a look", "beside reading", "writing", "a page, writing"
    );
    for written in [0, 1, 16, 256, 4096, AREA / PAGE] {
        let mut count = 0;
        let [writing, looking] = medians(|| {
            count += 1;
            let writing = time(|| {
                for page in 0..written {
                    store(page * (AREA / PAGE / written), 0, WANTED.start + count * 8);
                }
            });
            [writing, time(|| assert_eq!(look(), written))]
        });
        let each = if written == 0 { 0.0 } else { writing / written as f64 };
        println!("{written:>14} {looking:>9.1} us {:>13.3}x {writing:>9.1} us {each:>11.3} us", looking / all);
    }
    black_box(memory);
}
