//! Leaks: what was given to C and neither taken back nor freed.

use crate::call::scopes;
use std::collections::BTreeMap;

use super::found::Found;
use super::kept::{self, Kept};
use crate::call::thread;
use crate::facts::Promise;
use crate::heap::{self, Block};
use crate::rule::{Rule, Severity};
use crate::rules::leaked_ownership;

/// Takes the blocks that C owns now and that were not reported yet, by the call that gave them, the
/// latest of each first.
///
/// Leaves out those that a call under way has, since C may still give them back, and those that
/// hang on another gift, since they come back with it.
pub(crate) fn leaked() -> Vec<Found> {
    // Inside `catch`, its end delivers the report.
    let whose = if scopes::catching() { thread::id() } else { 0 };
    let mut sites: BTreeMap<(usize, usize), Vec<(Block, Kept)>> = BTreeMap::new();
    kept::for_each(&mut |start, generation, kept| {
        let note = kept.note;
        let asked = note.site.severity(Rule::LeakedOwnership, Some(note.loan.parameter)) != Severity::Allow;
        let given = kept.promise == Promise::Owned && !note.loan.is_found();
        let block = heap::lookup(start).filter(|block| block.live && block.generation == generation);
        let block = block.filter(|block| heap::loans(block) == 0);
        if given
            && asked
            && block.is_some()
            && !std::mem::replace(&mut kept.leak_told, true)
            && let Some(block) = block
        {
            let place = std::ptr::from_ref(note.site.location).addr();
            sites.entry((place, note.loan.parameter)).or_default().push((block, *kept));
        }
    });
    let found = sites.into_values().filter_map(|mut blocks| {
        blocks.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.note.when));
        let bytes = blocks.iter().map(|(block, _)| block.size).sum();
        let finding = leaked_ownership::check(blocks.len(), bytes)?;
        let (block, kept) = blocks.first()?;
        Some(Found { finding, block: *block, lent: vec![kept.note], whose })
    });
    found.collect()
}

/// In a forked child, marks gifts as reported: the parent reports them.
pub(super) fn told_by_the_parent() {
    kept::for_each(&mut |_, _, kept| kept.leak_told = true);
}
