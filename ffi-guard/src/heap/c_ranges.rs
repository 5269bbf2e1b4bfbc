//! Where C's blocks lie, for the search.
//!
//! A slab keeps its access for good, so that all of it can be read at memory speed, live slots and
//! others alike: what is freed is poison. A run of pages loses its access once it is free. So one
//! lock keeps the search of C's memory and those who take access away apart. A search holds it for
//! as long as it reads, some milliseconds where C has hundreds of megabytes; and only a thread that
//! frees a large block waits for that.

use super::{class, large, region, run, slab};

/// Runs `f` with each stretch of memory that live blocks of C may be in. The lock is held
/// meanwhile: `f` must not free C's memory, nor wait for anybody who does.
pub(crate) fn with_c_ranges<R>(f: impl FnOnce(&[std::ops::Range<usize>]) -> R) -> R {
    run::C_ACCESS.with(|()| {
        let slabs = (class::C + 1..class::ALL).map(slab::used).filter(|used| !used.is_empty());
        let mut ranges: Vec<_> = slabs.collect();
        let mut found = [(0, 0); 64];
        let mut next = region::units(class::C).start as u32;
        loop {
            let (count, after) = run::each_used(class::C, next, &mut found);
            ranges.extend(found.iter().take(count).filter_map(|&(first, _)| {
                // Live, so that it has its access, and keeps it while the lock is held.
                let extent = region::run_entry(first as usize).live_extent()?;
                let start = region::unit_start(first as usize) + extent.offset();
                Some(start..large::end(start, extent.size()))
            }));
            if count < found.len() {
                break;
            }
            next = after;
        }
        f(&ranges)
    })
}
