//! Words that C memory held at the last look: only others are new.

use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::scan::Hit;

/// Words that were seen, sorted by location.
pub(super) static SEEN: Locked<Vec<Hit>> = Locked::new(Vec::new());

/// Adds a word that the exit of its call has settled.
pub(crate) fn remember(hit: Hit) {
    let _inside = Reentry::enter();
    SEEN.with(|seen| match seen.binary_search_by_key(&hit.location, |seen| seen.location) {
        Ok(at) => seen[at] = hit,
        Err(at) => seen.insert(at, hit),
    });
}

/// Removes a word that was not settled: it is new to the next sweep.
pub(super) fn forget(hit: Hit) {
    SEEN.with(|seen| {
        if let Ok(at) = seen.binary_search_by_key(&hit.location, |seen| seen.location) {
            seen.remove(at);
        }
    });
}

/// Replaces the known words by what a sweep found, and returns those that were not known before.
pub(super) fn news(mut now: Vec<Hit>) -> Vec<Hit> {
    now.sort_by_key(|hit| hit.location);
    SEEN.with(|seen| {
        let news = now.iter().copied().filter(|hit| {
            seen.binary_search_by_key(&hit.location, |seen| seen.location).map(|at| seen[at]) != Ok(*hit)
        });
        let news = news.collect();
        *seen = now;
        news
    })
}
