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
use std::ptr;

use super::{OwnLoans, is_compared, overlaps};
use crate::boundary::loans::KnownLoan;
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
/// all of it is small. `known`: blocks of the arguments that have just been found.
#[inline(always)]
pub(super) fn take(site: &Site, arguments: &[Argument], known: &[KnownLoan], own: OwnLoans) -> Option<Option<usize>> {
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
            let (extent, generation) = match piece(site, arguments, parameter, known, own) {
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
            for (index, word) in rest.iter().enumerate() {
                // SAFETY: a word of the extent, which is readable.
                word.set(unsafe { turned(argument.address, index, extent) });
            }
        }
        Some((here.used.get() != at).then_some(at))
    })
    .ok()?
}

/// True if all that was copied from an offset on is unchanged, and the call is still the latest
/// that began; the copies are then dropped. `known`: blocks of the arguments that are still there.
#[inline(always)]
pub(super) fn is_as_it_was(at: usize, arguments: &[Argument], known: &[KnownLoan], own: OwnLoans) -> bool {
    let same = HERE.try_with(|here| {
        let same = differing(here, at, arguments, known, own).is_none();
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
        while let Some(place) = differing(here, next, arguments, &[], own) {
            let Some(header) = here.words.get(place).map(|word| Header(word.get())) else { break };
            let mut was = [0; SMALL];
            let words = here.words.iter().skip(place + 1).take(header.words() - 1);
            for (index, word) in words.enumerate() {
                let bytes = was.get_mut(offset(index, header.extent())..).and_then(|rest| rest.first_chunk_mut());
                if let Some(bytes) = bytes {
                    *bytes = (!word.get()).to_ne_bytes();
                }
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
fn differing(
    here: &SmallStore,
    mut at: usize,
    arguments: &[Argument],
    known: &[KnownLoan],
    own: OwnLoans,
) -> Option<usize> {
    let used = here.used.get();
    while at < used {
        let header = Header(here.words.get(at)?.get());
        let (address, extent) = (arguments.get(header.parameter())?.address, header.extent());
        let is_still = header.generation() == Header::STACK
            || block_of(address, header.parameter(), known).is_some_and(|(held, rest)| {
                held.generation() == header.generation() && extent <= rest && held.is_lent_to(own as u32)
            });
        let copied = here.words.get(at + 1..at + header.words())?;
        let mut words = copied.iter().enumerate();
        // SAFETY: readable when it was copied: the block is the same, and no smaller.
        if is_still && words.any(|(index, word)| word.get() != unsafe { turned(address, index, extent) }) {
            return Some(at);
        }
        at += header.words();
    }
    None
}

/// The block in a slot that a parameter's argument leads into, and the bytes from there to its end.
#[inline(always)]
fn block_of(address: usize, parameter: usize, known: &[KnownLoan]) -> Option<(BlockRef, usize)> {
    // A common call has one.
    let held = match known {
        [(held, loan), ..] if loan.parameter == parameter => Some(held),
        [_, (held, loan)] if loan.parameter == parameter => Some(held),
        _ => None,
    };
    match held {
        Some(held) if !held.is_run() => Some((*held, held.rest(address)?)),
        _ => BlockRef::in_slot(address),
    }
}

/// Offset of a copied word: the last one of an extent that is longer than a word overlaps the one
/// before it, so that each is read at once.
#[inline(always)]
fn offset(index: usize, extent: usize) -> usize {
    (index * WORD).min(extent.saturating_sub(WORD))
}

/// A word of an extent, or all of a shorter one, with all bits inverted.
///
/// # Safety
/// - `extent` bytes from `address` on are readable; `index` is less than its words, rounded up.
#[inline(always)]
unsafe fn turned(address: usize, index: usize, extent: usize) -> u64 {
    let from = ptr::with_exposed_provenance::<u8>(address + offset(index, extent));
    if extent >= WORD {
        // SAFETY: `offset` leaves a whole word of the extent.
        return !unsafe { from.cast::<u64>().read_unaligned() };
    }
    let mut bytes = [0; WORD];
    // SAFETY: all of the extent, less than a word.
    unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), extent) };
    !u64::from_ne_bytes(bytes)
}

#[inline(always)]
fn piece(site: &Site, arguments: &[Argument], parameter: usize, known: &[KnownLoan], own: OwnLoans) -> Piece {
    let Some((argument, declared)) = arguments.get(parameter).zip(site.function.declaration.parameters.get(parameter))
    else {
        return Piece::Nothing;
    };
    let mine = argument.address;
    let stack = || thread::callers_stack(site);
    let (rest, block) = if heap::contains(mine) {
        let Some((held, rest)) = block_of(mine, parameter, known) else { return Piece::Other };
        if !held.is_lent_to(own as u32) {
            return Piece::Nothing;
        }
        (rest, Some(held))
    } else {
        let stack = stack();
        if !stack.contains(&mine) {
            return Piece::Nothing;
        }
        (stack.end - mine, None)
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
    let memory = block.map_or(mine..mine + extent, |held| held.start()..mine + rest);
    let lent_to_write = |other: &Argument| {
        other.passing == Passing::Mut
            && (memory.contains(&other.address)
                || block.is_none() && stack().contains(&other.address) && overlaps(other, &memory))
    };
    if arguments.iter().any(lent_to_write) {
        return Piece::Nothing;
    }
    Piece::Small(extent, block.map_or(Header::STACK, |held| held.generation()))
}
