//! What a rule saw.

use std::panic::Location;

use super::change::Change;
use super::memory::Memory;
use super::place::Place;
use super::staleness::Staleness;
use super::wrong_free::WrongFree;
use crate::call::extent::StatedExtent;
use crate::heap::Damage;
use crate::rule::Rule;

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
        got: Got,
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

/// When a thread got an object of C's.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// The thread.
    pub(crate) thread: u32,
    /// Its name, where it had one.
    pub(crate) thread_name: Option<String>,
    /// The function that handed it out; `None` where the program told of a move.
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
