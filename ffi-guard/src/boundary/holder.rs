//! Rust blocks that a call lends for C to write: C may store the address of one in another.
//!
//! C's ways of returning a pointer do not count: `strtol(s, &mut end, 10)` fills `end` with an
//! address in `s`, because Rust asked for it. So what is `out`, uninitialised, or only pointers is
//! not a holder here, nor is a variable on the stack. Nor does it count what Rust arranged before:
//! a block that led to another one when the call began, as a `z_stream` leads to its input, may
//! lead to it afterwards, at another offset or twice.

use std::ops::ControlFlow;

use super::clear::is_clear;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Contract;
use crate::call::loan::Loan;
use crate::call::shape::{Role, Shape, TypeInfo};
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::Memory;
use crate::heap::{self, Block, BlockRef, FoundBlock};
use crate::platform::read;
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};
use crate::rules::{self, retained_pointer};

const WORD: usize = size_of::<usize>();

/// Bytes of a block that are searched at most: a struct is smaller, and a larger thing is data.
const MOST: usize = 64 << 10;

/// A block that C may store pointers in.
pub(super) struct LentStruct {
    pub(super) block: Block,
    /// The argument that lends it, and the index of its parameter.
    pub(super) argument: Argument,
    pub(super) parameter: usize,
    /// Bytes from the argument's address on that C may write.
    extent: usize,
    /// Start of each lent piece of memory that it led to when the call began.
    pub(super) led_to: Vec<usize>,
}

impl LentStruct {
    /// Creates the holder of a pointer argument; `None` if C may store any pointer there.
    pub(super) fn of(look: &PointerArg<'_>, parameter: usize) -> Option<LentStruct> {
        let Target::Heap(block) = look.target else { return None };
        let PointerArg { argument, contract, extent, .. } = *look;
        if argument.passing != Passing::Mut || is_filled_in(contract) || !may_hold(argument.info) {
            return None;
        }
        Some(LentStruct { block: *block, argument: *argument, parameter, extent: extent.min(MOST), led_to: Vec::new() })
    }

    /// Calls `found` with each word in it that can be a pointer and is `wanted`, and its offset
    /// from the argument's address.
    ///
    /// The kernel copies the bytes: if a thread was given the block and frees it meanwhile, the
    /// read fails instead of faulting.
    pub(super) fn each_word(&self, wanted: &dyn Fn(usize) -> bool, mut found: impl FnMut(usize, usize)) {
        let here = |block: Block| block.live && block.generation == self.block.generation;
        if !heap::lookup(self.argument.address).is_some_and(here) {
            return;
        }
        let skew = self.argument.address % WORD;
        let mut copy = vec![0_usize; (skew + self.extent).div_ceil(WORD)];
        let start = copy.as_mut_ptr().cast::<u8>().wrapping_add(skew);
        // SAFETY: `skew + extent` bytes fit the vector, which is exclusive and initialised.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, self.extent) };
        if read::read(self.argument.address, bytes).is_none() {
            return;
        }
        let (from, info) = (start.expose_provenance(), self.argument.info);
        // SAFETY: `copy` holds `extent` readable bytes from `from` on, aligned as they are in the
        // block.
        let _ = unsafe {
            rules::each_pointer(from, self.extent, info, wanted, &mut |offset, word| {
                found(offset, word);
                ControlFlow::Continue(())
            })
        };
    }

    /// Name of the field at this offset from the argument's address, if the type tells it.
    pub(super) fn field(&self, offset: usize) -> Option<String> {
        let info = self.argument.info;
        rules::field_path(info, offset, info.size != 0 && self.extent > info.size)
    }
}

/// True if a block that a noted call has lent holds a pointer to Rust memory, and C may have stored
/// it there. It held none before: the call went past the rules.
#[inline]
pub(super) fn has_been_filled(site: &Site, loan: &Loan) -> bool {
    if !may_hold(loan.info) {
        return false;
    }
    let contract = site.function.declaration.parameters.get(loan.parameter).map(|parameter| parameter.contract);
    // SAFETY: the extent was inside the block when it was lent, and the block is live, as the
    // caller has just found.
    !contract.is_none_or(is_filled_in) && !unsafe { is_clear(loan.address, loan.extent, loan.info) }
}

/// True if C may store any pointer there, or owns or keeps it.
fn is_filled_in(contract: Contract) -> bool {
    let filled_in = contract.is_out() || contract.is_opaque() || contract.is_cstr();
    filled_in || contract.is_owned() || contract.is_retained()
}

/// Reports a block that a noted call was lent and in which C has stored the address of the other
/// one.
pub(super) fn look_at_noted(site: &Site, arguments: &[Argument], known: &[(BlockRef, Loan)]) -> Result<(), Stop> {
    if known.len() < 2 || !thread::has_lent_several_alone() || calls_back(arguments) {
        return Ok(());
    }
    let _inside = Reentry::enter();
    for (holder, lent) in [(0, 1), (1, 0)] {
        let (Some((_, into)), Some((other, loan))) = (known.get(holder), known.get(lent)) else { return Ok(()) };
        let parameters = site.function.declaration.parameters;
        let (Some(argument), Some(parameter)) = (arguments.get(into.parameter), parameters.get(into.parameter)) else {
            continue;
        };
        let (Some(block), Some(lent)) = (FoundBlock::at(argument.address), FoundBlock::of(*other)) else { continue };
        let may_keep =
            |block: &FoundBlock| heap::may_be_retained(block) || heap::is_exempt(block) || heap::loans(block) > 1;
        if block.start == lent.start || may_keep(&lent) {
            continue;
        }
        let (target, extent) = (Target::Heap(block), into.extent);
        let look = PointerArg { argument, contract: parameter.contract, target, extent };
        let Some(holder) = LentStruct::of(&look, into.parameter) else { continue };
        let mut left = None;
        holder.each_word(&|word| rules::leads_into(word, lent.start, lent.size), |offset, word| {
            left.get_or_insert((offset, word));
        });
        let Some((offset, word)) = left else { continue };
        if site.severity(Rule::RetainedPointer, Some(loan.parameter)) == Severity::Allow {
            continue;
        }
        let address = holder.argument.address + offset;
        let finding = retained_pointer::left_in(&holder.block, parameter.name, holder.field(offset), address, word);
        let memory = Memory::of(&Target::Heap(lent), loan.address, loan.extent, thread::id());
        site.breach_of(loan, finding, memory)?;
    }
    Ok(())
}

/// True if the pointee can be a struct with a pointer in it. A single pointer, or an array of
/// pointers, is how C returns pointers.
fn may_hold(info: &TypeInfo) -> bool {
    match info.shape {
        Shape::Plain | Shape::Out => false,
        Shape::Untyped | Shape::Fields(_) => true,
        Shape::Array { element, stride, .. } => !matches!(element, Shape::Words if stride <= WORD),
        Shape::Words => info.size > WORD && info.role != Role::Pointers,
    }
}

/// True if C was given a function to call: Rust may then have stored what is found.
pub(super) fn calls_back(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| argument.passing == Passing::Scalar && argument.info.role == Role::Function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(dead_code)]
    #[repr(C)]
    struct Table {
        count: usize,
        first: *const u8,
    }

    #[derive(ffi_guard::Pointee)]
    #[allow(dead_code)]
    #[repr(C)]
    struct List {
        first: *const u8,
    }

    #[test]
    fn what_c_fills_in_to_return_a_pointer_holds_nothing() {
        let mut pointer = std::ptr::null::<u8>();
        let mut pointers = [pointer; 4];
        let mut some = [None::<&u8>; 4];
        let mut number = 0_u64;
        for argument in [
            crate::__argument!(&mut pointer),
            crate::__argument!(&mut pointers),
            crate::__argument!(&mut some),
            crate::__argument!(&mut number),
        ] {
            assert!(!may_hold(argument.info), "{}", (argument.info.name)());
        }
    }

    #[test]
    fn a_struct_holds_pointers() {
        let mut table = Table { count: 0, first: std::ptr::null() };
        let mut list = List { first: std::ptr::null() };
        let mut lists = [List { first: std::ptr::null() }, List { first: std::ptr::null() }];
        let untyped: *mut std::ffi::c_void = (&raw mut table).cast();
        for argument in [
            crate::__argument!(&mut table),
            crate::__argument!(&mut list),
            crate::__argument!(&mut lists),
            crate::__argument!(untyped),
        ] {
            assert!(may_hold(argument.info), "{}", (argument.info.name)());
        }
    }

    #[test]
    fn a_function_among_the_arguments_is_seen() {
        extern "C" fn compare(_: *const u8) -> i32 {
            0
        }
        let function = compare as extern "C" fn(*const u8) -> i32;
        let optional = Some(function);
        assert!(calls_back(&[crate::__argument!(function)]) && calls_back(&[crate::__argument!(optional)]));
        // Of any ABI, with any number of parameters, and with lifetimes.
        extern "C-unwind" fn unwinds(_: *const u8) {}
        extern "system" fn system() {}
        #[allow(clippy::too_many_arguments)]
        extern "C" fn many(_: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32) {}
        extern "C" fn borrows(text: &u8) -> &u8 {
            text
        }
        let unwinds = unwinds as extern "C-unwind" fn(*const u8);
        let system = system as extern "system" fn();
        let many = many as extern "C" fn(i32, i32, i32, i32, i32, i32, i32, i32, i32, i32);
        let borrows = borrows as extern "C" fn(&u8) -> &u8;
        for argument in [
            crate::__argument!(unwinds),
            crate::__argument!(Some(unwinds)),
            crate::__argument!(system),
            crate::__argument!(many),
            crate::__argument!(Some(many)),
            crate::__argument!(borrows),
        ] {
            assert!(calls_back(&[argument]), "{}", (argument.info.name)());
        }
        assert!(!calls_back(&[crate::__argument!(7_u32), crate::__argument!(&7_u32)]));
    }
}
