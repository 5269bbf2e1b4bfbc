//! Small copies, in the thread's own memory: what the common call may read and not write is a text
//! or a struct of some bytes. Nothing is allocated, and nothing is shared with another thread.
//!
//! ```text
//!  | parameter, extent, generation | bytes .. | parameter, extent, generation | bytes .. | of a call inside it ..
//!  ^ at                                                                                  ^ used
//! ```
//! All bits are turned round: the search for kept pointers reads thread-locals too, and what was
//! copied may hold pointers.
//!
//! What is on here counts only while no other call of the thread has begun since
//! (`thread::crossings`): one that was left by `longjmp`, or that ends on another stack than it
//! began on, may find another call's bytes in its place, and does not look at them.

use std::cell::Cell;
use std::ops::Range;
use std::ptr;

use super::{Counted, is_compared, overlaps};
use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::{extent, thread};
use crate::heap::{self, BlockRef};
use crate::platform::read;

/// Words of a thread: calls inside one another share them.
const ROOM: usize = 96;
/// Extents up to here are small.
const SMALL: usize = 256;
const WORD: usize = size_of::<u64>();

struct Here {
    used: Cell<usize>,
    words: [Cell<u64>; ROOM],
}

thread_local! {
    /// Const and without a destructor: see `MINE`.
    static HERE: Here = const { Here { used: Cell::new(0), words: [const { Cell::new(0) }; ROOM] } };
}

/// What is known of a copy, in one word.
#[derive(Clone, Copy)]
pub(super) struct Header(u64);

impl Header {
    /// The generation of what is on the stack. Those of blocks have 30 bits.
    const STACK: u32 = u32::MAX;

    fn new(parameter: usize, extent: usize, generation: u32) -> Header {
        Header((parameter as u64) << 48 | (extent as u64) << 32 | u64::from(generation))
    }

    pub(super) fn parameter(self) -> usize {
        (self.0 >> 48) as usize
    }

    pub(super) fn extent(self) -> usize {
        (self.0 >> 32 & 0xFFFF) as usize
    }

    fn generation(self) -> u32 {
        self.0 as u32
    }

    /// The header's word and those of its bytes.
    fn words(self) -> usize {
        1 + self.extent().div_ceil(WORD)
    }
}

/// What is to be copied of one argument.
enum Piece {
    Nothing,
    /// So many bytes, of a block with this generation.
    Small(usize, u32),
    /// More than there is room for here, or not in a slot.
    Other,
}

/// Copies what a call may not change, and says where, if there is any; `None` where not all of it
/// is small. `stack`: the callers' part.
#[inline(always)]
pub(super) fn take(site: &Site, arguments: &[Argument], own: Counted, stack: &Range<usize>) -> Option<Option<usize>> {
    HERE.try_with(|here| {
        if !thread::is_in_call() {
            // What lies there is of calls that are gone.
            here.used.set(0);
        }
        let at = here.used.get();
        for (parameter, argument) in arguments.iter().enumerate() {
            if !is_compared(site, parameter, argument) {
                continue;
            }
            let (extent, generation) = match piece(site, arguments, parameter, own, stack) {
                Piece::Nothing => continue,
                Piece::Small(extent, generation) => (extent, generation),
                Piece::Other => {
                    here.used.set(at);
                    return None;
                }
            };
            let header = Header::new(parameter, extent, generation);
            let start = here.used.get();
            let Some(words) = here.words.get(start..start + header.words()) else {
                here.used.set(at);
                return None;
            };
            // First: the calls of a signal handler that comes now lie behind it.
            here.used.set(start + header.words());
            let [first, rest @ ..] = words else { continue };
            first.set(header.0);
            for (word, offset) in rest.iter().zip((0..extent).step_by(WORD)) {
                // SAFETY: inside of the extent, which may be read.
                word.set(unsafe { turned(argument.address, offset, extent) });
            }
        }
        Some((here.used.get() != at).then_some(at))
    })
    .ok()?
}

/// Whether all that was copied from a place on is as it was, where the call is still the last that
/// began; then it is copied no more.
#[inline(always)]
pub(super) fn is_as_it_was(at: usize, arguments: &[Argument], own: Counted) -> bool {
    let same = HERE.try_with(|here| {
        let same = differing(here, at, arguments, own).is_none();
        if same {
            here.used.set(at);
        }
        same
    });
    same.unwrap_or(true)
}

/// Calls `changed` with each copy that differs from what is there now, and forgets them all.
pub(super) fn each_changed(at: usize, arguments: &[Argument], own: Counted, mut changed: impl FnMut(Header, &[u8])) {
    let _ = HERE.try_with(|here| {
        let mut next = at;
        while let Some(place) = differing(here, next, arguments, own) {
            let Some(header) = here.words.get(place).map(|word| Header(word.get())) else { break };
            let mut was = [0; SMALL];
            let words = here.words.iter().skip(place + 1);
            for (bytes, word) in was.chunks_mut(WORD).zip(words).take(header.words() - 1) {
                bytes.copy_from_slice(&(!word.get()).to_ne_bytes());
            }
            changed(header, was.get(..header.extent()).unwrap_or_default());
            next = place + header.words();
        }
        here.used.set(at);
    });
}

/// Forgets what was copied from a place on.
pub(super) fn forget(at: usize) {
    let _ = HERE.try_with(|here| here.used.set(at));
}

/// Where the first copy lies, from a place on, that differs from what is there now; of memory that
/// is still there, and nobody's but this call's.
#[inline(always)]
fn differing(here: &Here, mut at: usize, arguments: &[Argument], own: Counted) -> Option<usize> {
    let used = here.used.get();
    while at < used {
        let header = Header(here.words.get(at)?.get());
        let (address, extent) = (arguments.get(header.parameter())?.address, header.extent());
        let is_still = header.generation() == Header::STACK
            || BlockRef::in_slot(address).is_some_and(|(held, rest)| {
                held.generation() == header.generation() && extent <= rest && held.is_lent_to(own as u32)
            });
        let copied = here.words.get(at + 1..at + header.words())?;
        let mut offsets = copied.iter().zip((0..extent).step_by(WORD));
        // SAFETY: as when it was copied: the block is the same, and no smaller.
        if is_still && offsets.any(|(word, offset)| word.get() != unsafe { turned(address, offset, extent) }) {
            return Some(at);
        }
        at += header.words();
    }
    None
}

/// The bytes at an offset of an extent, as many as a word has or are left, with all bits turned
/// round.
///
/// # Safety
/// - `extent` bytes from `address` on may be read; `offset` is less.
#[inline(always)]
unsafe fn turned(address: usize, offset: usize, extent: usize) -> u64 {
    let from = ptr::with_exposed_provenance::<u8>(address + offset);
    if offset + WORD <= extent {
        // SAFETY: a whole word of the extent.
        return !unsafe { from.cast::<u64>().read_unaligned() };
    }
    let mut bytes = [0; WORD];
    // SAFETY: what is left of the extent, less than a word.
    unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), extent - offset) };
    !u64::from_ne_bytes(bytes)
}

#[inline(always)]
fn piece(site: &Site, arguments: &[Argument], parameter: usize, own: Counted, stack: &Range<usize>) -> Piece {
    let Some((argument, declared)) = arguments.get(parameter).zip(site.function.declaration.parameters.get(parameter))
    else {
        return Piece::Nothing;
    };
    let mine = argument.address;
    let (rest, memory, generation) = if heap::contains(mine) {
        let Some((held, rest)) = BlockRef::in_slot(mine) else { return Piece::Other };
        if !held.is_lent_to(own as u32) {
            return Piece::Nothing;
        }
        (rest, held.start()..mine + rest, held.generation())
    } else if stack.contains(&mine) {
        (stack.end - mine, mine..mine, Header::STACK)
    } else {
        return Piece::Nothing;
    };
    let extent = if declared.contract.is_cstr() {
        // Behind a string's NUL nothing is C's to read.
        // SAFETY: a live block, up to its end, or the callers' part of the stack.
        match unsafe { read::nul(mine, rest.min(SMALL)) } {
            Some(at) => at + 1,
            None => return Piece::Other,
        }
    } else {
        extent::stated(argument).unwrap_or(0)
    };
    if extent == 0 || extent > rest {
        return Piece::Nothing;
    }
    if extent > SMALL {
        return Piece::Other;
    }
    let on_stack = generation == Header::STACK;
    let memory = if on_stack { mine..mine + extent } else { memory };
    let lent_to_write = |other: &Argument| {
        other.passing == Passing::Mut
            && (memory.contains(&other.address)
                || on_stack && stack.contains(&other.address) && overlaps(other, &memory))
    };
    if arguments.iter().any(lent_to_write) { Piece::Nothing } else { Piece::Small(extent, generation) }
}
