//! A fault in the heap's memory, as facts. Filled in by a signal handler: nothing in here is
//! allocated.

use std::panic::Location;

use super::finding::Finding;
use super::memory::{BlockFacts, Memory};
use super::violation::{Call, Facts};
use crate::call::declaration::Function;
use crate::platform::fault::Access;
use crate::rule::{Rule, Severity};

/// Frames that are kept of a fault.
pub(crate) const FRAMES: usize = 32;

/// Somebody touched memory of the heap without access.
#[derive(Clone, Debug)]
pub(crate) struct Touch<'a> {
    pub(crate) severity: Severity,
    pub(crate) address: usize,
    pub(crate) access: Access,
    /// The block, live or freed.
    pub(crate) block: BlockFacts,
    /// Whose code it was.
    pub(crate) by: By,
    /// The thread.
    pub(crate) thread: u32,
    /// The instruction, then return addresses.
    pub(crate) frames: &'a [usize],
    /// Where the instruction is.
    pub(crate) place: Code<'a>,
    /// The first frame outside of the C library, if that is another one.
    pub(crate) caller: Option<Code<'a>>,
    /// The last guarded call that was lent the block.
    pub(crate) lent: Option<LastLoan>,
    /// The parameter, if it is no block but the copy that C works on while that call lasts: live
    /// until then.
    pub(crate) copy: Option<&'static str>,
    /// The function of C's allocator that was given the block, if that touched it.
    pub(crate) given_to: Option<GivenTo>,
}

/// A function of C's allocator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenTo {
    pub(crate) call: &'static str,
    /// Which of the frames is its own: those before it are of functions that it has called.
    #[cfg_attr(feature = "c-heap", allow(dead_code))]
    pub(crate) frame: usize,
}

/// Whose code touched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    C,
    Rust,
    /// No symbol tells.
    Unknown,
}

/// A guarded call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastLoan {
    pub(crate) function: &'static Function,
    pub(crate) location: &'static Location<'static>,
    pub(crate) thread: u32,
}

/// A place in machine code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code<'a> {
    /// File name of the module, and the bytes from its start; `None` if no file is mapped there.
    pub(crate) module: Option<(&'a str, usize)>,
    /// The function by its symbol, and the bytes from its start.
    pub(crate) function: Option<(&'a str, usize)>,
    pub(crate) address: usize,
}

impl Touch<'_> {
    /// The rule that it breaks.
    pub(crate) fn rule(&self) -> Rule {
        match (self.block.live, self.copy) {
            (true, _) if self.given_to.is_some() => Rule::AllocDeallocMismatch,
            (false, _) if self.given_to.is_some() => Rule::DoubleFree,
            (true, _) => Rule::BufferOverflow,
            (false, None) => Rule::UseAfterFree,
            (false, Some(_)) => Rule::RetainedPointer,
        }
    }

    /// The facts of the long form, which looks names up by itself. They keep copies of what is
    /// borrowed here, and never free them: a copy of the process ends after its report.
    pub(crate) fn leak(&self) -> Facts {
        let lent = |lent: LastLoan| Call {
            function: lent.function,
            parameter: None,
            site: lent.location,
            thread: lent.thread,
            thread_name: None,
        };
        let module = self.place.module.map(|(name, offset)| (&*name.to_owned().leak(), offset));
        let touch = Touch {
            frames: self.frames.to_vec().leak(),
            place: Code { module, function: None, address: self.place.address },
            caller: None,
            ..*self
        };
        Facts {
            finding: Finding::Touched(Box::new(touch)),
            severity: self.severity,
            call: self.lent.map(lent),
            lent_by: None,
            also: Vec::new(),
            argument: None,
            memory: self.copy.is_none().then_some(Memory::Heap(self.block)),
            c_allocated: None,
        }
    }
}
