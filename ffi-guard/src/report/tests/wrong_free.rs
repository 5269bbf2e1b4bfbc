//! Facts of frees that were not done, made by hand.

use super::facts::{argument, block, call, found, trace_of};
use super::{ffi, session};
use crate::facts::{Asked, BlockFacts, Ending, Facts, Finding, Memory, Why, WrongFree};

const BLOCK: usize = 0x7f3a_5c00_1080;
const OF_C: usize = 0x55d0_c24a_02a0;

fn facts(asked: Asked, why: Why, offset: usize, block: Option<BlockFacts>) -> Facts {
    let address = BLOCK + offset;
    let double = why == Why::Freed;
    let at = trace_of(if double { 18 } else { 17 });
    let wrong =
        Box::new(WrongFree { asked, address, why, c_block: None, at, thread: 1, under_way: false, ending: None });
    found(
        if double { Finding::DoubleFree(wrong) } else { Finding::AllocDeallocMismatch(wrong) },
        None,
        None,
        Some(match block {
            Some(block) => Memory::Heap(block),
            None => Memory::Foreign { address, size: 0 },
        }),
    )
}

fn wrong(facts: &mut Facts) -> &mut WrongFree {
    match &mut facts.finding {
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong,
        _ => unreachable!("made above"),
    }
}

const DEALLOC: Asked = Asked::Rust { call: "dealloc", size: 8, align: 8 };

pub(in super::super) fn other_size() -> Facts {
    let mut facts = facts(DEALLOC, Why::OtherLayout, 0, Some(block(BLOCK, 40, 11)));
    facts.call = call(&ffi::STORE_REFERENCE, 0, session::store());
    facts.argument = argument(BLOCK, 12, "app::ffi::SomeStruct");
    facts
}

pub(in super::super) fn interior() -> Facts {
    facts(DEALLOC, Why::Interior, 16, Some(block(BLOCK, 40, 11)))
}

/// C's `free` of a block of Rust's, in the middle of a guarded call.
pub(in super::super) fn by_c() -> Facts {
    let mut facts = facts(Asked::C("free"), Why::OtherSide, 0, Some(block(BLOCK, 40, 11)));
    facts.call = call(&ffi::TAKE_STATE, 0, session::give_and_free());
    facts.argument = argument(BLOCK, 12, "app::ffi::SomeStruct");
    wrong(&mut facts).under_way = true;
    wrong(&mut facts).at = trace_of(19);
    facts
}

/// C's `free` of a block of Rust's, which glibc refused.
pub(in super::super) fn by_glibc() -> Facts {
    let mut facts = by_c();
    facts.call = None;
    wrong(&mut facts).under_way = false;
    wrong(&mut facts).ending = Some(Ending::Refused);
    facts
}

/// C's `free` of a block that Rust had freed, over which glibc faulted.
pub(in super::super) fn by_glibc_with_a_fault() -> Facts {
    let mut facts = by_rust_then_by_c();
    wrong(&mut facts).ending = Some(Ending::Faulted);
    facts
}

fn c_block(live: bool) -> BlockFacts {
    let freed = if live { trace_of(0) } else { trace_of(19) };
    BlockFacts { live, freed, freed_by: u32::from(!live), align: 16, ..block(OF_C, 24, 13) }
}

/// Rust's `dealloc` of a block of C's heap.
pub(in super::super) fn of_c() -> Facts {
    let mut facts = facts(Asked::Rust { call: "dealloc", size: 24, align: 1 }, Why::OtherSide, 0, None);
    let wrong = wrong(&mut facts);
    (wrong.c_block, wrong.address) = (Some(c_block(true)), OF_C);
    facts
}

/// Rust's `dealloc` of a block of C's heap, which is not known.
pub(in super::super) fn of_nobody() -> Facts {
    let mut facts = facts(Asked::Rust { call: "dealloc", size: 24, align: 1 }, Why::Outside(None), 0, None);
    wrong(&mut facts).address = OF_C;
    facts
}

fn freed_block() -> BlockFacts {
    BlockFacts { live: false, freed: trace_of(12), freed_by: 1, ..block(BLOCK, 40, 11) }
}

pub(in super::super) fn twice() -> Facts {
    facts(Asked::Rust { call: "dealloc", size: 40, align: 8 }, Why::Freed, 0, Some(freed_block()))
}

pub(in super::super) fn by_rust_then_by_c() -> Facts {
    let mut facts = facts(Asked::C("free"), Why::Freed, 0, Some(freed_block()));
    wrong(&mut facts).at = trace_of(19);
    facts
}

pub(in super::super) fn by_c_then_by_rust() -> Facts {
    let mut facts = facts(Asked::Rust { call: "dealloc", size: 24, align: 1 }, Why::Freed, 0, None);
    let wrong = wrong(&mut facts);
    (wrong.c_block, wrong.address) = (Some(c_block(false)), OF_C);
    facts
}

/// Rust's `dealloc` of an address inside a block of C's heap.
pub(in super::super) fn inside_c() -> Facts {
    let mut facts = facts(DEALLOC, Why::Interior, 0, None);
    let wrong = wrong(&mut facts);
    (wrong.c_block, wrong.address) = (Some(c_block(true)), OF_C + 8);
    facts
}

/// C's `free` of an address inside a block of its own.
pub(in super::super) fn inside_c_by_c() -> Facts {
    let mut facts = inside_c();
    wrong(&mut facts).asked = Asked::C("free");
    facts
}

/// C's `free` of a block of its own that it has freed.
pub(in super::super) fn twice_by_c() -> Facts {
    let mut facts = by_c_then_by_rust();
    wrong(&mut facts).asked = Asked::C("free");
    facts
}
