//! Level 2: what C wrote past the end of a variable on Rust's stack.
//!
//! There is no canary behind a variable, and room for one cannot be made. But while C runs, its
//! caller does not: what lies behind the variable stays as it is, unless C writes there. So the
//! bytes are copied before the call and compared after it. Where the variable ends, the debug
//! information of its function tells, which is asked only if bytes have changed behind what the
//! type or the count says that C may write: `buf.as_mut_ptr()` leads to one byte, and to a whole
//! array.
//!
//! What else may change there while C runs, and is left alone:
//! - memory that this call lends too, or that it leads C to, or that C may keep by right;
//! - anything, if Rust has run meanwhile, or could have: a function is among the arguments;
//! - what a function that runs closures beside other threads, such as `std::thread::scope`, may
//!   have handed to them, if it lies between the variable's frame and the call;
//! - a variable right behind that Rust code writes which C calls without the guard. So the last
//!   byte of the variable that was lent has to be new as well: C came from there. Of a number, C's
//!   wider one shows by its upper half.

use std::ops::Range;

use crate::call::argument::{Argument, Passing, Stated};
use crate::call::extent;
use crate::call::loan::Loan;
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::{Memory, Overwritten};
use crate::heap::Damage;
use crate::retention::stack_loans;
use crate::rules::buffer_overflow;
use crate::scan;

/// Bytes that are compared behind an extent that the type or the call states.
const BEHIND: usize = 64;
/// Bytes that are compared behind the address of a pointer that may lead to an array of any length.
const OF_ARRAY: usize = 1024;
/// Bytes of what was lent that are copied: its end at least.
const MOST: usize = 4096;
/// Widest number that C may take another one for.
const WORD: usize = size_of::<u64>();

/// What lies around the end of what an argument lends, as it was before the call.
pub(super) struct Behind {
    loan: Loan,
    /// Address of the first byte of the copy.
    from: usize,
    copy: Vec<u8>,
}

impl Behind {
    /// Copies what lies behind a variable that an argument lends to be written.
    pub(super) fn of(look: &PointerArg<'_>, parameter: usize) -> Option<Behind> {
        let PointerArg { argument, target, extent, .. } = look;
        let Target::Stack(stack) = target else { return None };
        if argument.passing != Passing::Mut {
            return None;
        }
        let address = argument.address;
        let end = address.checked_add(*extent)?;
        let from = address.max(end.saturating_sub(MOST));
        let open = argument.stated == Stated::No && (extent::untyped(argument) || argument.info.size <= WORD);
        let to = end.checked_add(if open { OF_ARRAY } else { BEHIND })?.min(stack.end);
        let len = to.checked_sub(from)?;
        // SAFETY: from an address above the caller's frame to one below the end of its stack.
        let copy = unsafe { bytes(from, len) };
        Some(Behind { loan: Loan::of(argument, parameter, *extent), from, copy })
    }

    /// Looks if C has written behind the variable. `lent`: the memory on the stack that the call
    /// lends or leads to.
    pub(super) fn compare(&self, site: &Site, lent: &[Range<usize>]) -> Result<(), Stop> {
        let Behind { loan, from, ref copy } = *self;
        // SAFETY: as before the call, which has returned to the same frame.
        let now = unsafe { bytes(from, copy.len()) };
        let stated = loan.address + loan.extent - from;
        let is_new = |at: usize| copy.get(at) != now.get(at);
        if !(stated..now.len()).any(is_new) {
            return Ok(());
        }
        // C may write its own variables as it likes.
        if !scan::in_rust_frame(loan.address) {
            return Ok(());
        }
        let Some(variable) = scan::stack_variable(loan.address) else { return Ok(()) };
        let end = variable.range.end;
        let Some(at) = end.checked_sub(from).filter(|at| (1..now.len()).contains(at)) else { return Ok(()) };
        let came_from_there = is_new(at - 1) || is_of_a_wider_number(&now, variable.range.start.wrapping_sub(from), at);
        if !is_new(at) || !came_from_there || may_change(end, lent) {
            return Ok(());
        }
        // Rust runs on other threads, too.
        if scan::may_be_shared(loan.address) {
            return Ok(());
        }
        let len = (at..now.len()).take_while(|&at| is_new(at)).count();
        let mut first_bytes = [0; 16];
        first_bytes.iter_mut().zip(&now[at..at + len]).for_each(|(to, byte)| *to = *byte);
        let damage = Damage { before: false, offset: 0, len, first_bytes };
        let overwritten = Overwritten::BehindTheVariable { name: variable.name, size: variable.range.len() };
        let memory = Memory::Stack { address: loan.address, size: loan.extent, thread: thread::id() };
        site.breach_of(&loan, buffer_overflow::check(&damage, overwritten), memory)
    }
}

/// A copy of part of the stack.
///
/// # Safety
/// - `len` bytes from `from` on are part of a stack in use.
unsafe fn bytes(from: usize, len: usize) -> Vec<u8> {
    let mut copy = Vec::with_capacity(len);
    while copy.len() < len {
        let at = from + copy.len();
        // Volatile, because C and other threads write there; what is torn is only compared.
        if at.is_multiple_of(WORD) && len - copy.len() >= WORD {
            // SAFETY: aligned, and inside what the caller promises.
            let word = unsafe { std::ptr::with_exposed_provenance::<u64>(at).read_volatile() };
            copy.extend_from_slice(&word.to_ne_bytes());
        } else {
            // SAFETY: inside what the caller promises.
            copy.push(unsafe { std::ptr::with_exposed_provenance::<u8>(at).read_volatile() });
        }
    }
    copy
}

/// True if the bytes from `start` on are a number that goes on behind `end`, where the variable
/// ends: its upper half is all zeros, or all ones as the sign says.
fn is_of_a_wider_number(now: &[u8], start: usize, end: usize) -> bool {
    let Some(size @ (1 | 2 | 4)) = end.checked_sub(start) else { return false };
    let Some(upper) = now.get(end..start + 2 * size) else { return false };
    let fill = if cfg!(target_endian = "little") && now[end - 1] & 0x80 != 0 { 0xff } else { 0 };
    upper.iter().all(|&byte| byte == fill)
}

/// True if the byte there may have changed by right, or its variable: the call leads C to it, or C
/// may keep its address.
fn may_change(at: usize, lent: &[Range<usize>]) -> bool {
    let around = scan::stack_variable(at).map_or(at..at + 1, |variable| variable.range);
    lent.iter().any(|lent| lent.start < around.end && around.start < lent.end) || stack_loans::may_be_kept(around)
}

/// True if the arguments may have changed what is compared: Rust code may have run.
pub(super) fn is_unknown(arguments: &[Argument], rust_ran: bool) -> bool {
    rust_ran || super::holder::calls_back(arguments)
}
