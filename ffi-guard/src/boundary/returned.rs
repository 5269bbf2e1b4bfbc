//! What a guarded callback returns to C.

use std::ops::ControlFlow;

use super::argument::{Argument, Passing};
use super::breach::{Site, Stop};
use super::thread;
use crate::heap;
use crate::report::violation::Holder;
use crate::retention::pins;
use crate::rules::{self, Located};
use crate::scan;

/// Asks the rules about a result that leads, or may lead, into Rust memory.
pub(super) fn check(site: &Site, arguments: &[Argument], result: &Argument) -> Result<(), Stop> {
    match result.passing {
        Passing::Scalar => Ok(()),
        Passing::Const | Passing::Mut => word(site, arguments, result, result.address, None),
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
                        outcome = word(site, arguments, result, found, Some(offset));
                        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    },
                )
            };
            outcome
        }
    }
}

fn word(
    site: &Site,
    arguments: &[Argument],
    result: &Argument,
    word: usize,
    offset: Option<usize>,
) -> Result<(), Stop> {
    let located = Located::of(word, &thread::stack());
    let about = Argument { address: word, ..*result };
    let holder =
        || Holder::Result { field: offset.and_then(|offset| rules::field_path(result.info, offset, false)), offset };
    if let Some(finding) = rules::dangling_pointer::check_word(word, &located, holder) {
        let memory = located.memory(word, 0, thread::id());
        return site.breach(None, finding, (&about, 0), Some(memory));
    }
    let contract = site.function.declaration.result;
    if contract.is_owned() || contract.is_retained() {
        if let Located::Heap(block) = &located {
            heap::retain(block);
        }
        return Ok(());
    }
    if is_cs_to_hold(&located, word) || came_from_c(arguments, &located, word) {
        return Ok(());
    }
    match rules::returned_pointer::check(word, &located, holder) {
        Some(finding) => {
            let memory = located.memory(word, 0, thread::id());
            site.breach(None, finding, (&about, 0), Some(memory))
        }
        None => Ok(()),
    }
}

/// Whether C may hold it on: it is pinned, was given to C to keep, or is lent to a call that has not returned.
fn is_cs_to_hold(located: &Located, word: usize) -> bool {
    match located {
        Located::Heap(block) => pins::is_block_pinned(block) || heap::may_be_retained(block) || heap::loans(block) > 0,
        _ => pins::is_range_pinned(word),
    }
}

/// Whether C holds a pointer into the same memory already: it handed one in. Of a stack, whose variables nobody can tell
/// apart, it is enough that it handed in any address; and what a C frame holds is C's.
fn came_from_c(arguments: &[Argument], located: &Located, word: usize) -> bool {
    let pointers = || arguments.iter().filter(|it| matches!(it.passing, Passing::Const | Passing::Mut));
    match located {
        Located::Heap(block) => pointers().any(|it| (block.start..=block.start + block.size).contains(&it.address)),
        Located::Stack(stack) => {
            let here = 0_u8;
            let gone = word < (&raw const here).addr();
            // Below this frame lies what the body has left.
            !gone && (pointers().any(|it| stack.contains(&it.address)) || !scan::in_rust_frame(word))
        }
        Located::Null | Located::Foreign => true,
    }
}
