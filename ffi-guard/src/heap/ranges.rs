//! Where the blocks lie, C's and Rust's, for the search.
//!
//! A slab keeps its access for good, so that all of it can be read at memory speed, live slots and
//! others alike: what is freed is poison. A run of pages loses its access once it is free. So one
//! lock keeps the search of C's memory and those who take access away apart. A search holds it for
//! as long as it reads, some milliseconds where C has hundreds of megabytes; and only a thread that
//! frees a large block waits for that, or one on pages of its own.

use std::ops::Range;

use super::{class, large, region, run, slab};

/// Runs `f` with each stretch of memory that live blocks of C may be in. The lock is held
/// meanwhile: `f` must not free C's memory, nor wait for anybody who does.
pub(crate) fn with_c_ranges<R>(f: impl FnOnce(&[Range<usize>]) -> R) -> R {
    run::C_ACCESS.with(|()| f(&ranges(class::C + 1..class::ALL, class::C, large::end)))
}

/// Each stretch of memory that live blocks of Rust may be in. Other threads may not run: a run that
/// is freed loses its access.
pub(crate) fn rust_ranges() -> Vec<Range<usize>> {
    ranges(1..class::COUNT, 0, |start, size| start + size)
}

/// The stretches of the slabs of these classes, and of the live runs of a side. `end`: where one
/// ends, by its start and size.
fn ranges(classes: Range<usize>, side: usize, end: fn(usize, usize) -> usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<_> = classes.map(slab::used).filter(|used| !used.is_empty()).collect();
    let mut found = [(0, 0); 64];
    let mut next = region::units(side).start as u32;
    loop {
        let (count, after) = run::each_used(side, next, &mut found);
        ranges.extend(found.iter().take(count).filter_map(|&(first, _)| {
            // Live, so that it has its access, and keeps it until it is freed.
            let extent = region::run_entry(first as usize).live_extent()?;
            let start = region::unit_start(first as usize) + extent.offset();
            // What is beside a block on pages of its own may be without access.
            let on_pages = extent.placement().is_on_pages();
            Some(start..if on_pages { start + extent.size() } else { end(start, extent.size()) })
        }));
        if count < found.len() {
            return ranges;
        }
        next = after;
    }
}
