//! C's `free` or `realloc` of Rust's memory when C's allocator is not ours: glibc refuses it, and
//! ends the process. Before that, the block is reported.
//!
//! glibc takes the eight bytes before an address for the size of a block. Before a Rust block there
//! is a canary, whose last word is no size that a block can have: so glibc stops before it has
//! changed anything (`free(): invalid size`). The address is not in its message, but its running
//! functions have it, as the address of their own record 16 bytes before the block; and they have
//! the size that they read. No other code has a use for that address.
//!
//! At level 3 many blocks begin after a page without access, and freed ones have lost their own:
//! there `free` faults, and `faulted.rs` reports.

use crate::delivery::last_look;
use crate::facts::{Asked, Ending};
use crate::heap::{self, Block, trace};
use crate::platform::abort::Abort;
use crate::platform::{abort, c_allocator, read};
use crate::reentry::{self, Reentry};
use crate::report::{self};

/// From the address of glibc's record to the block.
const RECORD: usize = 16;
/// From a block to the size that glibc reads.
const SIZE: usize = 8;
/// Bytes of the stack that are searched: the space of `abort` and its callers up to `free`.
const STACK: [usize; 3] = [4096, 2048, 1024];

/// Has every abort looked at from now on.
pub(crate) fn watch_aborts() {
    abort::install(tell);
}

/// Looks at an abort of the process. Runs in a signal handler, on the thread that called `abort`.
fn tell(aborting: &Abort) {
    // The guard's own abort, or one in the middle of its work.
    if reentry::inside() {
        return;
    }
    let mut words = [0; 512 + 16];
    let words = words_of(aborting, &mut words);
    let Some(block) = refused(words) else { return last_look::before_the_end() };
    let all = trace::capture_at_any_level();
    // The frames of the handler, of `abort` and of the allocator's inner functions come first.
    let inner = trace::frames(all).iter().position(|&ip| c_allocator::function_at(ip - 1).is_some());
    let call = inner.and_then(|n| c_allocator::function_at(trace::frames(all).get(n)? - 1));
    let at = inner.map_or(all, |n| trace::without(all, n + 1));
    let inside = Reentry::enter();
    let violation = super::violation(Asked::C(call.unwrap_or("free")), block.start, None, at, Some(Ending::Refused));
    drop(inside);
    if let Some(violation) = violation {
        super::unwound_by_nobody(|| report::record(&violation));
        report::print(&violation);
    }
}

/// The registers, and the words of the stack from the stack pointer on.
fn words_of<'a>(aborting: &Abort, words: &'a mut [usize; 512 + 16]) -> &'a [usize] {
    let (registers, stack) = words.split_at_mut(aborting.registers.len());
    registers.copy_from_slice(&aborting.registers);
    let mut bytes = [0; 4096];
    let read = STACK.into_iter().find(|&len| {
        let into = bytes.get_mut(..len).unwrap_or_default();
        read::read(aborting.sp, into).is_some()
    });
    let read = bytes.get(..read.unwrap_or(0)).unwrap_or_default();
    for (word, bytes) in stack.iter_mut().zip(read.as_chunks().0) {
        *word = usize::from_ne_bytes(*bytes);
    }
    words
}

/// The block that glibc has refused: the one whose record's address and canary are both among the
/// words.
fn refused(words: &[usize]) -> Option<Block> {
    words.iter().find_map(|&word| {
        let start = word.checked_add(RECORD).filter(|&start| heap::contains(start))?;
        let block = heap::lookup(start).filter(|block| block.start == start)?;
        let mut size = [0; SIZE];
        read::read(start - SIZE, &mut size)?;
        // Without its three lowest bits, which are flags.
        let size = usize::from_ne_bytes(size) & !7;
        words.contains(&size).then_some(block)
    })
}
