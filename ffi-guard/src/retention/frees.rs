//! Frees of blocks that are pinned, or that C was allowed to keep.
//!
//! ```text
//!            pinned ─────────────────────────────────────────────> freed_while_retained, at once
//!  free ──┬─
//!         ├─ no call of this thread under way, budget allows ──> look: does C hold a word into it?
//!         ├─ a call of this thread is under way: C's callback frees, and C may be about to let go
//!         │                                             ──────> held back until the outermost call has returned, then look
//!         └─ else ────────────────────────────────────────────> wait for the next sweep, in quarantine
//! ```
//! The free itself cannot unwind: the finding is reported by the next guarded call, or the end of
//! `catch`.

use crate::call::scopes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::found::Found;
use super::kept::{self, Kept};
use super::{budget, notes, pins, seen, untold};
use crate::call::thread;
use crate::heap::sweep::End;
use crate::heap::{self, Block};
use crate::level::{self, Level};
use crate::platform::lock::Locked;
use crate::platform::process::Errno;
use crate::reentry::Reentry;
use crate::rules::{freed_while_retained, leads_into};
use crate::scan::{self, Hit, Wanted};

/// A freed block that has yet to be looked for.
pub(super) struct WaitingFree {
    block: Block,
    kept: Kept,
    end: End,
    /// Sweep that will settle it.
    epoch: u32,
    /// Thread whose calls under way it waits for; 0 for none.
    held_back: u32,
    /// Thread that gets the report; 0 for any.
    whose: u32,
}

pub(super) static WAITING: Locked<BTreeMap<(usize, u32), WaitingFree>> = Locked::new(BTreeMap::new());
/// Number of blocks that are held back.
static HELD_BACK: AtomicUsize = AtomicUsize::new(0);

/// Number of ranges that are looked for at once; more are left to a sweep.
const FEW: usize = 32;

/// Handles a free: the heap calls this for a block that is pinned, or that C was allowed to keep.
pub(super) fn told(block: &Block, end: End) {
    let _errno = Errno::keep();
    let _inside = Reentry::enter();
    let pinned = pins::freed(block);
    let kept = kept::take(block);
    if let Some(kept) = kept {
        // If C writes there later, this call is a suspect.
        notes::keep_in_mind(kept.note);
    }
    if level::level() < Level::Full || kept.is_some_and(|kept| kept.allowed) || heap::is_exempt(block) {
        return;
    }
    // The end of a `catch`, or of a test, delivers the report.
    let whose = scopes::recipient();
    if let Some(pinned) = pinned {
        let finding = freed_while_retained::pinned(pinned, end == End::Moved);
        let lent = kept.map(|kept| kept.note).into_iter().collect();
        return untold::put_back(vec![Found { finding, block: *block, lent, whose }]);
    }
    let Some(kept) = kept.filter(|kept| !kept.is_over()) else { return };
    let mut waiting = WaitingFree { block: *block, kept, end, epoch: 0, held_back: 0, whose };
    if thread::is_in_call() {
        waiting.held_back = thread::id();
        HELD_BACK.fetch_add(1, Ordering::Relaxed);
        return wait(waiting);
    }
    if heap::loans(block) != 0 || !budget::may_look_for_freed(kept.note.site.function) {
        return wait(waiting);
    }
    match look(&[&waiting]).pop() {
        // A C callback outside any guarded call frees the block: C may be about to let go.
        Some(_) if scan::called_by_c() => wait(waiting),
        Some(found) => untold::put_back(vec![found]),
        None => {}
    }
}

/// Leaves a block to a sweep, and in quarantine until then.
fn wait(mut waiting: WaitingFree) {
    let block = waiting.block;
    WAITING.with(|list| {
        waiting.epoch = heap::sweep::next();
        heap::note_loan(&block, waiting.epoch);
        list.insert((block.start, block.generation), waiting);
    });
    notes::count_one();
}

/// Searches what C may write to for words into these blocks, and charges the thread for it.
fn look(freed: &[&WaitingFree]) -> Vec<Found> {
    let started = crate::platform::clock::ticks();
    let own = |it: &&WaitingFree| it.block.start..it.block.start + it.block.size;
    let outer = |it: &&WaitingFree| it.kept.outer.map(|outer| outer.range());
    let wanted = Wanted::new(freed.iter().map(own).chain(freed.iter().filter_map(outer)));
    let mut hits = Vec::new();
    budget::searched_for_freed(scan::c_memory(&wanted, &mut hits));
    budget::looked(crate::platform::clock::ticks().saturating_sub(started));
    let judge = |waiting: &&WaitingFree| {
        hits.iter().find_map(|hit| judge(waiting, *hit, true)).or_else(|| judge_by_way(waiting, &hits, true))
    };
    freed.iter().filter_map(judge).collect()
}

/// Makes a finding if C's word leads into a freed block. Later sweeps then know the word.
fn judge(waiting: &WaitingFree, hit: Hit, at_once: bool) -> Option<Found> {
    let WaitingFree { block, kept, end, whose, .. } = waiting;
    // A callback frees while C is about to let go.
    if !leads_into(hit.word, block.start, block.size) || kept.is_over() {
        return None;
    }
    #[cfg(feature = "c-heap")]
    if !super::witness::holds(hit, &kept.witnesses) {
        return None;
    }
    let finding = freed_while_retained::check(hit, kept.promise, *end == End::Moved, at_once)?;
    seen::remember(hit);
    Some(Found { finding, block: *block, lent: vec![kept.note], whose: *whose })
}

/// Makes a finding if C holds a block that leads to a freed one. `hits`: words of C's that lead
/// into the heap.
fn judge_by_way(waiting: &WaitingFree, hits: &[Hit], at_once: bool) -> Option<Found> {
    let WaitingFree { block, kept, end, whose, .. } = waiting;
    if kept.is_over() {
        return None;
    }
    let (outer, way) = kept.outer?.leads_to(block)?;
    let finding = hits.iter().filter(|hit| leads_into(hit.word, outer.start, outer.size)).find_map(|&hit| {
        #[cfg(feature = "c-heap")]
        if !super::witness::holds(hit, &kept::witnesses_of(&outer)) {
            return None;
        }
        freed_while_retained::check_by_way(hit, kept.promise, way.clone(), *end == End::Moved, at_once)
    })?;
    Some(Found { finding, block: *block, lent: vec![kept.note], whose: *whose })
}

/// True if some block waits for a thread's call to return.
#[inline]
pub(super) fn are_held_back() -> bool {
    HELD_BACK.load(Ordering::Relaxed) != 0
}

/// Takes the blocks that this thread holds back.
fn take_held_back() -> Vec<WaitingFree> {
    let me = thread::id();
    let mut mine = Vec::new();
    WAITING.with(|list| {
        for (key, waiting) in std::mem::take(list) {
            if waiting.held_back == me {
                mine.push(WaitingFree { held_back: 0, ..waiting });
            } else {
                list.insert(key, waiting);
            }
        }
    });
    HELD_BACK.fetch_sub(mine.len(), Ordering::Relaxed);
    mine
}

/// Leaves what callbacks freed to a sweep, after C has unwound out of the thread's outermost call.
pub(crate) fn release_held_back() {
    if are_held_back() && !thread::is_in_call() {
        let _inside = Reentry::enter();
        take_held_back().into_iter().for_each(wait);
    }
}

/// In a forked child, releases what other threads held back: their calls are cut off, and C never
/// lets go.
pub(super) fn forget_other_threads() {
    if !are_held_back() {
        return;
    }
    let (me, _inside) = (thread::id(), Reentry::enter());
    let left = WAITING.with(|list| {
        list.retain(|_, waiting| waiting.held_back == 0 || waiting.held_back == me);
        list.values().filter(|waiting| waiting.held_back != 0).count()
    });
    HELD_BACK.store(left, Ordering::Relaxed);
}

/// Looks for what callbacks freed, after the thread's outermost call has returned, if the budget
/// allows.
pub(crate) fn settle_held_back() -> Vec<Found> {
    let _inside = Reentry::enter();
    let mine = take_held_back();
    let at_once = mine.len() <= FEW
        && mine.iter().all(|it| heap::loans(&it.block) == 0)
        && mine.first().is_some_and(|it| budget::may_look_for_freed(it.kept.note.site.function));
    if at_once {
        return look(&mine.iter().collect::<Vec<_>>());
    }
    mine.into_iter().for_each(wait);
    Vec::new()
}

/// Reports words into freed blocks that waited for this sweep. `hits`: all words into the heap, old
/// and new.
pub(super) fn settle(hits: &[Hit]) -> Vec<Found> {
    let next = heap::sweep::next();
    // A block freed after the sweep began is left to the next one.
    let mut settled = WAITING.with(|list| {
        let mut settled = BTreeMap::new();
        for (key, mut waiting) in std::mem::take(list) {
            if waiting.epoch == next {
                list.insert(key, waiting);
            } else if waiting.held_back != 0 {
                waiting.epoch = next;
                heap::note_loan(&waiting.block, next);
                list.insert(key, waiting);
            } else {
                settled.insert(key, waiting);
            }
        }
        settled
    });
    let mut found = Vec::new();
    if settled.is_empty() {
        return found;
    }
    for hit in hits {
        let Some(block) = heap::lookup(hit.word).filter(|block| !block.live) else { continue };
        let key = (block.start, block.generation);
        let Some(waiting) = settled.get(&key) else { continue };
        if heap::loans(&block) != 0 {
            // Some call is lent it now, and C may be about to let go.
            if let Some(waiting) = settled.remove(&key) {
                wait(waiting);
            }
        } else if let Some(told) = judge(waiting, *hit, false) {
            settled.remove(&key);
            found.push(told);
        }
    }
    found.extend(settled.values().filter_map(|waiting| judge_by_way(waiting, hits, false)));
    found
}

/// Ends C's permission to keep a block, which C has given back.
pub(crate) fn given_back(address: usize) {
    if let Some(block) = heap::lookup(address).filter(|block| block.live && heap::may_be_retained(block)) {
        kept::forget(&block);
    }
}
