//! Who was lent a block with a run of its own: noted where a fault finds it without a lock.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::thread;
use crate::heap::{self, Block, lender};

/// Notes that this call is lent the block.
#[inline]
pub(crate) fn note(block: &Block, site: &Site) {
    lender::note(
        block,
        lender::Lender {
            function: std::ptr::from_ref(site.function).expose_provenance(),
            location: std::ptr::from_ref(site.location).expose_provenance(),
            thread: thread::id(),
        },
    );
}

/// Below level 2: whether one block in so many may have pages of its own.
static ON: AtomicBool = AtomicBool::new(false);

/// Has the calls below level 2 note what they lend.
pub(crate) fn begin() {
    ON.store(true, Ordering::Relaxed);
}

#[inline(always)]
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The same of everything that a call lends directly.
#[inline(never)]
pub(crate) fn note_all(arguments: &[Argument], site: &Site) {
    for argument in arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut)) {
        if lender::may_have(argument.address)
            && let Some(block) = heap::lookup(argument.address)
        {
            note(&block, site);
        }
    }
}
