//! Facts of what C wrote where it had no business, made by hand.

use super::facts::{argument, block, call, found, trace_of};
use super::{ffi, session};
use crate::call::argument::{Argument, Stated};
use crate::call::declaration::{Declaration, Function};
use crate::call::validity::{Discriminants, PointerValue, Validity};
use crate::facts::{
    BlockFacts, BufferOverflow, CameBy, Change, Facts, Finding, InvalidResult, InvalidValue, Memory, Overwritten,
    UninitialisedMemory, UseAfterFree, WriteThroughConst,
};
use crate::heap::Damage;

const AT: usize = 0x7f3a_5c00_2040;

fn damage(before: bool, offset: usize, bytes: &[u8]) -> Damage {
    let mut first_bytes = [0; 16];
    first_bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Damage { before, offset, len: bytes.len(), first_bytes }
}

fn label(finding: Finding, block: BlockFacts) -> Facts {
    found(
        finding,
        call(&ffi::SESSION_LABEL, 0, session::label(&mut [0; 24])),
        argument(AT, 24, "i8"),
        Some(Memory::Heap(block)),
    )
}

fn alone(facts: Facts) -> Facts {
    Facts { call: None, argument: None, ..facts }
}

fn live() -> BlockFacts {
    block(AT, 24, 15)
}

fn freed() -> BlockFacts {
    BlockFacts { live: false, freed: trace_of(16), freed_by: 1, ..live() }
}

pub(in super::super) fn overflow() -> Facts {
    label(
        Finding::BufferOverflow(BufferOverflow {
            damage: damage(false, 0, b"\0"),
            overwritten: Overwritten::ByTheCall,
        }),
        live(),
    )
}

pub(in super::super) fn overflow_before_the_start() -> Facts {
    let damage = damage(true, 4, b"\x10\0\0\0");
    label(Finding::BufferOverflow(BufferOverflow { damage, overwritten: Overwritten::ByTheCall }), live())
}

pub(in super::super) fn overflow_between_calls() -> Facts {
    let damage = damage(false, 2, b"overwritten by 20 letters"[..20].as_ref());
    let finding = Finding::BufferOverflow(BufferOverflow { damage, overwritten: Overwritten::BeforeACall });
    Facts { also: vec![session::store(), session::null()], ..label(finding, live()) }
}

/// C overran a block of its own.
pub(in super::super) fn overflow_of_c() -> Facts {
    let damage = damage(false, 0, b"overrun!");
    let finding = Finding::BufferOverflow(BufferOverflow { damage, overwritten: Overwritten::BeforeTheFree });
    alone(label(finding, BlockFacts { of_c: true, ..freed() }))
}

/// C wrote to a block that it had freed itself.
pub(in super::super) fn written_after_cs_free() -> Facts {
    let finding = Finding::UseAfterFree(UseAfterFree { damage: damage(false, 3, b"A"), before_reuse: true });
    alone(label(finding, BlockFacts { of_c: true, ..freed() }))
}

pub(in super::super) fn overflow_at_free() -> Facts {
    let finding = Finding::BufferOverflow(BufferOverflow {
        damage: damage(false, 0, b"!"),
        overwritten: Overwritten::BeforeTheFree,
    });
    alone(label(finding, freed()))
}

pub(in super::super) fn write_through_const() -> Facts {
    let mut change = Change::new(1, false);
    for (i, (was, now)) in b"ello".iter().zip(b"ELLO").enumerate() {
        change.add(1 + i, *was, *now);
    }
    let finding = Finding::WriteThroughConst(WriteThroughConst { change, field: None });
    Facts {
        call: call(&ffi::SESSION_SET_NAME, 1, session::no_nul("Hello")),
        argument: argument(AT, 6, "i8"),
        ..label(finding, block(AT, 6, 15))
    }
}

pub(in super::super) fn write_through_const_field() -> Facts {
    let mut change = Change::new(8, true);
    change.add(8, 0, 1);
    let finding = Finding::WriteThroughConst(WriteThroughConst { change, field: Some("y".into()) });
    Facts {
        call: call(&ffi::PROCESS_STRUCT, 0, session::process()),
        argument: argument(AT, 16, "app::ffi::ComplexStruct"),
        memory: Some(Memory::Stack { address: AT, size: 16, thread: 1 }),
        ..label(finding, live())
    }
}

pub(in super::super) fn use_after_free() -> Facts {
    label(Finding::UseAfterFree(UseAfterFree { damage: damage(false, 3, b"A"), before_reuse: false }), freed())
}

pub(in super::super) fn use_after_free_alone() -> Facts {
    alone(label(
        Finding::UseAfterFree(UseAfterFree { damage: damage(false, 0, b"\xff\xff"), before_reuse: true }),
        freed(),
    ))
}

pub(in super::super) fn never_written() -> Facts {
    let finding = UninitialisedMemory { offset: 8, len: 16, field: Some("[2]".into()), ok: None, certain: true };
    found(
        Finding::UninitialisedMemory(finding),
        call(&ffi::PROCESS_DATA, 0, session::never_written()),
        argument(AT, 24, "u32"),
        Some(Memory::Heap(live())),
    )
}

static MODE: Discriminants = Discriminants { size: 4, signed: true, values: &[-1, 0, 1, 5], name: || "app::ffi::Mode" };

fn invalid(expected: Validity, bits: u64, field: &str, by: CameBy) -> Finding {
    Finding::InvalidValue(InvalidValue { expected, bits, offset: 4, field: field.into(), by })
}

/// About the result of a call.
fn of_result(finding: Finding) -> Facts {
    let mut facts = found(finding, call(&ffi::CURRENT, 0, session::returned()), argument(0, 0, "app::ffi::Mode"), None);
    facts.call.iter_mut().for_each(|call| call.parameter = None);
    facts
}

pub(in super::super) fn invalid_result_value() -> Facts {
    of_result(invalid(Validity::Enum(&MODE), 7, "", CameBy::Result))
}

pub(in super::super) fn invalid_written() -> Facts {
    label(invalid(Validity::Bool, 2, "verbose", CameBy::Write { unchanged: None }), live())
}

pub(in super::super) fn invalid_argument() -> Facts {
    let user = Validity::Pointer(PointerValue::Reference, 8);
    let site = session::listen();
    found(invalid(user, 0, "", CameBy::Argument), call(&ffi::ON_EVENT, 0, site), argument(0, 0, "app::State"), None)
}

pub(in super::super) fn null_result() -> Facts {
    of_result(Finding::InvalidResult(InvalidResult::Null))
}

/// Asked of no call here.
unsafe fn counted(_: &[Argument]) -> Stated {
    Stated::No
}

/// The same function, with a count of what it returns.
static COUNTED: Function = Function::new(&Declaration {
    module: "app::ffi",
    file: "src/ffi.rs",
    line: 18,
    column: 12,
    ..Declaration::internal("current_reference")
})
.with_counted(counted, "*len");

pub(in super::super) fn null_with_count() -> Facts {
    let mut facts = of_result(Finding::InvalidResult(InvalidResult::NullWithCount { count: 0 }));
    facts.call.iter_mut().for_each(|call| call.function = &COUNTED);
    facts
}

pub(in super::super) fn not_filled() -> Facts {
    let finding = UninitialisedMemory { offset: 0, len: 24, field: None, ok: Some("result == 0"), certain: true };
    label(Finding::UninitialisedMemory(finding), live())
}
