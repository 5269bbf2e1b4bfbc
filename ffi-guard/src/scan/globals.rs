//! The search of everything that loaded modules may write.

use super::Hit;
use super::search::search;
use super::wanted::Wanted;
use crate::platform::modules;

/// Room for hits that a search starts with. One that needs more begins again with twice as much.
const ROOM: usize = 64;

/// Every aligned word that lies in a wanted range, in the writable segments of every loaded module.
///
/// The loader's lock is held meanwhile, so no module can be unmapped under the search. Nothing is allocated under it:
/// a thread that has the allocator's locks may be waiting for the loader's, as every backtrace does.
pub(crate) fn globals(wanted: &Wanted, hits: &mut Vec<Hit>) {
    if wanted.is_empty() {
        return;
    }
    let before = hits.len();
    let mut room = ROOM;
    loop {
        hits.truncate(before);
        hits.reserve(room);
        if fits(wanted, hits) {
            return;
        }
        room = room.saturating_mul(2);
    }
}

/// Adds the hits to `hits` without growing it; `false` if there was not enough room.
fn fits(wanted: &Wanted, hits: &mut Vec<Hit>) -> bool {
    let mut fit = true;
    modules::each(&mut |module| {
        module.writable(&mut |segment| {
            let found = &mut |hit| {
                fit = hits.len() < hits.capacity();
                if fit {
                    hits.push(hit);
                }
                fit
            };
            // SAFETY: the segment is mapped writable, hence readable, by the loader, and stays so while its lock is
            // held, which it is in here.
            unsafe { search(segment.start, segment.len, wanted, found) };
            fit
        })
    });
    fit
}
