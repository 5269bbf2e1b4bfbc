//! What a rule saw.

use std::panic::Location;

use super::change::Change;
use super::declared::{AbiMismatch, ClashingDeclaration, SplitLibrary};
use super::memory::{BlockFacts, Memory};
use super::place::{Allocation, Place};
use super::staleness::Staleness;
use super::touch::Touch;
use super::wrong_free::WrongFree;
use crate::call::extent::StatedExtent;
use crate::call::validity::Validity;
use crate::heap::Damage;
use crate::heap::trace::TraceId;
use crate::platform::fault::Access;
use crate::rule::{Rule, Severity};

/// What happened: one variant for each rule, and two for page faults: one breaks the rule that
/// [`Touch::rule`] names, the other `dangling_pointer`. The words for each are in `rules/`.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    NestedPointer(NestedPointer),
    DanglingPointer(DanglingPointer),
    DanglingField(DanglingField),
    OutOfBounds(OutOfBounds),
    /// There is no NUL between the argument and the end of its block, where `searched` bytes are.
    UnterminatedString {
        searched: usize,
    },
    NullPointer(NullPointer),
    /// The address is not a multiple of what the pointee's type asks for.
    MisalignedPointer {
        align: usize,
    },
    /// Bytes that are no value of the declared type.
    InvalidValue(InvalidValue),
    /// What C gives back is not what the declaration says of it.
    InvalidResult(InvalidResult),
    ReturnedPointer(ReturnedPointer),
    /// An object belongs to this other thread.
    WrongThread(ThreadOwner),
    /// A number that came back from C leads to no value, or C called a callback that is gone.
    StaleHandle(Box<Staleness>),
    RetainedPointer(RetainedPointer),
    FreedWhileRetained(FreedWhileRetained),
    /// A free or a resize of memory that is no live block of that allocator, or has another layout.
    AllocDeallocMismatch(Box<WrongFree>),
    /// A free or a resize of a block that is freed already.
    DoubleFree(Box<WrongFree>),
    LeakedOwnership(LeakedOwnership),
    BufferOverflow(BufferOverflow),
    WriteThroughConst(WriteThroughConst),
    UninitialisedMemory(UninitialisedMemory),
    UseAfterFree(UseAfterFree),
    /// Memory without access was touched.
    Touched(Box<Touch<'static>>),
    Nowhere(Nowhere),
    /// The declaration is not what C defines.
    AbiMismatch(Box<AbiMismatch>),
    /// Another declaration of the same symbol passes other things.
    ClashingDeclaration(Box<ClashingDeclaration>),
    /// A library is there twice, or is another one.
    SplitLibrary(Box<SplitLibrary>),
}

/// A word in what was passed points into Rust memory.
#[derive(Clone, Debug)]
pub(crate) struct NestedPointer {
    pub(crate) holder: Holder,
    pub(crate) pointer: usize,
    pub(crate) target: Memory,
}

/// A pointer that crosses leads into a freed block (the `memory` of the facts).
#[derive(Clone, Debug)]
pub(crate) struct DanglingPointer {
    /// The argument, a word of a struct by value, or the result.
    pub(crate) holder: Holder,
    pub(crate) pointer: usize,
}

/// C touched an address of the first pages, where an argument leads.
#[derive(Clone, Debug)]
pub(crate) struct Nowhere {
    /// The address that was touched, and the argument's.
    pub(crate) address: usize,
    pub(crate) pointer: usize,
    pub(crate) access: Access,
    /// The instruction and its callers.
    pub(crate) touched: TraceId,
    pub(crate) thread: u32,
}

/// Null where there has to be a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NullPointer {
    /// `nonnull` was declared.
    Declared,
    /// The extent of this other parameter is read through it.
    ReadThrough { parameter: usize, itself: bool },
}

/// A word in what an argument points to leads into a freed block (the `memory` of the facts).
#[derive(Clone, Debug)]
pub(crate) struct DanglingField {
    /// The word's place.
    pub(crate) holder: Holder,
    pub(crate) pointer: usize,
    pub(crate) evidence: Evidence,
}

/// What shows that a word is a pointer which C may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The type says that it is a pointer, or an attribute what C does with the parameter.
    Declared,
    /// It lies in C's own heap, where C put it. Whether C still uses it is not known.
    StoredByC,
    /// Its value alone: it can be a number, a stale word, or what was in memory before.
    Value,
}

/// The extent does not fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfBounds {
    /// What the call or the type states.
    pub(crate) stated: StatedExtent,
    /// Bytes from the argument to the end of the block or of the stack.
    pub(crate) available: usize,
}

/// A callback's result leads into Rust memory (the `memory` of the facts).
#[derive(Clone, Debug)]
pub(crate) struct ReturnedPointer {
    /// The result, or a word of it.
    pub(crate) holder: Holder,
    pub(crate) pointer: usize,
}

/// Bytes of C's that are no value of their Rust type.
#[derive(Clone, Debug)]
pub(crate) struct InvalidValue {
    /// The values that the type has.
    pub(crate) expected: Validity,
    /// The bytes that are there, as a number.
    pub(crate) bits: u64,
    /// Bytes from the start of the value that crossed, or that was written.
    pub(crate) offset: usize,
    /// `a.b[3]`; empty if it is the value itself.
    pub(crate) field: String,
    /// How they came to Rust.
    pub(crate) by: CameBy,
}

/// How bytes of C's came to Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CameBy {
    /// C returned them.
    Result,
    /// C handed them to a callback.
    Argument,
    /// C wrote them where an argument leads. `unchanged`: they were there before, and this
    /// condition says that C has filled the place.
    Write { unchanged: Option<&'static str> },
}

/// What C gives back is not what the declaration says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidResult {
    /// `nonnull`, and null.
    Null,
    /// Null, with this count of elements or bytes.
    NullWithCount { count: usize },
    /// A count that is negative, or that no memory has.
    NoCount { count: i128 },
    /// More elements or bytes than are left of the block.
    PastTheBlock { bytes: usize, available: usize },
    /// No NUL in what is left of the block, which is this many bytes.
    Unterminated { searched: usize },
    /// A text that is no UTF-8 from this byte on.
    NotUtf8 { offset: usize, byte: u8 },
    /// An address that is no multiple of this.
    Misaligned { align: usize },
    /// A number that is negative, or more than the most that the call allows.
    /// `most` is unknown for what C hands to a callback.
    OutOfRange { number: i128, most: Option<i128> },
}

/// C holds a word into what was lent.
#[derive(Clone, Debug)]
pub(crate) struct RetainedPointer {
    /// Where C holds it.
    pub(crate) place: Place,
    pub(crate) word: usize,
    /// Whether the word was seen to be absent before the call; otherwise only that it is there now.
    pub(crate) absent_before: bool,
}

/// Rust freed or moved the block (the `memory` of the facts), which C holds by right.
#[derive(Clone, Debug)]
pub(crate) struct FreedWhileRetained {
    /// The block that C holds in its place, and that leads there.
    pub(crate) by_way_of: Option<Way>,
    /// Where C holds it, and the word; `None` if it was pinned: then C is not searched.
    pub(crate) held: Option<(Place, usize)>,
    /// What allowed C to keep it.
    pub(crate) promise: Promise,
    /// Where it was pinned when it was freed.
    pub(crate) pinned: Option<&'static Location<'static>>,
    /// By a reallocation that put it elsewhere.
    pub(crate) moved: bool,
    /// Seen when it was freed; else by a later sweep.
    pub(crate) at_once: bool,
}

/// A word in a block of Rust's that leads into another one.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The block that it lies in.
    pub(crate) outer: BlockFacts,
    /// Bytes from that block's start.
    pub(crate) offset: usize,
    /// `a.b[3]`, if the type tells.
    pub(crate) field: Option<String>,
    pub(crate) word: usize,
}

/// Memory given to C was neither freed nor handed back: the block of the facts, and others that the
/// same call gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeakedOwnership {
    pub(crate) blocks: usize,
    /// Their bytes in all.
    pub(crate) bytes: usize,
    /// True if C did not own them, and nothing leads to them any more.
    pub(crate) lost: bool,
}

/// The canary of the block of the facts is damaged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferOverflow {
    pub(crate) damage: Damage,
    pub(crate) overwritten: Overwritten,
}

/// Memory that was lent to read has changed.
#[derive(Clone, Debug)]
pub(crate) struct WriteThroughConst {
    pub(crate) change: Change,
    /// `a.b[3]`, if the type tells.
    pub(crate) field: Option<String>,
}

/// Memory that was never written: what an argument lends to read, or what C was to fill.
#[derive(Clone, Debug)]
pub(crate) struct UninitialisedMemory {
    /// Bytes from the argument's address to the first word that was never written.
    pub(crate) offset: usize,
    /// Bytes of such words from there, one behind the other.
    pub(crate) len: usize,
    /// `a.b[3]`, if the type tells.
    pub(crate) field: Option<String>,
    /// The condition that says that C has filled it, and that held; `None` if it was lent to read.
    pub(crate) ok: Option<&'static str>,
    /// True if each word of it had to be written.
    pub(crate) certain: bool,
}

/// The poison of the freed block of the facts is damaged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UseAfterFree {
    /// What is there; the offset counts from the block's start.
    pub(crate) damage: Damage,
    /// Found when its memory was to be given out again; else by looking at all.
    pub(crate) before_reuse: bool,
}

/// When a canary was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwritten {
    /// During the call of the facts: it was whole before.
    ByTheCall,
    /// During the call of the facts, beside the copy that C worked on.
    BesideTheCopy { size: usize },
    /// During the call of the facts, behind a variable on the stack. `name` is empty if the debug
    /// information has none.
    BehindTheVariable { name: &'static str, size: usize },
    /// Before a call that was about to lend the block again. The call of the facts is the last that
    /// lent it.
    BeforeACall,
    /// Before Rust freed or resized the block. The call of the facts is the last that lent it.
    BeforeTheFree,
    /// Before everything was looked at. The call of the facts is the last that lent the block.
    BeforeALook,
}

/// What allows C to keep memory after the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The parameter is declared `retained`.
    Retained,
    /// The parameter is declared `owned`.
    Owned,
    /// It was pinned when it was lent.
    Pinned,
}

/// The thread that an object of C's belongs to, and how it got it.
#[derive(Clone, Debug)]
pub(crate) struct ThreadOwner {
    pub(crate) thread: u32,
    /// The thread's name, if it had one.
    pub(crate) thread_name: Option<String>,
    /// The function that handed it out; `None` if the program called `rebind`.
    pub(crate) function: Option<&'static str>,
    pub(crate) location: &'static Location<'static>,
}

/// What holds a pointer that crosses.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    /// It is the argument.
    Argument,
    /// C returned it.
    Result {
        /// Bytes from the start of the struct, if C returned one by value.
        offset: Option<usize>,
        /// `a.b[3]`, if the type tells.
        field: Option<String>,
    },
    /// It is a word of a struct passed by value.
    Value {
        /// Bytes from the start of the struct.
        offset: usize,
        /// `a.b[3]`, if the type tells.
        field: Option<String>,
    },
    /// It is a word in what the argument points to.
    Pointee {
        /// The memory that holds the word.
        memory: Memory,
        /// Bytes from the argument's address.
        offset: usize,
        /// `a.b[3]`, if the type tells.
        field: Option<String>,
    },
    /// It is a word in a block of C's heap that the argument leads to. No type tells what is in it.
    // Found with `c-heap` alone.
    #[cfg_attr(not(feature = "c-heap"), allow(dead_code))]
    CBlock {
        /// The block.
        memory: Memory,
        /// Bytes from the start of the block.
        offset: usize,
        /// True if the argument points into this block; else other blocks of C's lead to it.
        own: bool,
        /// Where C allocated it.
        allocated_at: Allocation,
    },
}

/// The parts of a finding that more than its own rule asks for.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// The rule that it breaks.
    pub(crate) rule: Rule,
    /// What holds the offending word, for the rules that look for one in what crosses.
    pub(crate) holder: Option<&'a Holder>,
    /// The offending word; 0 without one.
    pub(crate) pointer: usize,
    /// What the offending word points to, if that is not the `memory` of the facts.
    pub(crate) target: Option<&'a Memory>,
    /// Where C keeps the pointer.
    pub(crate) place: Option<&'a Place>,
    /// The free or the resize that was refused.
    pub(crate) wrong_free: Option<&'a WrongFree>,
    /// The page fault.
    pub(crate) touch: Option<&'a Touch<'static>>,
}

impl Finding {
    /// The parts that more than its own rule asks for.
    pub(crate) fn parts(&self) -> Parts<'_> {
        let of =
            |rule| Parts { rule, holder: None, pointer: 0, target: None, place: None, wrong_free: None, touch: None };
        match self {
            Finding::NestedPointer(NestedPointer { holder, pointer, target }) => {
                Parts { holder: Some(holder), pointer: *pointer, target: Some(target), ..of(Rule::NestedPointer) }
            }
            Finding::DanglingPointer(DanglingPointer { holder, pointer }) => {
                Parts { holder: Some(holder), pointer: *pointer, ..of(Rule::DanglingPointer) }
            }
            Finding::DanglingField(DanglingField { holder, pointer, .. }) => {
                Parts { holder: Some(holder), pointer: *pointer, ..of(Rule::DanglingField) }
            }
            Finding::OutOfBounds(_) => of(Rule::OutOfBounds),
            Finding::UnterminatedString { .. } => of(Rule::UnterminatedString),
            Finding::NullPointer(_) => of(Rule::NullPointer),
            Finding::MisalignedPointer { .. } => of(Rule::MisalignedPointer),
            Finding::ReturnedPointer(ReturnedPointer { holder, pointer }) => {
                Parts { holder: Some(holder), pointer: *pointer, ..of(Rule::ReturnedPointer) }
            }
            Finding::InvalidValue(_) => of(Rule::InvalidValue),
            Finding::InvalidResult(_) => of(Rule::InvalidResult),
            Finding::WrongThread(_) => of(Rule::WrongThread),
            Finding::StaleHandle(_) => of(Rule::StaleHandle),
            Finding::RetainedPointer(seen) => Parts { place: Some(&seen.place), ..of(Rule::RetainedPointer) },
            Finding::FreedWhileRetained(seen) => {
                let place = seen.held.as_ref().map(|(place, _)| place);
                Parts { place, ..of(Rule::FreedWhileRetained) }
            }
            Finding::AllocDeallocMismatch(wrong) => Parts { wrong_free: Some(wrong), ..of(Rule::AllocDeallocMismatch) },
            Finding::DoubleFree(wrong) => Parts { wrong_free: Some(wrong), ..of(Rule::DoubleFree) },
            Finding::LeakedOwnership(_) => of(Rule::LeakedOwnership),
            Finding::BufferOverflow(_) => of(Rule::BufferOverflow),
            Finding::WriteThroughConst(_) => of(Rule::WriteThroughConst),
            Finding::UninitialisedMemory(_) => of(Rule::UninitialisedMemory),
            Finding::UseAfterFree(_) => of(Rule::UseAfterFree),
            Finding::Touched(touch) => Parts { touch: Some(touch), ..of(touch.rule()) },
            Finding::Nowhere(_) => of(Rule::DanglingPointer),
            Finding::AbiMismatch(_) => of(Rule::AbiMismatch),
            Finding::ClashingDeclaration(_) => of(Rule::ClashingDeclaration),
            Finding::SplitLibrary(_) => of(Rule::SplitLibrary),
        }
    }

    /// The rule that it breaks.
    pub(crate) fn rule(&self) -> Rule {
        self.parts().rule
    }

    /// Severity that holds if none is set.
    pub(crate) fn default_severity(&self) -> Severity {
        match self {
            Finding::DanglingField(DanglingField { evidence, .. }) => match evidence {
                Evidence::Declared => self.rule().severity(),
                Evidence::StoredByC => Severity::Warn,
                Evidence::Value => Severity::Allow,
            },
            // Live memory that C's own block leads to came there by a callback, or by a call that
            // is not guarded: the call that is checked has not given it to C.
            Finding::NestedPointer(NestedPointer { holder: Holder::CBlock { .. }, .. }) => Severity::Allow,
            Finding::UninitialisedMemory(UninitialisedMemory { certain: false, .. }) => Severity::Warn,
            Finding::SplitLibrary(library) if matches!(&**library, SplitLibrary::Twice { split, .. } if split.is_empty()) => {
                Severity::Warn
            }
            // The call passes what C takes; the other declaration is the wrong one.
            Finding::ClashingDeclaration(clash) if clash.is_cs => Severity::Warn,
            _ => self.rule().severity(),
        }
    }
}
