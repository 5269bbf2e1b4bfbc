//! Words that C's memory held at the last look: what was there before is not news.

use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::scan::Hit;

/// By location.
pub(super) static SEEN: Locked<Vec<Hit>> = Locked::new(Vec::new());

/// A word that was reported by the exit of its call.
pub(crate) fn remember(hit: Hit) {
    let _inside = Reentry::enter();
    SEEN.with(|seen| match seen.binary_search_by_key(&hit.location, |seen| seen.location) {
        Ok(at) => seen[at] = hit,
        Err(at) => seen.insert(at, hit),
    });
}

/// A word that was not settled: it is news to the next sweep.
pub(super) fn forget(hit: Hit) {
    SEEN.with(|seen| {
        if let Ok(at) = seen.binary_search_by_key(&hit.location, |seen| seen.location) {
            seen.remove(at);
        }
    });
}

/// Takes what a sweep found for what is known from now on, and returns what was not known before.
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
