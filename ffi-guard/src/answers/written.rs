//! What C has written where an argument leads, and what is no value of its type.
//!
//! What is there before the call is kept, so that what C has not written is not told of: an `out`
//! parameter may lead to anything. A function that may write such bytes is not on the fast path.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Fills, Parameter};
use crate::call::extent;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::thread;
use crate::call::validity::Validity;
use crate::delivery::breach::Stop;
use crate::facts::{CameBy, Finding, Memory};
use crate::platform::process::Errno;
use crate::rule::{Rule, Severity};
use crate::rules::invalid_value;

/// Places of a call that are kept: what is written to the others is not looked at.
const MOST: usize = 16;

/// What was there before the call, place by place.
#[derive(Debug)]
pub(crate) struct Before {
    count: usize,
    /// The address of each place, and what was there. The first `count` are written.
    places: [MaybeUninit<(usize, u64)>; MOST],
}

/// True if C may write bytes that are no value where this argument leads.
fn is_one(argument: &Argument, parameter: &Parameter) -> bool {
    let contract = parameter.contract;
    matches!(argument.passing, Passing::Mut)
        && !argument.info.value.is_any()
        && argument.info.size > 0
        && !argument.boxed
        && !contract.is_opaque()
        && !contract.is_owned()
}

/// True if some argument of a function is one that C may write no value to, and the rule is asked.
pub(crate) fn may_be(site: &Site, arguments: &[Argument]) -> bool {
    let parameters = site.function.declaration.parameters;
    arguments.iter().zip(parameters).enumerate().any(|(index, (argument, parameter))| {
        is_one(argument, parameter) && site.severity(Rule::InvalidValue, Some(index)) != Severity::Allow
    })
}

impl Before {
    /// Nothing, in this room: the places stay unwritten.
    #[inline(always)]
    pub(crate) fn nothing_in(room: &mut MaybeUninit<Before>) -> &mut Before {
        // SAFETY: the field lies in the room that is borrowed; the other may be uninitialised.
        unsafe {
            (&raw mut (*room.as_mut_ptr()).count).write(0);
            room.assume_init_mut()
        }
    }

    /// Keeps what is there now.
    pub(crate) fn keep(&mut self, site: &Site, arguments: &[Argument]) {
        let _errno = Errno::keep();
        let stack = thread::callers_stack(site);
        for (argument, parameter) in arguments.iter().zip(site.function.declaration.parameters) {
            if !is_one(argument, parameter) {
                continue;
            }
            each_place(argument, &stack, &mut |at, _, bits| {
                if let Some(place) = self.places.get_mut(self.count) {
                    place.write((at, bits));
                    self.count += 1;
                }
                self.count < MOST
            });
        }
    }

    fn at(&self, address: usize) -> Option<u64> {
        // SAFETY: the first `count` places are written.
        let mut kept = self.places.iter().take(self.count).map(|place| unsafe { place.assume_init() });
        kept.find(|place| place.0 == address).map(|place| place.1)
    }
}

/// Tells of what C has written that is no value. `place`: where the result is, of the declared
/// type; null if there is none.
#[inline]
pub(crate) fn check(site: &Site, arguments: &[Argument], before: &Before, place: *const ()) -> Result<(), Stop> {
    if before.count == 0 { Ok(()) } else { look(site, arguments, before, place) }
}

#[inline(never)]
fn look(site: &Site, arguments: &[Argument], before: &Before, place: *const ()) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let filled = match site.function.fills {
        // SAFETY: the caller promises a result of the type that the condition was written for.
        Some(Fills { holds, text }) if !place.is_null() => match unsafe { holds(place) } {
            true => Some(text),
            // It is not to be read.
            false => return Ok(()),
        },
        _ => None,
    };
    let stack = thread::callers_stack(site);
    for (index, (argument, parameter)) in arguments.iter().zip(site.function.declaration.parameters).enumerate() {
        if !is_one(argument, parameter) {
            continue;
        }
        // Of a struct and of an array a part may be left as it was.
        let is_whole = parameter.contract.is_out() && argument.info.value.is_leaf() && argument.stated.is_unknown();
        let mut found = None;
        each_place(argument, &stack, &mut |at, leaf, bits| {
            let written = match before.at(at) {
                _ if leaf.has(bits) => None,
                None => None,
                Some(was) if was != bits => Some(None),
                Some(_) => filled.filter(|_| is_whole).map(Some),
            };
            if let Some(unchanged) = written {
                let offset = at - argument.address;
                found = Some((offset, leaf, bits, unchanged));
            }
            found.is_none()
        });
        if let Some((offset, leaf, bits, unchanged)) = found {
            tell(site, index, argument, (offset, leaf, bits), unchanged)?;
        }
    }
    Ok(())
}

fn tell(
    site: &Site,
    index: usize,
    argument: &Argument,
    (offset, leaf, bits): (usize, &'static Validity, u64),
    unchanged: Option<&'static str>,
) -> Result<(), Stop> {
    let size = argument.info.size;
    let mut found = invalid_value::at(&argument.info.value, offset % size, leaf, bits, CameBy::Write { unchanged });
    if let Finding::InvalidValue(seen) = &mut found
        && !argument.stated.is_unknown()
    {
        let dot = if seen.field.is_empty() || seen.field.starts_with('[') { "" } else { "." };
        (seen.offset, seen.field) = (offset, format!("[{}]{dot}{}", offset / size, seen.field));
    }
    let target = Target::of(argument.address, &thread::callers_stack(site));
    let extent = extent::of(argument, &target);
    let memory = Memory::of(&target, argument.address, extent, thread::id());
    site.breach(Some(index), found, (argument, extent), Some(memory))
}

/// Calls `each` with every part of the values that an argument leads to, as far as they are in
/// Rust's memory: its address, which values it has, and what is there.
fn each_place(argument: &Argument, stack: &Range<usize>, each: &mut dyn FnMut(usize, &'static Validity, u64) -> bool) {
    let Argument { address, info, .. } = *argument;
    let target = Target::of(address, stack);
    let end = match &target {
        Target::Heap(block) if block.live => block.start + block.size,
        Target::Stack(stack) => stack.end,
        _ => return,
    };
    let extent = extent::of(argument, &target);
    if address.checked_add(extent).is_none_or(|last| last > end) {
        return;
    }
    for at in 0..extent / info.size {
        let element = address + at * info.size;
        // SAFETY: the extent is inside live memory of Rust's.
        let goes_on =
            unsafe { info.value.each_leaf(element, &mut |offset, leaf, bits| each(element + offset, leaf, bits)) };
        if !goes_on {
            return;
        }
    }
}
