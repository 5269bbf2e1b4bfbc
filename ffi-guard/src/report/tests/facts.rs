//! Facts of every finding, made by hand.

use super::ffi::{self, Site};
use super::session;
use crate::call::declaration::Function;
use crate::call::extent::StatedExtent;
use crate::facts::{
    AbiMismatch, Allocation, ArgumentFacts, BlockFacts, CSource, Call, Contrast, DanglingField, DanglingPointer,
    Difference, Evidence, Facts, Finding, FreedWhileRetained, Holder, LeakedOwnership, Memory, NestedPointer, Nowhere,
    NullPointer, OutOfBounds, Part, Place, Promise, RetainedPointer, ReturnedPointer, Tells, ThreadOwner,
};
use crate::heap::trace::TraceId;
use crate::platform::fault::Access;
use crate::rule::Severity;

const SOME: usize = 0x7f3a_5c00_1080;
const COMPLEX: usize = 0x7f3a_5c00_1040;
const ON_STACK: usize = 0x7ffd_0c11_2340;

pub(super) fn call(function: &'static Function, parameter: usize, site: Site) -> Option<Call> {
    Some(Call { function, parameter: Some(parameter), site, thread: 1, thread_name: Some("main".into()) })
}

pub(super) fn argument(address: usize, extent: usize, pointee: &'static str) -> Option<ArgumentFacts> {
    let tells = if pointee.ends_with("c_void") { Tells::Opaque } else { Tells::Places };
    Some(ArgumentFacts { address, extent, pointee, tells })
}

pub(super) fn found(
    finding: Finding,
    call: Option<Call>,
    argument: Option<ArgumentFacts>,
    memory: Option<Memory>,
) -> Facts {
    Facts {
        finding,
        severity: Severity::Deny,
        call,
        lent_by: None,
        also: Vec::new(),
        argument,
        memory,
        c_allocated: None,
    }
}

/// A trace of these stories: ids from the far end, which no depot gives out.
pub(super) fn trace_of(story: u32) -> TraceId {
    TraceId(u32::MAX - story)
}

pub(super) fn block(address: usize, size: usize, allocated: u32) -> BlockFacts {
    let freed = TraceId::default();
    let allocated = trace_of(allocated);
    BlockFacts {
        address,
        size,
        align: 8,
        live: true,
        allocated,
        allocated_by: 1,
        freed,
        freed_by: 0,
        of_c: false,
        freed_under: None,
    }
}

fn freed(address: usize, size: usize) -> BlockFacts {
    BlockFacts { live: false, freed: trace_of(3), freed_by: 1, align: 1, ..block(address, size, 4) }
}

fn stack(address: usize, size: usize) -> Memory {
    Memory::Stack { address, size, thread: 1 }
}

fn field(memory: Memory) -> Holder {
    Holder::Pointee { memory, offset: 0, field: Some("x".into()) }
}

fn nested(site: Site, address: usize, holder: Holder, pointer: usize, target: Memory) -> Facts {
    found(
        Finding::NestedPointer(NestedPointer { holder, pointer, target }),
        call(&ffi::PROCESS_STRUCT, 0, site),
        argument(address, 16, "app::ffi::ComplexStruct"),
        None,
    )
}

pub(in super::super) fn nested_heap() -> Facts {
    let holder = field(Memory::Heap(block(COMPLEX, 16, 1)));
    nested(session::process(), COMPLEX, holder, SOME, Memory::Heap(block(SOME, 12, 2)))
}

pub(in super::super) fn nested_bytes() -> Facts {
    let holder = Holder::Pointee { memory: Memory::Heap(block(COMPLEX, 24, 7)), offset: 16, field: None };
    let target = Memory::Heap(block(SOME - 8, 64, 2));
    Facts {
        call: call(&ffi::SET_LIST, 0, session::process_list()),
        argument: argument(COMPLEX, 24, "core::ffi::c_void"),
        ..nested(session::process_list(), COMPLEX, holder, SOME, target)
    }
}

pub(in super::super) fn nested_unknown_type() -> Facts {
    let holder = Holder::Pointee { memory: Memory::Heap(block(COMPLEX, 16, 1)), offset: 8, field: None };
    let mut facts = nested(session::process(), COMPLEX, holder, SOME, Memory::Heap(block(SOME, 12, 2)));
    facts.argument.iter_mut().for_each(|argument| argument.tells = Tells::Nothing);
    facts
}

pub(in super::super) fn nested_stack() -> Facts {
    let site = session::process_on_the_stack();
    nested(site, ON_STACK, field(stack(ON_STACK, 16)), ON_STACK + 32, stack(ON_STACK + 32, 0))
}

pub(in super::super) fn nested_by_value() -> Facts {
    let holder = Holder::Value { offset: 0, field: Some("x".into()) };
    Facts {
        call: call(&ffi::PROCESS_VALUE, 0, session::process_by_value()),
        argument: None,
        ..nested(session::process_by_value(), 0, holder, SOME, Memory::Heap(block(SOME, 12, 2)))
    }
}

pub(in super::super) fn nested_in_c_heap() -> Facts {
    Facts { c_allocated: Some(Allocation { trace: trace_of(13), thread: 1 }), ..nested_in_c() }
}

pub(in super::super) fn nested_in_c() -> Facts {
    let address = 0x5581_20aa_32a0;
    let holder = field(Memory::Foreign { address, size: 16 });
    let site = session::process_in_c(std::ptr::null_mut());
    nested(site, address, holder, SOME, Memory::Heap(block(SOME, 12, 2)))
}

pub(in super::super) fn dangling_argument() -> Facts {
    found(
        Finding::DanglingPointer(DanglingPointer { holder: Holder::Argument, pointer: SOME }),
        call(&ffi::SESSION_SET_NAME, 1, session::temporary()),
        argument(SOME, 6, "i8"),
        Some(Memory::Heap(freed(SOME, 6))),
    )
}

/// A block of C's heap that C freed in another guarded call.
pub(in super::super) fn dangling_of_c() -> Facts {
    let Facts { finding, call, argument, .. } = dangling_argument();
    let freed_under = Some(crate::call::site::Site { function: &ffi::CURRENT, location: session::returned() });
    let block = BlockFacts { of_c: true, freed_under, ..freed(SOME, 88) };
    found(finding, call, argument, Some(Memory::Heap(block)))
}

pub(in super::super) fn dangling_result() -> Facts {
    let mut call = call(&ffi::CURRENT, 0, session::returned());
    call.iter_mut().for_each(|call| call.parameter = None);
    found(
        Finding::DanglingPointer(DanglingPointer {
            holder: Holder::Result { offset: None, field: None },
            pointer: SOME,
        }),
        call,
        argument(SOME, 0, "app::ffi::SomeStruct"),
        Some(Memory::Heap(freed(SOME, 12))),
    )
}

/// A field of a struct by value leads to a block that holds a pointer.
pub(in super::super) fn nested_through_value() -> Facts {
    let holder = Holder::Pointee { memory: Memory::Heap(block(COMPLEX, 24, 7)), offset: 16, field: None };
    Facts {
        call: call(&ffi::PROCESS_VALUE, 0, session::process_by_value()),
        argument: argument(COMPLEX, 24, "what the field points to"),
        ..nested(session::process_by_value(), COMPLEX, holder, SOME, Memory::Heap(block(SOME, 12, 2)))
    }
}

pub(in super::super) fn dangling_word() -> Facts {
    dangling_in(field(Memory::Heap(block(COMPLEX, 16, 1))), "app::ffi::ComplexStruct")
}

fn dangling_in(holder: Holder, pointee: &'static str) -> Facts {
    let c_block = matches!(holder, Holder::CBlock { .. });
    let evidence = if c_block { Evidence::StoredByC } else { Evidence::Declared };
    found(
        Finding::DanglingField(DanglingField { holder, pointer: SOME + 4, evidence }),
        call(&ffi::PROCESS_STRUCT, 0, session::process()),
        argument(COMPLEX, 16, pointee),
        Some(Memory::Heap(freed(SOME, 12))),
    )
}

/// In the 88-byte block of C's heap that the argument points to, or in another one.
fn in_c_block(own: bool) -> Holder {
    let memory = Memory::Foreign { address: if own { COMPLEX } else { COMPLEX + 128 }, size: 88 };
    Holder::CBlock { memory, offset: 24, own, allocated_at: Allocation { trace: trace_of(13), thread: 1 } }
}

pub(in super::super) fn dangling_in_its_c_block() -> Facts {
    dangling_in(in_c_block(true), "core::ffi::c_void")
}

pub(in super::super) fn dangling_in_another_c_block() -> Facts {
    dangling_in(in_c_block(false), "core::ffi::c_void")
}

pub(in super::super) fn nested_in_a_c_block() -> Facts {
    nested(session::process(), COMPLEX, in_c_block(false), SOME, Memory::Heap(block(SOME, 12, 2)))
}

fn bounds(site: Site, stated: StatedExtent, available: usize, memory: Memory) -> Facts {
    let (address, extent) = match &memory {
        Memory::Heap(block) => (block.address + block.size - available, stated.bytes().unwrap_or(0)),
        Memory::Stack { address, .. } | Memory::Foreign { address, .. } => (*address, stated.bytes().unwrap_or(0)),
    };
    found(
        Finding::OutOfBounds(OutOfBounds { stated, available }),
        call(&ffi::PROCESS_DATA, 0, site),
        argument(address, extent, "u32"),
        Some(memory),
    )
}

pub(in super::super) fn bounds_count() -> Facts {
    let stated = StatedExtent::Elements { count: 24, size: 4 };
    bounds(session::too_long(&[]), stated, 24, Memory::Heap(block(COMPLEX, 24, 6)))
}

pub(in super::super) fn bounds_past_the_end() -> Facts {
    let stated = StatedExtent::Elements { count: 24, size: 4 };
    bounds(session::too_long(&[]), stated, 0, Memory::Heap(block(COMPLEX, 24, 6)))
}

pub(in super::super) fn bounds_type() -> Facts {
    let memory = Memory::Heap(block(COMPLEX, 24, 6));
    Facts {
        call: call(&ffi::PROCESS_STRUCT, 0, session::too_small(&0)),
        argument: argument(COMPLEX + 16, 16, "app::ffi::ComplexStruct"),
        ..bounds(session::too_small(&0), StatedExtent::Type(16), 8, memory)
    }
}

pub(in super::super) fn bounds_stack() -> Facts {
    let stated = StatedExtent::Elements { count: 4096, size: 4 };
    bounds(session::too_long(&[]), stated, 3264, stack(ON_STACK, 16384))
}

pub(in super::super) fn bounds_negative() -> Facts {
    let memory = Memory::Heap(block(COMPLEX, 24, 6));
    bounds(session::negative(&[], 0), StatedExtent::Negative(-3), 24, memory)
}

pub(in super::super) fn bounds_too_large() -> Facts {
    let memory = Memory::Heap(block(COMPLEX, 24, 6));
    bounds(session::negative(&[], 0), StatedExtent::TooLarge(u128::from(u64::MAX)), 24, memory)
}

pub(in super::super) fn bounds_foreign() -> Facts {
    let address = 0x5581_20aa_32a0;
    let stated = StatedExtent::TooLarge(u128::from(u64::MAX));
    bounds(session::negative(&[], 0), stated, usize::MAX - address, Memory::Foreign { address, size: 0 })
}

pub(in super::super) fn unterminated() -> Facts {
    found(
        Finding::UnterminatedString { searched: 5 },
        call(&ffi::SESSION_SET_NAME, 1, session::no_nul("")),
        argument(SOME, 5, "i8"),
        Some(Memory::Heap(block(SOME, 5, 6))),
    )
}

pub(in super::super) fn null() -> Facts {
    found(
        Finding::NullPointer(NullPointer::Declared),
        call(&ffi::SESSION_SET_NAME, 1, session::null()),
        argument(0, 0, "i8"),
        None,
    )
}

pub(in super::super) fn null_count() -> Facts {
    let through = NullPointer::ReadThrough { parameter: 1, itself: true };
    let found_at = call(&ffi::SESSION_READ, 2, session::no_count());
    found(Finding::NullPointer(through), found_at, argument(0, 0, "usize"), None)
}

pub(in super::super) fn null_on_many_lines() -> Facts {
    Facts { call: call(&ffi::SESSION_SET_NAME, 1, session::many_lines()), ..null() }
}

pub(in super::super) fn misaligned() -> Facts {
    found(
        Finding::MisalignedPointer { align: 4 },
        call(&ffi::PROCESS_DATA, 0, session::misaligned(&[0, 0])),
        argument(COMPLEX + 1, 20, "u32"),
        Some(Memory::Heap(block(COMPLEX, 24, 6))),
    )
}

pub(in super::super) fn declared_otherwise() -> Facts {
    let mismatch = AbiMismatch {
        differences: vec![
            Difference { part: Part::Parameter(1), contrast: Contrast::Size { rust: 4, c: 8 } },
            Difference { part: Part::Result, contrast: Contrast::NoResult },
        ],
        rust: "fn process_data(data: *const u32, len: u32) -> i32".into(),
        c: "void process_data(const uint32_t *data, size_t len)".into(),
        source: Some(CSource { file: "session.c".into(), line: 31 }),
        module: "libsession.so".into(),
        other_sign: 1,
    };
    found(
        Finding::AbiMismatch(Box::new(mismatch)),
        call(&ffi::PROCESS_DATA, 1, session::misaligned(&[0, 0])),
        None,
        None,
    )
}

pub(in super::super) fn struct_otherwise() -> Facts {
    let of = "app::ffi::ComplexStruct".to_owned();
    let mismatch = AbiMismatch {
        differences: vec![Difference {
            part: Part::Parameter(0),
            contrast: Contrast::FieldOffset { of, field: "x".into(), rust: 0, c: 8 },
        }],
        rust: "fn process_struct(s: *const ComplexStruct)".into(),
        c: "void process_struct(const struct complex_struct *s)".into(),
        source: None,
        module: "libsession.so".into(),
        other_sign: 0,
    };
    let call = call(&ffi::PROCESS_STRUCT, 0, session::process());
    found(Finding::AbiMismatch(Box::new(mismatch)), call, None, None)
}

fn global(module: &str, symbol: Option<&str>, offset: usize, address: usize) -> Place {
    Place::Global { module: module.into(), symbol: symbol.map(str::to_owned), offset, address, source: None }
}

pub(in super::super) fn retained() -> Facts {
    found(
        Finding::RetainedPointer(RetainedPointer {
            place: global("libsession.so", Some("someReference"), 0, 0x7f3a_6f20_4060),
            word: SOME,
            absent_before: true,
        }),
        call(&ffi::STORE_REFERENCE, 0, session::store()),
        argument(SOME, 12, "app::ffi::SomeStruct"),
        Some(Memory::Heap(block(SOME, 12, 5))),
    )
}

pub(in super::super) fn retained_first_seen() -> Facts {
    Facts {
        finding: Finding::RetainedPointer(RetainedPointer {
            place: Place::Global {
                module: "libsession.so".into(),
                symbol: Some("g_active".into()),
                offset: 8,
                address: 0x7f3a_6f20_4068,
                source: Some(CSource { file: "libsession/session.c".into(), line: 14 }),
            },
            word: SOME + 4,
            absent_before: false,
        }),
        severity: Severity::Warn,
        ..retained()
    }
}

pub(in super::super) fn retained_stack_no_symbol() -> Facts {
    Facts {
        finding: Finding::RetainedPointer(RetainedPointer {
            place: global("server", None, 0x41c8, 0x5581_2000_41c8),
            word: ON_STACK,
            absent_before: true,
        }),
        argument: argument(ON_STACK, 12, "app::ffi::SomeStruct"),
        memory: Some(stack(ON_STACK, 12)),
        ..retained()
    }
}

fn retained_in(place: Place) -> Facts {
    Facts {
        finding: Finding::RetainedPointer(RetainedPointer { place, word: SOME, absent_before: true }),
        ..retained()
    }
}

pub(in super::super) fn retained_c_heap() -> Facts {
    let allocated_at = Allocation { trace: trace_of(13), thread: 1 };
    retained_in(Place::CHeap { address: 0x183a_5c00_2000, size: 40, allocated_at, offset: 16 })
}

pub(in super::super) fn retained_tls() -> Facts {
    let source = Some(CSource { file: "libsession/session.c".into(), line: 21 });
    retained_in(Place::Tls {
        module: "libsession.so".into(),
        symbol: Some("current".into()),
        offset: 8,
        address: 0x7f3a_6f10_05c8,
        thread: 1,
        source,
    })
}

pub(in super::super) fn retained_tls_no_symbol() -> Facts {
    let (module, symbol) = ("libclosed.so".into(), None);
    retained_in(Place::Tls { module, symbol, offset: 16, address: 0x7f3a_6f10_05c8, thread: 4, source: None })
}

fn retained_rust_block(field: Option<String>) -> Facts {
    let place = Place::RustBlock {
        address: COMPLEX,
        size: 16,
        allocated_at: Allocation { trace: trace_of(14), thread: 1 },
        offset: 8,
        parameter: "table".into(),
        field,
    };
    Facts {
        call: call(&ffi::TABLE_ADD, 1, session::add(c"")),
        argument: argument(SOME, 6, "i8"),
        memory: Some(Memory::Heap(block(SOME, 6, 2))),
        ..retained_in(place)
    }
}

pub(in super::super) fn retained_rust_field() -> Facts {
    retained_rust_block(Some("first".into()))
}

pub(in super::super) fn retained_rust_bytes() -> Facts {
    retained_rust_block(None)
}

/// What was lent by this call was freed, at the place that this trace tells.
fn freed_while(promise: Promise, call: Option<Call>, size: usize, (allocated, freed): (u32, u32)) -> Facts {
    let block = BlockFacts { live: false, freed: trace_of(freed), freed_by: 1, ..block(SOME, size, allocated) };
    let place = global("libsession.so", Some("g_listener"), 8, 0x7f3a_6f20_4068);
    found(
        Finding::FreedWhileRetained(FreedWhileRetained {
            by_way_of: None,
            held: Some((place, SOME)),
            promise,
            pinned: None,
            moved: false,
            at_once: true,
        }),
        call,
        argument(SOME, 12, "app::ffi::SomeStruct"),
        Some(Memory::Heap(block)),
    )
}

pub(in super::super) fn freed_held() -> Facts {
    freed_while(Promise::Retained, call(&ffi::SET_LISTENER, 0, session::listen()), 12, (8, 9))
}

pub(in super::super) fn freed_held_in_c_heap() -> Facts {
    let mut facts = freed_held();
    if let Finding::FreedWhileRetained(FreedWhileRetained { held: Some((place, _)), .. }) = &mut facts.finding {
        let allocated_at = Allocation { trace: trace_of(13), thread: 1 };
        *place = Place::CHeap { address: 0x183a_5c00_2000, size: 40, allocated_at, offset: 16 };
    }
    facts
}

/// Seen by a sweep, after a thread other than the caller's had grown the vector.
pub(in super::super) fn freed_moved() -> Facts {
    let call = call(&ffi::SET_LISTENER, 0, session::listen_to_many(Vec::new()));
    let mut facts = freed_while(Promise::Retained, call, 48, (6, 10));
    if let (Finding::FreedWhileRetained(FreedWhileRetained { moved, at_once, held, .. }), Some(Memory::Heap(block))) =
        (&mut facts.finding, &mut facts.memory)
    {
        (*moved, *at_once, block.freed_by) = (true, false, 2);
        held.iter_mut().for_each(|(_, word)| *word += 12);
    }
    facts
}

pub(in super::super) fn freed_owned() -> Facts {
    freed_while(Promise::Owned, call(&ffi::TAKE_STATE, 0, session::give_and_free()), 12, (11, 12))
}

pub(in super::super) fn freed_pinned() -> Facts {
    let mut facts = freed_while(Promise::Pinned, call(&ffi::STORE_REFERENCE, 0, session::store()), 12, (5, 9));
    if let Finding::FreedWhileRetained(FreedWhileRetained { held, pinned, .. }) = &mut facts.finding {
        (*held, *pinned) = (None, Some(session::listen()));
    }
    facts
}

/// C called a function of Rust's; the place is that of its name.
fn called(finding: Finding, parameter: Option<usize>, memory: Memory) -> Facts {
    let mut call = call(&ffi::ON_EVENT, 0, session::store());
    call.iter_mut().for_each(|call| call.parameter = parameter);
    found(finding, call, argument(SOME, if parameter.is_some() { 12 } else { 0 }, "core::ffi::c_void"), Some(memory))
}

pub(in super::super) fn dangling_user_data() -> Facts {
    let finding = Finding::DanglingPointer(DanglingPointer { holder: Holder::Argument, pointer: SOME });
    let lent_by = call(&ffi::SET_LISTENER, 0, session::listen());
    Facts { lent_by, ..called(finding, Some(0), Memory::Heap(freed(SOME, 12))) }
}

pub(in super::super) fn returned() -> Facts {
    let finding = Finding::ReturnedPointer(ReturnedPointer {
        holder: Holder::Result { offset: None, field: None },
        pointer: SOME,
    });
    called(finding, None, Memory::Heap(block(SOME, 12, 5)))
}

pub(in super::super) fn returned_stack() -> Facts {
    let finding = Finding::ReturnedPointer(ReturnedPointer {
        holder: Holder::Result { offset: None, field: None },
        pointer: ON_STACK,
    });
    Facts { argument: argument(ON_STACK, 0, "i8"), ..called(finding, None, stack(ON_STACK, 0)) }
}

pub(in super::super) fn wrong_thread() -> Facts {
    let address = 0x5581_20aa_32a0;
    let owner = ThreadOwner {
        thread: 1,
        thread_name: Some("main".into()),
        function: Some("current_reference"),
        location: session::returned(),
    };
    let mut call = call(&ffi::STORE_REFERENCE, 0, session::store());
    call.iter_mut().for_each(|call| (call.thread, call.thread_name) = (2, Some("painter".into())));
    found(
        Finding::WrongThread(owner),
        call,
        argument(address, 0, "app::ffi::SomeStruct"),
        Some(Memory::Foreign { address, size: 0 }),
    )
}

/// A block that C was lent, and that nothing leads to.
pub(in super::super) fn lost() -> Facts {
    let mut facts = leaked();
    facts.finding = Finding::LeakedOwnership(LeakedOwnership { blocks: 1, bytes: 12, lost: true });
    facts
}

/// C read where the address of an empty text leads.
pub(in super::super) fn nowhere() -> Facts {
    found(
        Finding::Nowhere(Nowhere { address: 1, pointer: 1, access: Access::Read, touched: trace_of(3), thread: 1 }),
        call(&ffi::SESSION_SET_NAME, 1, session::temporary()),
        argument(1, 0, "i8"),
        None,
    )
}

/// Two blocks of one call, the latest of which is shown.
pub(in super::super) fn leaked() -> Facts {
    let mut facts = freed_while(Promise::Owned, call(&ffi::TAKE_STATE, 0, session::give_and_free()), 12, (11, 12));
    facts.finding = Finding::LeakedOwnership(LeakedOwnership { blocks: 2, bytes: 24, lost: false });
    facts.severity = Severity::Warn;
    if let Some(Memory::Heap(block)) = &mut facts.memory {
        (block.live, block.freed, block.freed_by) = (true, trace_of(0), 0);
    }
    facts
}
