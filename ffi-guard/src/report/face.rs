//! What a [`Violation`] tells, fact by fact: its public face.

use std::fmt;
use std::panic::Location;

use super::frames::{self, Frame};
use super::json::Symbols;
use super::text;
use crate::facts::{BlockFacts, Facts, Memory, Place, Violation};
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};

impl Violation {
    /// The rule that was broken.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.facts.rule()
    }

    /// How severe the settings make it here.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.facts.severity
    }

    /// The foreign function of the call, by its Rust name.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.facts.call.as_ref().map(|call| call.function.declaration.name)
    }

    /// The parameter that it is about.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.facts.parameter().map(|parameter| parameter.name)
    }

    /// The pointer that was passed for it.
    #[must_use]
    pub fn argument_address(&self) -> Option<usize> {
        self.facts.argument.map(|argument| argument.address)
    }

    /// The block of the Rust heap that was lent: the one that the argument leads into. `None` if it
    /// leads elsewhere, as onto a stack.
    #[must_use]
    pub fn block(&self) -> Option<Block> {
        self.facts.lent().and_then(Memory::block).map(|facts| Block { facts: *facts })
    }

    /// The block of the Rust heap that a pointer inside what was passed leads into: the one that
    /// `nested_pointer` found, and the freed one that `dangling_pointer` found if the argument
    /// itself is sound.
    #[must_use]
    pub fn target(&self) -> Option<Block> {
        self.facts.target().and_then(Memory::block).map(|facts| Block { facts: *facts })
    }

    /// Where C keeps the pointer.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.facts.finding.parts().place
    }

    /// The call from Rust into C.
    #[must_use]
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.facts.call.as_ref().map(|call| call.site)
    }

    /// Where the foreign function is declared: file, line and column.
    #[must_use]
    pub fn declared_at(&self) -> Option<(&'static str, u32, u32)> {
        let declaration = self.facts.call.as_ref()?.function.declaration;
        Some((declaration.file, declaration.line, declaration.column))
    }

    /// The guard's number of the thread that called.
    #[must_use]
    pub fn thread(&self) -> Option<u32> {
        self.facts.call.as_ref().map(|call| call.thread)
    }

    /// The name of the thread that called, if it has one.
    #[must_use]
    pub fn thread_name(&self) -> Option<&str> {
        self.facts.call.as_ref()?.thread_name.as_deref()
    }

    /// The finding in one sentence, as in the report's first line.
    #[must_use]
    pub fn message(&self) -> String {
        crate::rules::words(&self.facts).message()
    }

    /// The violation as one JSON object on one line, without a line break, as `GUARD_REPORT`
    /// collects it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let _own = Reentry::enter();
        let symbols = Symbols { of_trace: &frames::of_trace, fault: &[] };
        super::json::object(&self.facts, &symbols, &text::report(&self.facts, &[]))
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = {
            // Reading sources and symbols allocates much, all of it ours.
            let _own = Reentry::enter();
            text::report(&self.facts, &[])
        };
        f.write_str(&report)
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

impl std::error::Error for Violation {}

/// A block of the Rust heap, as a [`Violation`] saw it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    facts: BlockFacts,
}

impl Block {
    /// Its first byte.
    #[must_use]
    pub fn address(&self) -> usize {
        self.facts.address
    }

    /// The bytes that Rust asked for.
    #[must_use]
    pub fn size(&self) -> usize {
        self.facts.size
    }

    /// The alignment that Rust asked for.
    #[must_use]
    pub fn align(&self) -> usize {
        self.facts.align
    }

    /// Whether it was live when it was seen.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.facts.live
    }

    /// Where it was allocated, innermost frame first; empty if that was not recorded. Looks the
    /// symbols up again at each call.
    #[must_use]
    pub fn allocated_at(&self) -> Vec<Frame> {
        frames::of_trace(self.facts.allocated)
    }

    /// Where it was freed, like [`allocated_at`](Block::allocated_at).
    #[must_use]
    pub fn freed_at(&self) -> Vec<Frame> {
        frames::of_trace(self.facts.freed)
    }
}
