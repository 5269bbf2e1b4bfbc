//! The blocks of the heap that are stacks: of coroutines, and of threads whose creator brought the
//! stack.
//!
//! The heap knows those on which the guard was asked something. A coroutine that only ran Rust's
//! own code, or C's, is known by what it left in the block: a return address, from which the
//! description of its frame leads to the return address of its caller. Arrays of addresses, as
//! backtraces are kept in, do not lead from one to the next so.

use crate::heap::{stacks, trace};
use crate::platform::read;

const WORD: usize = size_of::<usize>();
/// Smallest block that is taken for a stack by its content.
const LEAST: usize = 1024;
/// Bytes that are read on either side of an address. The frames of callers lie above it, those of
/// the functions that they called below.
const READ: usize = 32 << 10;

/// True if the address is in a live block of the heap, of either half, that is a stack.
pub(crate) fn is_stack(address: usize) -> bool {
    if stacks::contain(address) {
        return true;
    }
    let Some(block) = stacks::live_around(address) else { return false };
    let is_one = block.len() >= LEAST
        && holds_frames(address.saturating_sub(READ).max(block.start), block.end.min(address + READ));
    if is_one {
        stacks::mark(address);
    }
    is_one
}

/// True if a frame and its caller's lie between the two addresses.
fn holds_frames(from: usize, end: usize) -> bool {
    let from = from.next_multiple_of(WORD);
    let mut bytes = vec![0_u8; end.saturating_sub(from) / WORD * WORD];
    if read::read(from, &mut bytes).is_none() {
        return false;
    }
    let word = |at: usize| {
        let at = at.checked_sub(from).filter(|at| at.is_multiple_of(WORD))? / WORD;
        let (words, _) = bytes.as_chunks();
        words.get(at).map(|&word| usize::from_ne_bytes(word))
    };
    (from..from + bytes.len()).step_by(WORD).any(|at| {
        let Some(ip) = word(at).filter(|&ip| returns_to(ip)) else { return false };
        if word(at + WORD).is_some_and(returns_to) {
            // One after the other: an array of them.
            return false;
        }
        // With a frame pointer, what was saved below the return address is the caller's.
        let saved = at.checked_sub(WORD).and_then(word).unwrap_or(0);
        let above = trace::caller_begins(ip, at + WORD, saved);
        above.and_then(|above| word(above.checked_sub(WORD)?)).is_some_and(returns_to)
    })
}

/// True if a call returns to this address.
fn returns_to(ip: usize) -> bool {
    if !trace::stays(ip) {
        return false;
    }
    let mut code = [0; 7];
    if ip < code.len() || read::read(ip - code.len(), &mut code).is_none() {
        return false;
    }
    let [_, a, b, c, d, e, f] = code;
    // `call` to a distance; then by a register, with or without a prefix, or by memory.
    let by_memory = |opcode: u8, operand: u8| opcode == 0xff && operand & 0x38 == 0x10;
    b == 0xe8 || by_memory(e, f) || by_memory(d, e) || by_memory(c, d) || by_memory(a, b) || by_memory(code[0], a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies this thread's stack from here on into a block.
    #[inline(never)]
    fn copied(words: usize) -> Vec<usize> {
        let local = 0_usize;
        let from = (&raw const local).addr();
        let mut bytes = vec![0; words * WORD];
        read::read(from, &mut bytes).expect("this thread's own stack");
        bytes.as_chunks().0.iter().map(|&word| usize::from_ne_bytes(word)).collect()
    }

    #[test]
    #[cfg(fast_trace)]
    fn frames_are_told_from_addresses_of_code() {
        crate::heap::ready();
        trace::each_frame(&mut |_, _| false);
        let stack = std::hint::black_box(copied(400));
        // Where it lies now says nothing of frame pointers; the others lead on.
        let end = stack.as_ptr_range().end.addr();
        assert!(holds_frames(stack.as_ptr().addr(), end));
        let frames: Vec<usize> = stack.iter().copied().filter(|&word| returns_to(word)).collect();
        assert!(frames.len() > 3, "{}", frames.len());
        let backtrace: Vec<usize> = frames.iter().cycle().copied().take(500).collect();
        assert!(!holds_frames(backtrace.as_ptr().addr(), backtrace.as_ptr_range().end.addr()));
        let functions = vec![(holds_frames as fn(usize, usize) -> bool) as usize; 500];
        assert!(!holds_frames(functions.as_ptr().addr(), functions.as_ptr_range().end.addr()));
    }
}
