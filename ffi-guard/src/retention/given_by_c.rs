//! Blocks of Rust's heap that are C's to fill: a library that gets its memory from an allocator of
//! Rust's (Lua, zlib) builds its own structs there.
//!
//! Such a block is known by C's handing it out: a call returns its address, and no call is known to
//! have lent it. Behind `c_void` its words are C's, and are not looked into. (A type of size zero
//! says the same by itself; blocks that a guarded callback gives C to keep are noted with the
//! heap.)

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;

use crate::call::argument::{Argument, Passing};
use crate::call::target::Target;
use crate::heap::{self, FoundBlock};
use crate::platform::fork_gate;
use crate::reentry::Reentry;

/// The generation of each block, by its start.
type Blocks = DashMap<usize, u32>;

static BLOCKS: LazyLock<Blocks> = LazyLock::new(|| DashMap::with_shard_amount(16));
/// Number of blocks known at most, at some 30 bytes each.
const MOST: usize = 1 << 16;
/// True once a block was noted.
static ANY: AtomicBool = AtomicBool::new(false);

/// Runs `f` with the blocks. The locks inside are the map's own, so a fork waits until they are
/// released. A signal handler that interrupts `f` makes unchecked calls, and so does not come here.
fn blocks<R>(f: impl FnOnce(&Blocks) -> R) -> R {
    let _inside = Reentry::enter();
    fork_gate::run(|| f(&BLOCKS))
}

/// Notes the block that a call returned, if C has it from elsewhere. `arguments`: those of the
/// call.
pub(crate) fn note(word: usize, target: &Target, arguments: &[Argument]) {
    let Target::Heap(block) = target else { return };
    let lent = |it: &Argument| {
        matches!(it.passing, Passing::Const | Passing::Mut) && it.address.wrapping_sub(block.start) <= block.size
            || it.passing == Passing::Value
    };
    if !block.live || block.start != word || arguments.iter().any(lent) || was_lent(block) {
        return;
    }
    let (start, generation) = (block.start, block.generation);
    ANY.store(true, Ordering::Relaxed);
    blocks(|blocks| {
        if blocks.len() >= MOST {
            blocks.retain(|start, generation| {
                heap::lookup(*start).is_some_and(|block| block.live && block.generation == *generation)
            });
            if blocks.len() >= MOST {
                blocks.clear();
            }
        }
        blocks.insert(start, generation);
    });
}

/// True if Rust lent the block, or gave it to C.
fn was_lent(block: &FoundBlock) -> bool {
    heap::loans(block) > 0 || heap::noted(block) != 0 || heap::may_be_retained(block)
}

/// True if what is in the block is C's.
pub(crate) fn has(block: &FoundBlock) -> bool {
    heap::may_be_retained(block)
        || ANY.load(Ordering::Relaxed)
            && blocks(|blocks| blocks.get(&block.start).is_some_and(|generation| *generation == block.generation))
}
