//! Stray writes, with the calls that could have made them: the last ones that were lent the block.

use std::collections::BTreeSet;

use super::found::Found;
use super::{kept, notes};
use crate::facts::Overwritten;
use crate::heap::finding::{Damaged, Seen};
use crate::heap::{self, Block, Damage};
use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::rules::{buffer_overflow, use_after_free};

/// Damage of one generation of a block.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    start: usize,
    generation: u32,
    before: bool,
    offset: usize,
    len: usize,
}

/// Damage that was reported and cannot be repaired: its memory may belong to another thread by now.
pub(super) static TOLD: Locked<BTreeSet<Told>> = Locked::new(BTreeSet::new());

/// Makes a finding of damage; `None` if it was reported before.
pub(crate) fn found(Damaged { block, damage, seen }: Damaged) -> Option<Found> {
    let _inside = Reentry::enter();
    super::ready::ready();
    let Damage { before, offset, len, .. } = damage;
    let this = Told { start: block.start, generation: block.generation, before, offset, len };
    if !TOLD.with(|told| told.insert(this)) {
        return None;
    }
    if block.live || seen == Seen::AtFree {
        let overwritten = if seen == Seen::AtFree { Overwritten::BeforeTheFree } else { Overwritten::BeforeALook };
        return Some(found_around(&block, &damage, overwritten));
    }
    let finding = use_after_free::check(&block, &damage, seen == Seen::BeforeReuse);
    Some(Found { finding, block, lent: last_lent(&block), whose: 0 })
}

/// Makes a finding of a live block's damaged canary, with the last calls that were lent the block.
pub(crate) fn found_around(block: &Block, damage: &Damage, overwritten: Overwritten) -> Found {
    let _inside = Reentry::enter();
    let finding = buffer_overflow::check(damage, overwritten);
    Found { finding, block: *block, lent: last_lent(block), whose: 0 }
}

/// Checks every Rust block.
pub(crate) fn look_at_all() -> Vec<Found> {
    let _inside = Reentry::enter();
    let mut damaged = Vec::new();
    heap::each_damaged(&mut |found| damaged.push(found));
    damaged.into_iter().filter_map(found).collect()
}

/// Calls that lent this block, the latest first, as far as they are still known.
pub(crate) fn last_lent(block: &Block) -> Vec<notes::Note> {
    let mut lent = notes::last_of(block);
    lent.extend(kept::note_of(block));
    lent.sort_by_key(|note| std::cmp::Reverse(note.when));
    lent
}
