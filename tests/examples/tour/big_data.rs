//! Slides 40 to 43: lend for the call, copy nothing.

use std::time::{Duration, Instant};

use c_fixtures::slides::process_big_data;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[Row {
    slides: &[40..=43],
    what: "processBigData is lent 64 MiB, and nothing is copied",
    plan: Plan::Here(big_data, Expected::Clean),
}];

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn big_data() -> String {
    let mut big = vec![1u8; 64 * MIB];
    let address = big.as_ptr().addr();
    assert_eq!(lend(&mut big), address, "C got the very memory");
    assert_eq!((big[0], big[64 * MIB - 1]), (0xfe, 0xfe), "what C wrote is there");

    let mut small = vec![1u8; 64 * KIB];
    let (small, big) = (median_of_loans(&mut small), median_of_loans(&mut big));
    // Printed, not asserted: a busy machine is not a violation.
    format!("C got the Rust address; a loan of 64 KiB takes {small:?}, of 64 MiB {big:?} (medians of {LOANS})")
}

/// Lends the bytes; returns the address that C saw.
fn lend(data: &mut [u8]) -> usize {
    // SAFETY: the length is the slice's own.
    unsafe { process_big_data(data.as_mut_ptr(), data.len()) }
}

const LOANS: usize = 201;

fn median_of_loans(data: &mut [u8]) -> Duration {
    let mut times: Vec<Duration> = (0..LOANS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(lend(data));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[LOANS / 2]
}
