//! What a guarded callback stores where a parameter under `lends` leads, when its body has run: C
//! may use that memory after the callback has returned, so it has to be there.

use std::ops::ControlFlow;

use super::result;
use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::{Evidence, Holder, Memory};
use crate::heap;
use crate::platform::read;
use crate::rules::{self, dangling_field, returned_pointer};

const WORD: usize = size_of::<usize>();
/// Words of a struct that are looked at.
const MOST: usize = 32;

/// Looks at the pointers that were stored. Live blocks are C's to use, whatever becomes of them.
pub(crate) fn check(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    let parameters = site.function.declaration.parameters;
    for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        if parameter.contract.is_lending() && matches!(argument.passing, Passing::Const | Passing::Mut) {
            stored(site, index, arguments)?;
        }
    }
    Ok(())
}

fn stored(site: &Site, index: usize, arguments: &[Argument]) -> Result<(), Stop> {
    let Some(argument) = arguments.get(index) else { return Ok(()) };
    let info = argument.info;
    let mut copy = [0_usize; MOST];
    let len = info.size.min(size_of_val(&copy));
    let start = copy.as_mut_ptr().cast::<u8>();
    // SAFETY: `len` bytes fit the array, which is exclusive and initialised.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, len) };
    // C's memory: the kernel copies it, so that a bad address is an answer.
    if argument.address % WORD != 0 || read::read(argument.address, bytes).is_none() {
        return Ok(());
    }
    let stack = thread::stack();
    let mut outcome = Ok(());
    let mut found = |offset, word| {
        outcome = lent(site, (index, arguments), argument, offset, word);
        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let wanted = |word: usize| heap::contains(word) || stack.contains(&word);
    // SAFETY: `len` initialised bytes of the array.
    let _ = unsafe { rules::each_pointer(start.expose_provenance(), len, info, &wanted, &mut found) };
    outcome
}

/// Looks at one pointer that was stored.
fn lent(
    site: &Site,
    (index, arguments): (usize, &[Argument]),
    argument: &Argument,
    offset: usize,
    word: usize,
) -> Result<(), Stop> {
    let target = Target::of(word, &thread::stack());
    let holder = || Holder::Pointee {
        memory: Memory::of(
            &Target::of(argument.address, &thread::stack()),
            argument.address,
            argument.info.size,
            thread::id(),
        ),
        offset,
        field: rules::field_in_extent(argument.info, offset, argument.info.size),
    };
    let finding = match &target {
        Target::Heap(block) if block.live => {
            heap::exempt(block);
            None
        }
        Target::Heap(_) | Target::FreedByC(_) | Target::LeftStack => {
            dangling_field::check_word(word, &target, holder, || Evidence::Declared)
        }
        Target::Stack(_) if result::is_gone(&target, word, arguments) => returned_pointer::check(word, &target, holder),
        Target::Stack(_) | Target::Null | Target::Foreign => None,
    };
    match finding {
        Some(finding) => {
            let memory = Memory::of(&target, word, 0, thread::id());
            site.breach(Some(index), finding, (argument, argument.info.size), Some(memory))
        }
        None => Ok(()),
    }
}
