//! Borrowers of blocks with their own runs, noted where a fault handler finds them without a lock.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::call::thread;
use crate::facts::LastLoan;
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

/// The last call that was lent the block, if it is noted. For a signal handler too.
pub(crate) fn last(block: &Block) -> Option<LastLoan> {
    let lender = lender::last(block)?;
    // SAFETY: `note` alone notes them, from references that live as long as the program.
    let (function, location) =
        unsafe { (&*(lender.function as *const Function), &*(lender.location as *const Location<'static>)) };
    Some(LastLoan { function, location, thread: lender.thread })
}

/// True if, below level 2, one block in n may have pages of its own.
static ON: AtomicBool = AtomicBool::new(false);

/// Makes calls below level 2 note what they lend.
pub(crate) fn begin() {
    ON.store(true, Ordering::Relaxed);
}

#[inline(always)]
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Notes every block that a call lends directly.
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
