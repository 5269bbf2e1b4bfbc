//! A violation: what was seen, as facts. The words are put in by the renderers beside this file.

use std::panic::Location;

pub use super::place::Place;
use super::stale::Staleness;
pub(crate) use super::wrong_free::WrongFree;
use crate::boundary::declaration::{Function, Parameter};
use crate::heap::Damage;
use crate::heap::trace::TraceId;
use crate::rule::{Rule, Severity};
use crate::rules::write_through_const::Change;

/// A breach of a rule, as it was seen.
///
/// `Display` is the whole report, the one that a panic carries; `Debug` is the bare facts. The accessors give the facts
/// one by one, for a [hook](crate::set_report_hook) or a test that wants more than the text.
#[derive(Clone)]
pub struct Violation {
    pub(crate) facts: Box<Facts>,
}

/// Everything that was seen. A fact that was not seen is `None` and is printed as "not seen".
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// What happened.
    pub(crate) finding: Finding,
    /// How severe the settings make it here.
    pub(crate) severity: Severity,
    /// The crossing it was found at, or that lent the memory.
    pub(crate) call: Option<Call>,
    /// Other calls that lent the same memory since it was last seen clean; the latest first.
    pub(crate) also: Vec<&'static Location<'static>>,
    /// The argument it is about.
    pub(crate) argument: Option<ArgumentFacts>,
    /// The Rust memory it is about.
    pub(crate) memory: Option<Memory>,
}

/// What happened, one variant a rule.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// A word in what was passed points into Rust memory.
    NestedPointer {
        /// Where the word is.
        holder: Holder,
        /// The word.
        pointer: usize,
        /// What it points to.
        target: Memory,
    },
    /// A pointer leads into a freed block (the `memory` of the facts).
    DanglingPointer {
        /// The argument itself, or a word found in what it points to.
        holder: Holder,
        /// The pointer.
        pointer: usize,
    },
    /// The extent does not fit.
    OutOfBounds {
        /// What the call or the type states.
        stated: StatedExtent,
        /// Bytes from the argument to the end of the block or of the stack.
        available: usize,
    },
    /// No NUL between the argument and the end of its block.
    UnterminatedString {
        /// Bytes looked through.
        searched: usize,
    },
    /// Null where `nonnull` was declared.
    NullPointer,
    /// Not a multiple of the alignment.
    MisalignedPointer {
        /// What the pointee's type asks for, in bytes.
        align: usize,
    },
    /// A callback's result leads into Rust memory (the `memory` of the facts).
    ReturnedPointer {
        /// The result, or a word of it.
        holder: Holder,
        /// The pointer.
        pointer: usize,
    },
    /// An object is another thread's.
    WrongThread {
        /// Whose it is, and since when.
        got: ThreadOwner,
    },
    /// A number that came back from C leads to no value, or C called a callback that is gone.
    StaleHandle(Box<Staleness>),
    /// C holds a word into what was lent.
    RetainedPointer {
        /// Where C holds it.
        place: Place,
        /// The word.
        word: usize,
        /// Whether the word was seen to be absent before the call; otherwise only that it is there now.
        absent_before: bool,
    },
    /// Rust freed or moved the block (the `memory` of the facts), which C holds by right.
    FreedWhileRetained {
        /// Where C holds it, and the word; `None` where it was pinned, and C is not asked.
        held: Option<(Place, usize)>,
        /// What allowed C to keep it.
        promise: Promise,
        /// Where it was pinned when it was freed.
        pinned: Option<&'static Location<'static>>,
        /// By a reallocation that put it elsewhere.
        moved: bool,
        /// Seen when it was freed; else by a later sweep.
        at_once: bool,
    },
    /// A free or a resize of what is no live block of that allocator's, or with another layout.
    AllocDeallocMismatch(Box<WrongFree>),
    /// A free or a resize of a block that is freed already.
    DoubleFree(Box<WrongFree>),
    /// What was given to C was neither freed nor handed back: the block of the facts, and others that the same call gave.
    LeakedOwnership {
        /// How many blocks.
        blocks: usize,
        /// Their bytes in all.
        bytes: usize,
    },
    /// The canary of the block of the facts is damaged.
    BufferOverflow {
        /// What is there.
        damage: Damage,
        /// Since when.
        overwritten: Overwritten,
    },
    /// What was lent to read is not what it was.
    WriteThroughConst {
        /// What changed.
        change: Change,
        /// `a.b[3]`, where the type tells.
        field: Option<String>,
    },
    /// The poison of the freed block of the facts is damaged.
    UseAfterFree {
        /// What is there; the offset counts from the block's start.
        damage: Damage,
        /// Found when its memory was to be given out again; else by looking at all.
        before_reuse: bool,
    },
}

/// When a canary was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwritten {
    /// During the call of the facts: it was whole before.
    ByTheCall,
    /// During the call of the facts, beside the copy that C worked on.
    BesideTheCopy {
        /// Bytes of the copy.
        size: usize,
    },
    /// Before a call that was about to lend the block again. The call of the facts is the last that lent it.
    BeforeACall,
    /// Before Rust freed or resized the block; the call as above.
    BeforeTheFree,
    /// Before everything was looked at; the call as above.
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
    /// The thread.
    pub(crate) thread: u32,
    /// Its name, if it had one.
    pub(crate) thread_name: Option<String>,
    /// The function that handed it out; `None` if the program called `rebind`.
    pub(crate) function: Option<&'static str>,
    /// The call.
    pub(crate) location: &'static Location<'static>,
}

/// Where a pointer was found on entry.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    /// It is the argument.
    Argument,
    /// C returned it.
    Result {
        /// Bytes from the start of the struct, where C returned one by value.
        offset: Option<usize>,
        /// `a.b[3]`, where the type tells.
        field: Option<String>,
    },
    /// It is a word of a struct passed by value.
    Value {
        /// Bytes from the start of the struct.
        offset: usize,
        /// `a.b[3]`, where the type tells.
        field: Option<String>,
    },
    /// It is a word in what the argument points to.
    Pointee {
        /// The memory that holds the word.
        memory: Memory,
        /// Bytes from the argument's address.
        offset: usize,
        /// `a.b[3]`, where the type tells.
        field: Option<String>,
    },
}

/// What a call or a type states of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatedExtent {
    /// The type alone: its size in bytes.
    Type(usize),
    /// So many bytes: `count` elements of `size`, or `sized_by` with a size of 1.
    Elements {
        /// As stated.
        count: usize,
        /// Bytes of one.
        size: usize,
    },
    /// A negative count.
    Negative(i128),
    /// A count that no address space holds (too large by itself, or times the element's size).
    TooLarge(u128),
}

/// A piece of memory, whose it is and what became of it.
#[derive(Clone, Debug)]
pub(crate) enum Memory {
    /// A block of the Rust heap.
    Heap(BlockFacts),
    /// The stack of a Rust thread.
    Stack {
        /// The address it is about.
        address: usize,
        /// Bytes of the extent, where one was stated.
        size: usize,
        /// The thread.
        thread: u32,
    },
    /// C's, or a static's.
    Foreign {
        /// The address it is about.
        address: usize,
        /// Bytes of the extent.
        size: usize,
    },
}

/// A block of the Rust heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFacts {
    /// First byte.
    pub(crate) address: usize,
    /// Bytes that the program asked for.
    pub(crate) size: usize,
    /// Alignment that it asked for.
    pub(crate) align: usize,
    /// Whether it is live.
    pub(crate) live: bool,
    /// Where it was allocated.
    pub(crate) allocated: TraceId,
    /// The thread that allocated it; 0 where not known.
    pub(crate) allocated_by: u32,
    /// Where it was freed.
    pub(crate) freed: TraceId,
    /// The thread that freed it; 0 where not known.
    pub(crate) freed_by: u32,
}

/// A crossing.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The function.
    pub(crate) function: &'static Function,
    /// Which parameter, from 0; `None` where it is about the result.
    pub(crate) parameter: Option<usize>,
    /// Who called.
    pub(crate) site: &'static Location<'static>,
    /// The thread that called.
    pub(crate) thread: u32,
    /// Its name, where it has one.
    pub(crate) thread_name: Option<String>,
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArgumentFacts {
    /// The pointer.
    pub(crate) address: usize,
    /// Bytes that C may touch, where they fit.
    pub(crate) extent: usize,
    /// The Rust type of the pointee.
    pub(crate) pointee: &'static str,
}

// A report hook may send it to another thread, and a panic carries it through `catch_unwind`.
const _: () = {
    const fn travels<T: Send + Sync + Clone + 'static>() {}
    travels::<Violation>();
};

impl Violation {
    pub(crate) fn new(facts: Facts) -> Violation {
        Violation { facts: Box::new(facts) }
    }
}

impl Finding {
    /// The rule that it breaks.
    pub(crate) fn rule(&self) -> Rule {
        match self {
            Finding::NestedPointer { .. } => Rule::NestedPointer,
            Finding::DanglingPointer { .. } => Rule::DanglingPointer,
            Finding::OutOfBounds { .. } => Rule::OutOfBounds,
            Finding::UnterminatedString { .. } => Rule::UnterminatedString,
            Finding::NullPointer => Rule::NullPointer,
            Finding::MisalignedPointer { .. } => Rule::MisalignedPointer,
            Finding::ReturnedPointer { .. } => Rule::ReturnedPointer,
            Finding::WrongThread { .. } => Rule::WrongThread,
            Finding::StaleHandle(_) => Rule::StaleHandle,
            Finding::RetainedPointer { .. } => Rule::RetainedPointer,
            Finding::FreedWhileRetained { .. } => Rule::FreedWhileRetained,
            Finding::AllocDeallocMismatch(_) => Rule::AllocDeallocMismatch,
            Finding::DoubleFree(_) => Rule::DoubleFree,
            Finding::LeakedOwnership { .. } => Rule::LeakedOwnership,
            Finding::BufferOverflow { .. } => Rule::BufferOverflow,
            Finding::WriteThroughConst { .. } => Rule::WriteThroughConst,
            Finding::UseAfterFree { .. } => Rule::UseAfterFree,
        }
    }
}

impl Facts {
    /// The rule that the finding breaks.
    pub(crate) fn rule(&self) -> Rule {
        self.finding.rule()
    }

    /// Whether C called, and the function is Rust's.
    pub(crate) fn is_callback(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.function.declaration.callback)
    }

    /// The parameter, as declared.
    pub(crate) fn parameter(&self) -> Option<&'static Parameter> {
        let call = self.call.as_ref()?;
        call.function.declaration.parameters.get(call.parameter?)
    }

    /// Where the offending word is, for the rules that look for one.
    pub(crate) fn holder(&self) -> Option<&Holder> {
        match &self.finding {
            Finding::NestedPointer { holder, .. }
            | Finding::DanglingPointer { holder, .. }
            | Finding::ReturnedPointer { holder, .. } => Some(holder),
            _ => None,
        }
    }

    /// The memory that crossed: what the argument leads into, or what a by-value word leads into.
    pub(crate) fn lent(&self) -> Option<&Memory> {
        match (&self.finding, self.holder()) {
            (_, Some(Holder::Pointee { memory, .. })) => Some(memory),
            (Finding::NestedPointer { .. }, _) | (_, Some(Holder::Value { .. })) => None,
            _ => self.memory.as_ref(),
        }
    }

    /// What the offending word inside it points to.
    pub(crate) fn target(&self) -> Option<&Memory> {
        match &self.finding {
            Finding::NestedPointer { target, .. } => Some(target),
            Finding::DanglingPointer { holder: Holder::Value { .. } | Holder::Pointee { .. }, .. } => {
                self.memory.as_ref()
            }
            _ => None,
        }
    }

    /// The offending word.
    pub(crate) fn word(&self) -> Option<usize> {
        match self.finding {
            Finding::NestedPointer { pointer, .. }
            | Finding::DanglingPointer { pointer, .. }
            | Finding::ReturnedPointer { pointer, .. } => Some(pointer),
            Finding::RetainedPointer { word, .. } => Some(word),
            Finding::FreedWhileRetained { held: Some((_, word)), .. } => Some(word),
            _ => None,
        }
    }
}

impl Memory {
    /// The heap block, where it is one.
    pub(crate) fn block(&self) -> Option<&BlockFacts> {
        match self {
            Memory::Heap(block) => Some(block),
            Memory::Stack { .. } | Memory::Foreign { .. } => None,
        }
    }
}

impl StatedExtent {
    /// The extent in bytes, where it is a number of bytes.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            StatedExtent::Type(size) => Some(size),
            StatedExtent::Elements { count, size } => count.checked_mul(size),
            StatedExtent::Negative(_) | StatedExtent::TooLarge(_) => None,
        }
    }
}
