//! Leaks: what was given to C and neither taken back nor freed, and what nothing leads to any more.

use crate::call::scopes;
use crate::call::thread;
use std::collections::BTreeMap;

use super::found::Found;
use super::kept::{self, Kept};
use super::lost::nothing_leads_to;
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
    take(&|_, kept| kept.promise == Promise::Owned, false)
}

/// Takes, at the end of the process, the blocks that C was allowed to keep and that nothing leads
/// to any more. `frame`: where the stack's frames of the program begin.
pub(crate) fn lost(frame: usize) -> Vec<Found> {
    let is_asked = |_: &Block, kept: &Kept| kept.promise == Promise::Retained;
    let mut blocks = Vec::new();
    kept::for_each(&mut |start, generation, kept| blocks.extend(candidate(start, generation, kept, &is_asked)));
    if blocks.is_empty() {
        return Vec::new();
    }
    let lost = nothing_leads_to(&blocks, frame);
    take(&|block, kept| is_asked(block, kept) && lost.contains(&block.start), true)
}

/// The block of a record, if it is live, no call is lent it, and it is one that is asked about.
fn candidate(start: usize, generation: u32, kept: &Kept, is_wanted: &dyn Fn(&Block, &Kept) -> bool) -> Option<Block> {
    let note = kept.note;
    let asked = note.site.severity(Rule::LeakedOwnership, Some(note.loan.parameter)) != Severity::Allow;
    if !asked || kept.leak_told || note.loan.is_found() {
        return None;
    }
    let block = heap::lookup(start).filter(|block| block.live && block.generation == generation)?;
    (heap::loans(&block) == 0 && is_wanted(&block, kept)).then_some(block)
}

fn take(is_wanted: &dyn Fn(&Block, &Kept) -> bool, is_lost: bool) -> Vec<Found> {
    // Inside `catch`, its end delivers the report; while tests are open, that of the one that lent
    // the block.
    let whose = if scopes::catching() && !scopes::in_test() { thread::id() } else { 0 };
    let mut sites: BTreeMap<(usize, usize), Vec<(Block, Kept)>> = BTreeMap::new();
    kept::for_each(&mut |start, generation, kept| {
        if let Some(block) = candidate(start, generation, kept, is_wanted) {
            kept.leak_told = true;
            let note = kept.note;
            let place = std::ptr::from_ref(note.site.location).addr();
            sites.entry((place, note.loan.parameter)).or_default().push((block, *kept));
        }
    });
    let found = sites.into_values().filter_map(|mut blocks| {
        blocks.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.note.when));
        let bytes = blocks.iter().map(|(block, _)| block.size).sum();
        let finding = leaked_ownership::check(blocks.len(), bytes, is_lost)?;
        let (block, kept) = blocks.first()?;
        Some(Found { finding, block: *block, lent: vec![kept.note], whose })
    });
    found.collect()
}

/// In a forked child, marks gifts as reported: the parent reports them.
pub(super) fn told_by_the_parent() {
    kept::for_each(&mut |_, _, kept| kept.leak_told = true);
}
