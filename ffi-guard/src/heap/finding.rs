//! Where the heap tells what it found. The reports come with their rules; until then nothing is done here.
//!
//! Called on the thread that frees, inside the allocator: whoever fills these in runs under `Reentry`, does not unwind, and
//! does not free program memory.

use super::Block;
use super::redzone::Damage;

/// The canary of a block was damaged; found when the block was freed or resized. The canary is renewed afterwards.
pub(crate) fn damaged_canary(_block: &Block, _damage: &Damage) {}

/// A freed block was written to; found when it left the quarantine. `Damage::offset` counts from the block's start.
pub(crate) fn damaged_poison(_block: &Block, _damage: &Damage) {}
