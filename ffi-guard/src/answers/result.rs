//! Checks of what C returns, and of what a guarded callback returns to C.

use std::ops::ControlFlow;

use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target, is_freed_by_c};
use crate::call::thread::{self, Wrapper};
use crate::delivery::breach::Stop;
use crate::facts::{Holder, Memory};
use crate::heap;
use crate::retention;
use crate::retention::given_by_c;
use crate::retention::pins;
use crate::rules;
use crate::scan;

/// Checks that what C returned is a value of the declared type, before it is taken for one.
#[inline]
pub(crate) fn check_value(site: &Site, result: &Argument) -> Result<(), Stop> {
    // SAFETY: the result's own bytes, which the wrapper holds.
    if unsafe { result.is_plainly_a_value() } {
        return Ok(());
    }
    match rules::invalid_value::check_result(result) {
        Some(finding) => site.breach(None, finding, (result, 0), None),
        None => Ok(()),
    }
}

/// Checks for a result that leads into a freed block, or to where a variable on the stack was: C
/// kept a pointer, and hands it out after Rust freed its target; or after C itself did (in a struct
/// by value such a word may be one left behind). `frame`: an address in the wrapper's frame.
#[inline]
pub(crate) fn check(site: &Site, arguments: &[Argument], result: &Argument, frame: usize) -> Result<(), Stop> {
    match result.passing {
        Passing::Scalar => Ok(()),
        Passing::Const | Passing::Mut => {
            if site.function.declaration.returns_owned && heap::contains(result.address) {
                retention::given_back(result.address);
            }
            if heap::contains(result.address) {
                given_by_c::note(result.address, &Target::of(result.address, &(0..0)), arguments);
            }
            word(site, result, result.address, (None, frame))
        }
        Passing::Value => {
            let mut outcome = Ok(());
            // SAFETY: the result's own bytes, which the wrapper holds.
            let _ = unsafe {
                rules::each_pointer(
                    result.address,
                    result.info.size,
                    result.info,
                    &|word| heap::contains(word) || thread::is_on_stack(word),
                    &mut |offset, found| {
                        outcome = word(site, result, found, (Some(offset), frame));
                        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    },
                )
            };
            outcome
        }
    }
}

#[inline]
fn word(site: &Site, result: &Argument, word: usize, (offset, frame): (Option<usize>, usize)) -> Result<(), Stop> {
    if !heap::contains(word) && !thread::is_on_stack(word) && !is_freed_by_c(word) {
        return Ok(());
    }
    let located = match Target::of(word, &(0..0)) {
        // A word of a struct by value may be a number.
        Target::Foreign
            if offset.is_none_or(|offset| rules::is_declared(result.info, offset)) && is_left(site, word, frame) =>
        {
            Target::LeftStack
        }
        located => located,
    };
    let holder =
        || Holder::Result { field: offset.and_then(|offset| rules::field_path(result.info, offset, false)), offset };
    match rules::dangling_pointer::check_word(word, &located, holder) {
        Some(finding) => {
            let memory = Memory::of(&located, word, 0, thread::id());
            site.breach(None, finding, (&Argument { address: word, ..*result }, 0), Some(memory))
        }
        None => Ok(()),
    }
}

/// True if an address certainly leads to where a variable on this thread's stack was, or to one of
/// C's that is gone with the call.
fn is_left(site: &Site, address: usize, frame: usize) -> bool {
    let wrapper = Wrapper { arguments: frame, ..site.function.wrapper_of(&[], true) };
    if !thread::is_on_stack(address) || !thread::is_on_stack(frame) {
        return false;
    }
    let callers = scan::callers_frame(wrapper).unwrap_or(frame);
    address < callers && scan::is_left(address, callers)
}

/// Asks the rules about a callback's result that leads, or may lead, into Rust memory.
pub(crate) fn check_callback(site: &Site, arguments: &[Argument], result: &Argument) -> Result<(), Stop> {
    match result.passing {
        Passing::Scalar => Ok(()),
        Passing::Const | Passing::Mut => word_for_c(site, arguments, result, result.address, None),
        Passing::Value => {
            let mut outcome = Ok(());
            let stack = thread::stack();
            // SAFETY: the result's own bytes, which the callback holds.
            let _ = unsafe {
                rules::each_pointer(
                    result.address,
                    result.info.size,
                    result.info,
                    &|word| heap::contains(word) || stack.contains(&word),
                    &mut |offset, found| {
                        outcome = word_for_c(site, arguments, result, found, Some(offset));
                        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    },
                )
            };
            outcome
        }
    }
}

fn word_for_c(
    site: &Site,
    arguments: &[Argument],
    result: &Argument,
    word: usize,
    offset: Option<usize>,
) -> Result<(), Stop> {
    let located = Target::of(word, &thread::stack());
    let about = Argument { address: word, ..*result };
    let holder =
        || Holder::Result { field: offset.and_then(|offset| rules::field_path(result.info, offset, false)), offset };
    if let Some(finding) = rules::dangling_pointer::check_word(word, &located, holder) {
        let memory = Memory::of(&located, word, 0, thread::id());
        return site.breach(None, finding, (&about, 0), Some(memory));
    }
    let contract = site.function.declaration.result;
    if contract.is_cstr() && offset.is_none() && matches!(located, Target::Heap(_)) {
        let memory = Memory::of(&located, word, 0, thread::id());
        let look = PointerArg { argument: &about, contract, target: located.clone(), extent: 0 };
        if let Some(finding) = rules::unterminated_string::check(&look) {
            site.breach(None, finding, (&about, 0), Some(memory))?;
        }
    }
    if contract.is_lending() {
        if let Target::Heap(block) = &located {
            // Until when, the library says: it may be freed or moved while C still holds it.
            heap::exempt(block);
            return Ok(());
        }
        if !is_gone(&located, word, arguments) {
            return Ok(());
        }
    } else if contract.is_owned() || contract.is_retained() {
        if let Target::Heap(block) = &located {
            heap::retain(block);
        }
        return Ok(());
    }
    if may_be_held(&located, word) || came_from_c(arguments, &located, word) {
        return Ok(());
    }
    match rules::returned_pointer::check(word, &located, holder) {
        Some(finding) => {
            let memory = Memory::of(&located, word, 0, thread::id());
            site.breach(None, finding, (&about, 0), Some(memory))
        }
        None => Ok(()),
    }
}

/// True if C may keep holding it: it is pinned, was given to C to keep, or is lent to a call that
/// has not returned.
fn may_be_held(located: &Target, word: usize) -> bool {
    match located {
        Target::Heap(block) => pins::is_block_pinned(block) || heap::may_be_retained(block) || heap::loans(block) > 0,
        _ => pins::is_range_pinned(word),
    }
}

/// True for an address of the calling thread's stack at which no variable is left when the callback
/// has returned: its arguments lie in its own frame, and below them what it has called.
#[inline(always)]
pub(crate) fn is_gone(located: &Target, word: usize, arguments: &[Argument]) -> bool {
    let here = 0_u8;
    matches!(located, Target::Stack(_)) && word < (&raw const here).addr().max(arguments.as_ptr().addr())
}

/// True if C already holds a pointer into the same memory: it handed one in. On a stack, whose
/// variables cannot be told apart, any address that it handed in is enough; and what a C frame
/// holds belongs to C.
fn came_from_c(arguments: &[Argument], located: &Target, word: usize) -> bool {
    let pointers = || arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut));
    match located {
        Target::Heap(block) => pointers().any(|it| (block.start..=block.start + block.size).contains(&it.address)),
        Target::Stack(stack) => {
            let here = 0_u8;
            let gone = word < (&raw const here).addr();
            // Below this frame lies what the body has left.
            !gone && (pointers().any(|it| stack.contains(&it.address)) || !scan::in_rust_frame(word))
        }
        Target::Null | Target::Foreign | Target::LeftStack | Target::FreedByC(_) => true,
    }
}
