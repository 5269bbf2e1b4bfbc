//! Blocks that C was allowed to keep, with the calls that lent them; consulted when they are freed.

use std::collections::BTreeMap;

use super::let_go;
use super::notes::Note;
use super::outer::Outer;
use crate::facts::Promise;
use crate::heap::{self, Block};
use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};

/// Record of a block that C was allowed to keep.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The last call that let C keep it.
    pub(super) note: Note,
    /// Promise under which C may keep it.
    pub(super) promise: Promise,
    /// True if some call allows `freed_while_retained`: no other call is blamed then.
    pub(super) allowed: bool,
    /// The handle by which C holds it; 0 for none.
    pub(super) holder: usize,
    /// The block by which C reaches it, if it was lent only by way of that.
    pub(super) outer: Option<Outer>,
    /// Number of the loan among those that C holds by a handle.
    number: u64,
    /// True if it was reported as leaked.
    pub(super) leak_told: bool,
    /// Places where C held it when that call had returned.
    #[cfg(feature = "c-heap")]
    pub(super) witnesses: [super::witness::Witness; super::witness::PLACES],
}

impl Kept {
    fn new(note: Note, promise: Promise, allowed: bool, (holder, outer): (usize, Option<Outer>)) -> Kept {
        Kept {
            outer,
            holder,
            number: if holder == 0 { 0 } else { let_go::number() },
            note,
            promise,
            allowed,
            leak_told: false,
            #[cfg(feature = "c-heap")]
            witnesses: Default::default(),
        }
    }
}

impl Kept {
    /// True if C has let go of it since.
    pub(super) fn is_over(&self) -> bool {
        let_go::is_over(self.holder, self.number)
    }
}

/// Number of shards, by the block's start, so that threads seldom wait for each other.
const SHARDS: usize = 64;
pub(super) static KEPT: [Locked<BTreeMap<(usize, u32), Kept>>; SHARDS] =
    [const { Locked::new(BTreeMap::new()) }; SHARDS];

fn with<R>(block: &Block, f: impl FnOnce(&mut BTreeMap<(usize, u32), Kept>, (usize, u32)) -> R) -> Option<R> {
    let _inside = Reentry::enter();
    // Small blocks lie 16 bytes apart, large ones pages.
    let shard = KEPT.get((block.start >> 4 ^ block.start >> 12) % SHARDS)?;
    Some(shard.with(|kept| f(kept, (block.start, block.generation))))
}

/// Records that a call lends a block that C may keep. `by`: the handle by which C holds it, 0 for
/// none; and the block by which C reaches it, if that is what it was lent.
pub(crate) fn lend(block: &Block, note: Note, promise: Promise, by: (usize, Option<Outer>)) {
    super::ready::ready();
    let severity = note.site.severity(Rule::FreedWhileRetained, Some(note.loan.parameter));
    let allowed = severity == Severity::Allow;
    // The record first: a thread that sees the flag finds it.
    with(block, |kept, key| match kept.get_mut(&key) {
        // A block that C owns stays a gift, whatever it is lent for later.
        Some(gift) if gift.promise == Promise::Owned && promise != Promise::Owned => gift.allowed |= allowed,
        earlier => {
            let earlier = earlier.is_some_and(|kept| kept.allowed);
            kept.insert(key, Kept::new(note, promise, allowed || earlier, by));
        }
    });
    heap::retain(block);
}

/// Records where C holds the block.
#[cfg(feature = "c-heap")]
pub(super) fn witness(block: &Block, witnesses: [super::witness::Witness; super::witness::PLACES]) {
    with(block, |kept, key| {
        if let Some(kept) = kept.get_mut(&key) {
            kept.witnesses = witnesses;
        }
    });
}

/// Where C held a block, if that was noted.
#[cfg(feature = "c-heap")]
pub(super) fn witnesses_of(block: &Block) -> [super::witness::Witness; super::witness::PLACES] {
    with(block, |kept, key| kept.get(&key).map(|kept| kept.witnesses)).flatten().unwrap_or_default()
}

/// Calls `f` with the start, the generation and the record of every block.
pub(super) fn for_each(f: &mut dyn FnMut(usize, u32, &mut Kept)) {
    let _inside = Reentry::enter();
    for shard in &KEPT {
        shard.with(|kept| kept.iter_mut().for_each(|(&(start, generation), kept)| f(start, generation, kept)));
    }
}

/// Forgets a block that C gave back: pointers that C still holds do not matter.
pub(crate) fn forget(block: &Block) {
    take(block);
}

/// The last call that let C keep a block.
pub(super) fn note_of(block: &Block) -> Option<Note> {
    with(block, |kept, key| kept.get(&key).map(|kept| kept.note)).flatten()
}

/// Takes the record of a block that is freed.
pub(super) fn take(block: &Block) -> Option<Kept> {
    with(block, |kept, key| kept.remove(&key)).flatten()
}
