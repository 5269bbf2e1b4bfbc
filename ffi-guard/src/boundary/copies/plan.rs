//! Which arguments of a call are copied, and which of them share a copy.
//!
//! `copied` on a parameter asks for a copy. `GUARD_COPY=1` asks for one of everything that is known
//! to lose nothing by it, since programs whose declarations say too little must still work. So with
//! it a typed pointer without a stated extent, which may lead to the first of many elements, is
//! copied with its whole heap block, and outside the heap not at all; and memory that C may know by
//! its address stays in place.

use std::ops::Range;

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Parameter;
use crate::call::extent;
use crate::call::shape::Role;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::config;
use crate::copied;
use crate::heap::{self, Block};
use crate::platform::memory::PAGE;
use crate::platform::read;
use crate::retention::pins;
use crate::rule::{Rule, Severity};
use crate::scan::{self, Wanted};

/// One copy to be made.
pub(super) struct Group {
    /// Bytes to copy.
    pub(super) range: Range<usize>,
    /// Power of two modulo which the copy's address equals the original's.
    pub(super) align: usize,
    /// The heap block that the range lies in.
    pub(super) block: Option<Block>,
    /// True if the range is known to be readable.
    pub(super) vouched: bool,
    pub(super) members: Vec<Member>,
}

/// An argument that leads into a copied range.
pub(super) struct Member {
    pub(super) parameter: usize,
    pub(super) address: usize,
    /// Bytes that C may touch.
    pub(super) extent: Range<usize>,
    pub(super) mutable: bool,
}

/// An argument that can be copied.
struct Candidate {
    member: Member,
    range: Range<usize>,
    align: usize,
    block: Option<Block>,
    vouched: bool,
    /// True if no word in it is a pointer.
    plain: bool,
}

/// Largest block that is copied whole for a typed pointer without a stated extent.
const WHOLE_BLOCK: usize = 1 << 20;
/// Alignment of `malloc`, which C may rely on for memory that it casts.
const FOR_ANY_TYPE: usize = 16;
const WORD: usize = size_of::<usize>();

/// Plans the copies of one call. `stack`: the calling thread's stack above this call.
pub(super) fn groups(site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Vec<Group> {
    let parameters = site.function.declaration.parameters;
    let mut candidates: Vec<Candidate> = Vec::new();
    for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        candidates.extend(candidate(site, index, argument, parameter, stack));
    }
    loop {
        if candidates.is_empty() {
            return Vec::new();
        }
        // If one of two pointers led into a copy and the other did not, they would no longer fit
        // each other.
        let known = known_by_place(arguments, &candidates);
        let before = candidates.len();
        candidates.retain(|candidate| !known.iter().any(|&address| candidate.has(address)));
        if candidates.len() < before {
            continue;
        }
        let groups = grouped(&candidates);
        match led_into(&groups, &candidates) {
            None => return groups,
            Some(range) => candidates.retain(|it| it.range.start < range.start || it.range.end > range.end),
        }
    }
}

impl Candidate {
    /// True if an address leads into the candidate's object, or to its end.
    fn has(&self, address: usize) -> bool {
        let object = self.block.as_ref().map_or_else(|| self.range.clone(), |it| it.start..it.start + it.size);
        object.start <= address && address <= object.end
    }
}

fn candidate(
    site: &Site,
    index: usize,
    argument: &Argument,
    parameter: &Parameter,
    stack: &Range<usize>,
) -> Option<Candidate> {
    let contract = parameter.contract;
    let asked = contract.is_copied();
    if !(asked || config::settings().copy)
        || !matches!(argument.passing, Passing::Const | Passing::Mut)
        || argument.boxed
        || !contract.is_movable()
    {
        return None;
    }
    let mutable = argument.passing == Passing::Mut;
    let address = argument.address;
    let located = Target::of(address, stack);
    if !asked && is_known_by_place(site, argument, parameter, &located) {
        return None;
    }
    // End of the bytes that are known to be there.
    let (block, end) = match &located {
        Target::Null | Target::LeftStack | Target::FreedByC(_) => return None,
        Target::Heap(block) if !block.live => return None,
        Target::Heap(block) => (Some(**block), Some(block.start + block.size)),
        Target::Stack(stack) => (None, Some(stack.end)),
        Target::Foreign => (None, None),
    };
    let untyped = extent::untyped(argument);
    let mut whole = false;
    let extent = if contract.is_cstr() {
        // There is room after the NUL of a string that C may change.
        whole = mutable && !asked;
        // SAFETY: up to `end` it is live Rust memory; without an end, C is about to look for the
        // NUL itself.
        unsafe { read::len_with_nul(address, end.map(|end| end.saturating_sub(address))) }?
    } else if contract.is_stated() {
        extent::stated(argument).ok()?
    } else if untyped {
        return None;
    } else {
        whole = !asked;
        argument.info.size
    };
    let mut range = address..address.checked_add(extent)?;
    if range.is_empty() || end.is_some_and(|end| range.end > end) {
        return None;
    }
    let extent = range.clone();
    if whole {
        // A copy of the whole block lies by the block's alignment.
        let block = block.filter(|block| block.size <= WHOLE_BLOCK && block.align >= contract.alignment())?;
        range = block.start..block.start + block.size;
    }
    let natural = 1_usize << address.trailing_zeros().min(PAGE.trailing_zeros());
    let by_type = if untyped { FOR_ANY_TYPE } else { argument.info.align }.max(contract.alignment());
    let by_layout = block.map_or(1, |block| block.align);
    Some(Candidate {
        plain: !whole && matches!(argument.info.shape, crate::call::shape::Shape::Plain),
        align: if whole { by_layout.max(by_type) } else { by_type.max(by_layout.min(natural)) },
        member: Member { parameter: index, address, extent, mutable },
        vouched: end.is_some(),
        range,
        block,
    })
}

/// True if C may know this memory by its address: it is then copied only if `copied` asks for it.
fn is_known_by_place(site: &Site, argument: &Argument, parameter: &Parameter, located: &Target) -> bool {
    let declared = parameter.severities.over(site.function.declaration.severities);
    if declared.get(Rule::RetainedPointer) == Some(Severity::Allow) {
        return true;
    }
    match located {
        // Pinned, or lent under `retained` before.
        Target::Heap(block) => {
            pins::is_block_pinned(block) || heap::may_be_retained(block) || argument.info.role == Role::Lock
        }
        Target::Stack(_) => pins::is_range_pinned(argument.address) || scan::is_c_stack(located, argument.address),
        // C memory, or a static, which C may keep.
        Target::Null | Target::Foreign | Target::LeftStack | Target::FreedByC(_) => true,
    }
}

/// Addresses that C gets unchanged: pointers that are not copied, and words of values passed by
/// value.
fn known_by_place(arguments: &[Argument], candidates: &[Candidate]) -> Vec<usize> {
    let mut known = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        match argument.passing {
            Passing::Const | Passing::Mut => {
                if argument.address != 0 && !candidates.iter().any(|it| it.member.parameter == index) {
                    known.push(argument.address);
                }
            }
            Passing::Scalar | Passing::Value => {
                let mut at = argument.address.next_multiple_of(WORD);
                while at + WORD <= argument.address + argument.info.size {
                    // SAFETY: the value's own bytes, alive until the call. Volatile: padding is
                    // read as it lies.
                    known.push(unsafe { std::ptr::with_exposed_provenance::<usize>(at).read_volatile() });
                    at += WORD;
                }
            }
        }
    }
    known
}

/// Groups the candidates: those of one heap block, and those that overlap or touch, share a copy.
fn grouped(candidates: &[Candidate]) -> Vec<Group> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by_key(|it| it.range.start);
    let mut groups: Vec<Group> = Vec::new();
    for it in sorted {
        let member = Member { extent: it.member.extent.clone(), ..it.member };
        let same = |group: &&mut Group| match (&group.block, &it.block) {
            (Some(one), Some(other)) => one.start == other.start,
            (None, None) => it.range.start <= group.range.end,
            _ => false,
        };
        match groups.last_mut().filter(same) {
            Some(group) => {
                group.range.end = group.range.end.max(it.range.end);
                group.align = group.align.max(it.align);
                group.vouched &= it.vouched;
                group.members.push(member);
            }
            None => groups.push(Group {
                range: it.range.clone(),
                align: it.align,
                block: it.block,
                vouched: it.vouched,
                members: vec![member],
            }),
        }
    }
    groups
}

/// Range that must not be copied after all: one that is too large, or that a word in it or in
/// another copy leads into (a struct that holds its own address, a buffer and a list of buffers).
fn led_into(groups: &[Group], candidates: &[Candidate]) -> Option<Range<usize>> {
    if let Some(large) = groups.iter().find(|group| group.range.len() > copied::most()) {
        return Some(large.range.clone());
    }
    let wanted = Wanted::new(groups.iter().map(|group| group.range.clone()));
    let mut hits = Vec::new();
    for group in groups.iter().filter(|group| group.vouched) {
        let inside = |it: &&Candidate| group.range.start <= it.range.start && it.range.end <= group.range.end;
        if candidates.iter().filter(inside).all(|it| it.plain) {
            continue;
        }
        // SAFETY: Rust's own memory, lent for this call: a live block, or this thread's stack above
        // the call.
        unsafe { scan::words(group.range.start, group.range.len(), &wanted, &mut hits) };
    }
    let hit = hits.first()?;
    groups.iter().find(|group| group.range.contains(&hit.word)).map(|group| group.range.clone())
}
