//! A look at every block: what was written beside the live ones, and into the freed ones.
//!
//! Other threads allocate and free meanwhile. A slot's memory keeps its access for good, and its
//! entry tells before and after whether the same block was there, in the same state, all the time;
//! if it was not, the next look will see. A run of pages loses its access, so it is the kernel that
//! reads there.

use super::finding::{Damaged, Seen};
use super::placement::Placement;
use super::redzone::{self, Damage};
use super::region::{self, Spot, UNIT};
use super::table::Entry;
use super::{Block, class, large, run, slab, slack, unit};
use crate::platform::read;

/// Looks at every block, of both halves, and hands damage to `found`. It is not renewed: at this
/// very moment its place may be given to another block, larger than this one. Memory of the guard's
/// own, none of the heap's locks: `found` may allocate for itself.
pub(crate) fn each_damaged(found: &mut dyn FnMut(Damaged)) {
    for class in (1..class::ALL).filter(|&class| !class::is_run(class)) {
        let slab = region::slab(class);
        let used = slab::used(class);
        let slots = (used.end - used.start) / slab.size().max(1);
        for index in 1..=slots as u32 {
            let (start, entry, placement) = (slab.start(index), slab.entry(index), Placement::AtBase);
            look_at_slot(&Spot { class, index, base: start, start, placement, entry }, found);
        }
    }
    (0..class::ALL).step_by(class::COUNT).for_each(|side| look_at_runs(side, found));
}

fn look_at_runs(side: usize, found: &mut dyn FnMut(Damaged)) {
    let mut runs = [(0, 0); 64];
    let mut next = region::units(side).start as u32;
    loop {
        let (count, after) = run::each_used(side, next, &mut runs);
        for &(first, _) in runs.iter().take(count) {
            look_at_run(first, found);
        }
        if count < runs.len() {
            return;
        }
        next = after;
    }
}

fn look_at_slot(spot: &Spot, found: &mut dyn FnMut(Damaged)) {
    let Some(block) = spot.entry.read(spot.start) else { return };
    let slab = region::slab(spot.class);
    let damage = if block.live {
        // SAFETY: slots keep their access, and all before and after this one have their canaries
        // for good.
        unsafe {
            redzone::damage(
                spot.start,
                block.size,
                spot.start + slab.size(),
                slab::canary_before(spot.class, spot.index, spot.start),
            )
        }
        .filter(|damage| !damage.before || !slab::is_overrun_from_before(spot.class, spot.index))
        .filter(|damage| !is_underrun_of_the_next(spot, &block, damage))
    } else {
        // SAFETY: as above; a block that is freed was poisoned before that could be seen.
        unsafe { redzone::poison_damage(spot.start, block.size, redzone::poison_word(spot.class)) }
    };
    let Some(damage) = damage else { return };
    if !is_still(spot.entry, spot.base, &block) {
        return;
    }
    found(Damaged { block, damage, seen: Seen::ByLookingAtAll });
}

/// Whether the entry still holds this block, in the same state.
fn is_still(entry: &Entry, base: usize, block: &Block) -> bool {
    entry
        .read(base)
        .is_some_and(|now| (now.generation, now.live, now.size) == (block.generation, block.live, block.size))
}

/// Whether only the end of the slack is damaged, which is the canary before the next block, and
/// that one is live: something wrote before its start.
fn is_underrun_of_the_next(spot: &Spot, block: &Block, damage: &Damage) -> bool {
    let slab = region::slab(spot.class);
    let end = spot.start + slab.size();
    let from = spot.start + block.size + damage.offset;
    let next = || slab.entry(spot.index + 1).read(end).is_some_and(|next| next.live);
    !damage.before && damage.offset > 0 && from >= end - class::SLACK && next()
}

fn look_at_run(first: u32, found: &mut dyn FnMut(Damaged)) {
    let (base, entry) = (region::unit_start(first as usize), region::run_entry(first as usize));
    let Some(block) = entry.read(base) else { return };
    let start = block.start;
    if entry.extent().placement().is_on_pages() {
        // A freed one has no pages to write to.
        let damage = if block.live { slack::damage(block.start, block.size) } else { None };
        if let Some(damage) = damage.filter(|_| is_still(entry, base, &block)) {
            found(Damaged { block, damage, seen: Seen::ByLookingAtAll });
        }
        return;
    }
    if !block.live {
        let damage = large::poison_damage(start, block.size, |page, into| read::read(page, into).is_some());
        if let Some(damage) = damage.filter(|_| is_still(entry, base, &block)) {
            found(Damaged { block, damage, seen: Seen::ByLookingAtAll });
        }
        return;
    }
    let behind = start + block.size;
    let end = large::end(start, block.size);
    // A copy at the same phase as the original, so that the same code compares it: the slack alone,
    // which is a page at most.
    let mut copy = vec![0_u8; UNIT / 8];
    let from = behind & !15;
    let Some(bytes) = copy.get_mut(..end - from) else { return };
    let mut header = [0; unit::UNIT];
    if read::read(from, bytes).is_none() || read::read(start - unit::UNIT, &mut header).is_none() {
        return;
    }
    let differs =
        redzone::damage_in(start, block.size, end, bytes, from).or_else(|| redzone::damage_before(start, &header));
    if let Some(damage) = differs.filter(|_| is_still(entry, base, &block)) {
        found(Damaged { block, damage, seen: Seen::ByLookingAtAll });
    }
}
