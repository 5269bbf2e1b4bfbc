//! Small copies, in the thread's own memory: what a common call may read but not write is a short
//! text or struct. Nothing is allocated or shared with another thread.
//!
//! ```text
//!  | parameter, extent, generation | bytes .. | parameter, extent, generation | bytes .. | of a call inside it ..
//!  ^ at                                                                                  ^ used
//! ```
//! All bits are inverted: the search for kept pointers reads thread-locals too, and the copied
//! bytes may hold pointers.
//!
//! The copies count only while no other call of the thread has begun since (`thread::crossings`): a
//! call left by `longjmp`, or one that ends on another stack than it began on, may find another
//! call's bytes at its offset, and ignores them.

use std::cell::Cell;
use std::ops::Range;
use std::ptr;

use super::{OwnLoans, is_compared, overlaps};
use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::{extent, thread};
use crate::heap::{self, BlockRef};
use crate::platform::read;

/// Words of a thread's buffer, shared by nested calls.
const ROOM: usize = 96;
/// Largest extent that is small.
const SMALL: usize = 256;
const WORD: usize = size_of::<u64>();

struct SmallStore {
    used: Cell<usize>,
    words: [Cell<u64>; ROOM],
}

thread_local! {
    /// Const and without a destructor, which could allocate to register: see `MINE`.
    static HERE: SmallStore = const { SmallStore { used: Cell::new(0), words: [const { Cell::new(0) }; ROOM] } };
}

/// Description of a copy, in one word.
#[derive(Clone, Copy)]
pub(super) struct Header(u64);

impl Header {
    /// Generation of what is on the stack. Those of blocks have 30 bits.
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

    /// Words of the header and its bytes.
    fn words(self) -> usize {
        1 + self.extent().div_ceil(WORD)
    }
}

/// The part of one argument that is copied.
enum Piece {
    Nothing,
    /// Bytes to copy, and the generation of their block.
    Small(usize, u32),
    /// More than there is room for here, or not in a slot.
    Other,
}

/// Copies what a call may not change, and returns the offset, if there is anything; `None` if not
/// all of it is small. `stack`: the callers' part.
#[inline(always)]
pub(super) fn take(site: &Site, arguments: &[Argument], own: OwnLoans, stack: &Range<usize>) -> Option<Option<usize>> {
    HERE.try_with(|here| {
        if !thread::is_in_call() {
            // The copies that lie there belong to calls that are gone.
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
            // Claimed before the writes: a signal handler's calls store theirs after it.
            here.used.set(start + header.words());
            let [first, rest @ ..] = words else { continue };
            first.set(header.0);
            for (word, offset) in rest.iter().zip((0..extent).step_by(WORD)) {
                // SAFETY: inside the extent, which is readable.
                word.set(unsafe { turned(argument.address, offset, extent) });
            }
        }
        Some((here.used.get() != at).then_some(at))
    })
    .ok()?
}

/// True if all that was copied from an offset on is unchanged, and the call is still the latest
/// that began; the copies are then dropped.
#[inline(always)]
pub(super) fn is_as_it_was(at: usize, arguments: &[Argument], own: OwnLoans) -> bool {
    let same = HERE.try_with(|here| {
        let same = differing(here, at, arguments, own).is_none();
        if same {
            here.used.set(at);
        }
        same
    });
    same.unwrap_or(true)
}

/// Calls `changed` with each copy that differs from the memory now, and drops all copies.
pub(super) fn each_changed(at: usize, arguments: &[Argument], own: OwnLoans, mut changed: impl FnMut(Header, &[u8])) {
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

/// Drops what was copied from an offset on.
pub(super) fn forget(at: usize) {
    let _ = HERE.try_with(|here| here.used.set(at));
}

/// Offset of the first copy, from an offset on, that differs from its memory; skips memory that is
/// gone, or that another call lends too.
#[inline(always)]
fn differing(here: &SmallStore, mut at: usize, arguments: &[Argument], own: OwnLoans) -> Option<usize> {
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
        // SAFETY: readable when it was copied: the block is the same, and no smaller.
        if is_still && offsets.any(|(word, offset)| word.get() != unsafe { turned(address, offset, extent) }) {
            return Some(at);
        }
        at += header.words();
    }
    None
}

/// Bytes at an offset of an extent, at most a word of them, with all bits inverted.
///
/// # Safety
/// - `extent` bytes from `address` on are readable; `offset` is less than `extent`.
#[inline(always)]
unsafe fn turned(address: usize, offset: usize, extent: usize) -> u64 {
    let from = ptr::with_exposed_provenance::<u8>(address + offset);
    if offset + WORD <= extent {
        // SAFETY: a whole word of the extent.
        return !unsafe { from.cast::<u64>().read_unaligned() };
    }
    let mut bytes = [0; WORD];
    // SAFETY: the rest of the extent, less than a word.
    unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), extent - offset) };
    !u64::from_ne_bytes(bytes)
}

#[inline(always)]
fn piece(site: &Site, arguments: &[Argument], parameter: usize, own: OwnLoans, stack: &Range<usize>) -> Piece {
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
        // C may not read after a string's NUL.
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
