//! How to step from a frame to its caller's, by return address: what the unwinder reads from
//! `.eh_frame` again each time, read once and kept in eight bytes.
//!
//! A rule is a function of the address alone while the module stays loaded. So only modules that
//! were there when tracing began have rules; those that `dlopen` brought may go, and others come to
//! the same place. One word holds the address and its rule: it is read and written whole, so that
//! no lock is needed, and a thread, a signal handler and a forked child see an old rule or a new
//! one.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use gimli::{
    BaseAddresses, CfaRule, EhFrame, NativeEndian, Register, RegisterRule, UnwindContext, UnwindContextStorage,
    UnwindSection, UnwindTableRow, X86_64,
};

use crate::platform::memory::{self, PAGE};
use crate::platform::{modules, stack, unwind};

/// The step from one frame to its caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The frame pointer or the stack pointer, and how far above it the caller's stack pointer is
    /// (the return address lies below that); and how far below that the caller's frame pointer was
    /// saved, 0 if it is still in its register.
    Caller { by_frame_pointer: bool, up: usize, saved: usize },
    /// The outermost frame: it has no caller, or the unwinder would find none, for lack of a
    /// description.
    End,
    /// Anything else: signal frames, frames computed by an expression.
    Unsupported,
}

/// Address bits of a program.
const ADDRESS: u32 = 47;
const MASK: u64 = (1 << ADDRESS) - 1;
/// Pairs of places; an address may be in either place of its pair.
const PAIRS: u32 = 13;
/// Bits of a mixed address that the pair does not tell.
const TAG: u32 = ADDRESS - PAIRS;
const KIND: u32 = TAG;
const BY_FRAME_POINTER: u32 = KIND + 2;
const SAVED: u32 = BY_FRAME_POINTER + 1;
const SAVED_MOST: usize = 63;
const UP: u32 = SAVED + 6;
const UP_MOST: usize = (1 << (64 - UP)) - 1;

/// The table: reserved memory, not a static, so that the search of all modules' data does not read
/// it.
static TABLE: AtomicUsize = AtomicUsize::new(0);
const BYTES: usize = 16 << PAIRS;

/// Where the code of modules lies that stay loaded: first addresses and ends. Written once, before
/// `STAYING`.
static CODE: [(AtomicUsize, AtomicUsize); 64] = [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; 64];
static STAYING: AtomicUsize = AtomicUsize::new(0);

/// Reserves the table, once. Without it every rule is unsupported.
pub(super) fn set_up() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if ASKED.swap(true, Ordering::Relaxed) {
        return;
    }
    if let Some(at) = memory::reserve(BYTES, PAGE)
        && memory::commit(at..at + BYTES)
    {
        TABLE.store(at, Ordering::Release);
    }
}

/// Notes which modules are loaded now. They count as staying: those that the program needs do, and
/// what a C constructor brings by `dlopen` before the first Rust allocation is taken to.
pub(super) fn note_modules() {
    let mut len = 0;
    modules::each(&mut |module| {
        let Some((start, end)) = CODE.get(len) else { return false };
        let code = module.span();
        start.store(code.start, Ordering::Relaxed);
        end.store(code.end, Ordering::Relaxed);
        len += 1;
        true
    });
    STAYING.store(len, Ordering::Release);
}

/// Whether an address lies in the code of a module that stays loaded.
pub(crate) fn stays(address: usize) -> bool {
    let noted = STAYING.load(Ordering::Acquire);
    CODE.iter()
        .take(noted)
        .any(|(start, end)| (start.load(Ordering::Relaxed)..end.load(Ordering::Relaxed)).contains(&address))
}

/// An address in another order, one to one, so that the upper bits depend on all of it.
fn mixed(address: usize) -> u64 {
    // Odd, so that it has an inverse modulo any power of two.
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) & MASK
}

/// The rule for the frame that a call returns to at `address`, looked up or worked out.
#[inline(always)]
pub(super) fn of(address: usize) -> Rule {
    let table = TABLE.load(Ordering::Acquire);
    if table == 0 || address as u64 > MASK {
        return Rule::Unsupported;
    }
    let mixed = mixed(address);
    let tag = mixed & ((1 << TAG) - 1);
    let pair = (mixed >> TAG) as usize;
    // SAFETY: the table has two words for each pair, from `set_up` on and for good; all of them are
    // atomic.
    let [first, second] = unsafe { &*(table as *const [AtomicU64; 2]).add(pair) };
    for place in [first, second] {
        let word = place.load(Ordering::Relaxed);
        if word & ((1 << TAG) - 1) == tag && word >> KIND != 0 {
            return unpack(word);
        }
    }
    learn(address, tag, first, second)
}

#[inline(always)]
fn unpack(word: u64) -> Rule {
    match word >> KIND & 3 {
        3 => Rule::Caller {
            by_frame_pointer: word >> BY_FRAME_POINTER & 1 != 0,
            up: (word >> UP) as usize * 8,
            saved: (word >> SAVED) as usize % (SAVED_MOST + 1) * 8,
        },
        2 => Rule::End,
        _ => Rule::Unsupported,
    }
}

fn pack(rule: Rule) -> u64 {
    match rule {
        Rule::Caller { by_frame_pointer, up, saved } => {
            3 << KIND
                | u64::from(by_frame_pointer) << BY_FRAME_POINTER
                | (saved as u64 / 8) << SAVED
                | (up as u64 / 8) << UP
        }
        Rule::End => 2 << KIND,
        Rule::Unsupported => 1 << KIND,
    }
}

#[cold]
#[inline(never)]
fn learn(address: usize, tag: u64, first: &AtomicU64, second: &AtomicU64) -> Rule {
    if !stays(address) {
        // Not kept: another module may lie here another time.
        return Rule::Unsupported;
    }
    // Any thread allocates, and the smallest has room for little more than that.
    let rule = stack::with_room(|| described(address)).unwrap_or(Rule::Unsupported);
    // The older one makes room. What other threads write meanwhile is a rule of its own address.
    second.store(first.swap(pack(rule) | tag, Ordering::Relaxed), Ordering::Relaxed);
    rule
}

/// Room for what a description may hold: few registers are saved in a frame.
struct Small;

impl UnwindContextStorage<usize> for Small {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 3];
}

/// What the compiler wrote of the frame; `None` for what a rule cannot say. Allocates nothing.
fn described(address: usize) -> Option<Rule> {
    // A return address may lie after the last byte of its function.
    let call = address.checked_sub(1)?;
    let Some(found) = unwind::description(call) else {
        return unwind::is_bare(call).then_some(Rule::End);
    };
    let section = EhFrame::new(found.bytes, NativeEndian);
    let bases = BaseAddresses::default().set_eh_frame(found.bytes.as_ptr().addr() as u64);
    let own = section.fde_from_offset(&bases, found.own.into(), EhFrame::cie_from_offset).ok()?;
    let returns_to = own.cie().return_address_register();
    if own.is_signal_trampoline() || returns_to != X86_64::RA {
        return None;
    }
    let mut context = UnwindContext::<usize, Small>::new_in();
    let row = own.unwind_info_for_address(&section, &bases, &mut context, call as u64).ok()?;
    match row.register(returns_to) {
        Some(RegisterRule::Undefined) => return Some(Rule::End),
        Some(RegisterRule::Offset(-8)) => {}
        _ => return None,
    }
    let &CfaRule::RegisterAndOffset { register, offset } = row.cfa() else { return None };
    let by_frame_pointer = match register {
        X86_64::RSP => false,
        X86_64::RBP => true,
        _ => return None,
    };
    let saved = match row.register(X86_64::RBP) {
        // Not mentioned: the function leaves it alone.
        None | Some(RegisterRule::SameValue) => 0,
        Some(RegisterRule::Offset(offset)) => usize::try_from(-offset).ok().filter(|&saved| saved > 0)?,
        _ => return None,
    };
    let up = usize::try_from(offset).ok().filter(|&up| up > 0)?;
    // What is saved above the caller's stack pointer, or does not lie at a multiple of eight, is
    // not from a compiler.
    let fits = up % 8 == 0 && up / 8 <= UP_MOST && saved % 8 == 0 && saved / 8 <= SAVED_MOST;
    fits.then_some(Rule::Caller { by_frame_pointer, up, saved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comes_out_of_its_word_as_it_went_in() {
        for by_frame_pointer in [false, true] {
            for up in [8, 16, 4096, UP_MOST * 8] {
                for saved in [0, 16, SAVED_MOST * 8] {
                    let rule = Rule::Caller { by_frame_pointer, up, saved };
                    assert_eq!(unpack(pack(rule) | ((1 << TAG) - 1)), rule);
                }
            }
        }
        assert_eq!(unpack(pack(Rule::End) | 5), Rule::End);
        assert_eq!(unpack(pack(Rule::Unsupported) | 5), Rule::Unsupported);
    }

    // A function that calls another one, and that no `.cfi` line describes.
    std::arch::global_asm!(
        ".globl ffi_guard_test_bare",
        "ffi_guard_test_bare:",
        "sub rsp, 8",
        "call rdi",
        "add rsp, 8",
        "ret",
    );

    unsafe extern "C" {
        fn ffi_guard_test_bare(run: extern "C" fn());
    }

    #[test]
    fn a_walk_ends_at_code_that_nothing_describes() {
        static ENDED: AtomicBool = AtomicBool::new(false);
        extern "C" fn walk() {
            ENDED.store(crate::heap::trace::each_frame(&mut |_, _| true), Ordering::Relaxed);
        }
        crate::heap::ready();
        // SAFETY: it keeps the stack aligned, and calls a function that does not unwind.
        unsafe { ffi_guard_test_bare(walk) };
        assert!(ENDED.load(Ordering::Relaxed), "else each allocation there is unwound");
    }

    #[test]
    fn an_address_that_is_no_code_has_no_rule() {
        crate::heap::ready();
        let local = 0;
        for address in [0, 1, 4096, (&raw const local).addr(), 1 << 47, usize::MAX] {
            assert_eq!(of(address), Rule::Unsupported, "{address:x}");
        }
    }
}
