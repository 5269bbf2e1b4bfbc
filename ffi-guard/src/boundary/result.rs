//! What C returned.

use crate::facts::Memory;
use std::ops::ControlFlow;

use super::breach::Stop;
use crate::call::argument::{Argument, Passing};
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::thread;
use crate::facts::Holder;
use crate::heap;
use crate::retention;
use crate::rules;

/// A result that leads into a freed Rust block: C kept a pointer and hands it out after Rust freed what it led to.
#[inline]
pub(super) fn check(site: &Site, result: &Argument) -> Result<(), Stop> {
    match result.passing {
        Passing::Scalar => Ok(()),
        Passing::Const | Passing::Mut => {
            if site.function.declaration.returns_owned && heap::contains(result.address) {
                retention::given_back(result.address);
            }
            word(site, result, result.address, None)
        }
        Passing::Value => {
            let mut outcome = Ok(());
            // SAFETY: the result's own bytes, which the wrapper holds.
            let _ = unsafe {
                rules::each_pointer(
                    result.address,
                    result.info.size,
                    result.info,
                    &heap::contains,
                    &mut |offset, found| {
                        outcome = word(site, result, found, Some(offset));
                        if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    },
                )
            };
            outcome
        }
    }
}

#[inline]
fn word(site: &Site, result: &Argument, word: usize, offset: Option<usize>) -> Result<(), Stop> {
    if !heap::contains(word) {
        return Ok(());
    }
    let located = Target::of(word, &(0..0));
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
