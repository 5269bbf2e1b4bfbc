//! The story in the order of time: declared, crossed, allocated, lent, returned, and what went
//! wrong.
//!
//! A beat that was not seen is said to be unseen; it is never left out in silence.

use std::borrow::Cow;
use std::panic::Location;

use super::kept;
use super::phrases::{Thread, by_pointer, bytes, callee, position, read_only, spot, stretch, the_word};
use crate::call::caller;
use crate::facts::{Allocation, BlockFacts, CSource, Call, Facts, Holder, Memory, Place};
use crate::heap::trace::TraceId;

/// A place in the source.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl From<&'static Location<'static>> for Source<'static> {
    fn from(at: &'static Location<'static>) -> Source<'static> {
        let (file, line, column) = caller::place_of(at);
        Source { file, line, column }
    }
}

/// One line of the story. Each has a key; without one it goes on from the line before.
pub(crate) enum Beat<'a> {
    /// A sentence.
    Words(&'static str, Cow<'a, str>),
    /// A place in the source, with what happened there, and on which thread.
    At {
        key: &'static str,
        at: Source<'a>,
        what: Cow<'a, str>,
        thread: Option<Thread<'a>>,
        /// `what` stands in the headline or the picture too: the first thing to leave out if a line
        /// gets too long.
        known: bool,
    },
    /// The places that a backtrace leads to.
    Trace(&'static str, TraceId, Thread<'a>),
    /// The code that faulted: the instruction, then return addresses.
    Fault(&'static str, &'a [usize], Thread<'a>),
    /// The definition of a variable of C's.
    Defined(&'a CSource),
}

/// No limit to the bytes that crossed.
pub(crate) const ALL: usize = usize::MAX;

/// The beats so far.
pub(crate) struct Story<'a> {
    facts: &'a Facts,
    beats: Vec<Beat<'a>>,
    /// Names of threads that are longer are left out, to leave room for the places.
    longest_name: usize,
}

impl<'a> Story<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Story<'a> {
        Story { facts, beats: Vec::new(), longest_name: usize::MAX }
    }

    /// A story with more places than others, which leaves long names of threads out.
    pub(crate) fn of_places(facts: &'a Facts) -> Story<'a> {
        Story { longest_name: 16, ..Story::new(facts) }
    }

    /// The whole story of what was found in an argument before the call, or in a result. Of a
    /// stack, `there` bytes crossed at most; `got` comes before the call.
    pub(crate) fn of_crossing(facts: &'a Facts, there: usize, got: Option<Beat<'a>>) -> Vec<Beat<'a>> {
        let mut story = Story::new(facts);
        story.declared();
        story.crossed(there);
        story.allocated_and_freed();
        story.beats.extend(got);
        story.lent();
        story.not_yet_returned();
        story.done()
    }

    /// The story of memory that was lent up to the end of the call. `returned` says what held then.
    pub(crate) fn of_loan(facts: &'a Facts, returned: impl Into<Cow<'a, str>>) -> Story<'a> {
        let mut story = Story::new(facts);
        story.declared();
        story.crossed(ALL);
        story.allocated();
        story.lent();
        match &facts.call {
            Some(call) => story.call("returned", call, returned),
            None => story.say("returned", "not seen"),
        }
        story
    }

    /// The story of a block that no call need have been lent: the beats of the call are left out
    /// without one.
    pub(crate) fn of_block(facts: &'a Facts, returned: impl Into<Cow<'a, str>>) -> Story<'a> {
        if facts.call.is_some() {
            return Story::of_loan(facts, returned);
        }
        let mut story = Story::new(facts);
        story.allocated();
        story
    }

    pub(crate) fn done(self) -> Vec<Beat<'a>> {
        self.beats
    }

    pub(crate) fn tell(&mut self, beat: Beat<'a>) {
        self.beats.push(beat);
    }

    pub(crate) fn say(&mut self, key: &'static str, words: impl Into<Cow<'a, str>>) {
        self.tell(Beat::Words(key, words.into()));
    }

    pub(crate) fn trace(&mut self, key: &'static str, trace: TraceId, by: u32) {
        self.tell(Beat::Trace(key, trace, self.thread(by)));
    }

    pub(crate) fn at(
        &mut self,
        key: &'static str,
        at: &'static Location<'static>,
        what: impl Into<Cow<'a, str>>,
        thread: Thread<'a>,
    ) {
        self.tell(Beat::At { key, at: at.into(), what: what.into(), thread: Some(thread), known: false });
    }

    /// The place of the call.
    pub(crate) fn call(&mut self, key: &'static str, call: &'a Call, what: impl Into<Cow<'a, str>>) {
        let thread = Some(self.thread(call.thread));
        self.tell(Beat::At { key, at: call.site.into(), what: what.into(), thread, known: true });
    }

    pub(crate) fn thread(&self, id: u32) -> Thread<'a> {
        let Thread { id, name } = Thread::of(id, self.facts.call.as_ref());
        Thread { id, name: name.filter(|name| name.chars().count() <= self.longest_name) }
    }

    pub(crate) fn declared(&mut self) {
        let Some(call) = &self.facts.call else { return };
        let declaration = call.function.declaration;
        let at = Source { file: declaration.file, line: declaration.line, column: declaration.column };
        self.tell(Beat::At { key: "declared", at, what: declaration.name.into(), thread: None, known: true });
    }

    /// What crossed. Of a stack, `there` bytes exist.
    pub(crate) fn crossed(&mut self, there: usize) {
        let facts = self.facts;
        // Of a struct by value, a field leads there.
        let leads = !by_pointer(facts) && matches!(facts.holder(), Some(Holder::Pointee { .. }));
        let which = match facts.call.as_ref().and_then(|call| call.parameter) {
            Some(index) => format!("argument {}", index + 1),
            None if facts.is_about_result() => "the result".into(),
            None => "an argument".into(),
        };
        let what = match (facts.argument, facts.lent()) {
            (Some(argument), _) if argument.address == 0 => "a null pointer".into(),
            (Some(argument), Some(Memory::Heap(block)))
                if argument.address.wrapping_sub(block.address) <= block.size.saturating_add(argument.extent) =>
            {
                let offset = argument.address - block.address;
                let left = block.size.saturating_sub(offset);
                let of_c = if block.of_c { " of C's heap" } else { "" };
                format!("{}{of_c}", stretch(offset, argument.extent.min(left), block.size))
            }
            (Some(argument), Some(Memory::Stack { .. })) => match argument.extent.min(there) {
                0 => "an address on a Rust stack".into(),
                extent => format!("{} on a Rust stack", bytes(extent)),
            },
            (Some(argument), Some(Memory::Foreign { address, size }))
                if matches!(facts.holder(), Some(Holder::CBlock { own: true, .. })) =>
            {
                format!("{} of C's heap", position(argument.address.wrapping_sub(*address), *size))
            }
            (Some(argument), Some(Memory::Foreign { .. })) => match argument.extent {
                0 => "an address outside of Rust's heap and stacks".into(),
                extent => format!("{} outside of Rust's heap and stacks", bytes(extent)),
            },
            _ => "by value".into(),
        };
        let leads = if leads { " leads to" } else { "," };
        let read_only = read_only(facts) && facts.argument.is_none_or(|argument| argument.address != 0);
        self.say("crossed", format!("{which}{leads} {what}{}", if read_only { ", read-only" } else { "" }));
    }

    /// Who allocated what was lent. If it is freed, the story tells of that later.
    pub(crate) fn allocated(&mut self) {
        if let Some(memory) = self.facts.lent() {
            self.allocation(memory, false);
        }
    }

    /// Who allocated and freed what was lent, and what a word in it points to.
    pub(crate) fn allocated_and_freed(&mut self) {
        let facts = self.facts;
        let mut inside = "inside it";
        match (facts.holder(), facts.lent()) {
            (Some(Holder::CBlock { own, allocated_at, memory, .. }), _) => {
                if let (false, Memory::Foreign { size, .. }) = (own, memory) {
                    self.say("leads to", format!("another block of C's heap, of {}", bytes(*size)));
                    inside = "inside that";
                }
                self.trace("C allocated", allocated_at.trace, allocated_at.thread);
            }
            (_, Some(memory)) => self.allocation(memory, true),
            (_, None) => {}
        }
        if let Some(target) = facts.target() {
            let pointer = facts.finding.parts().pointer;
            let spot = spot(target, pointer, facts.call.as_ref());
            let word = match facts.holder() {
                Some(Holder::CBlock { offset, .. }) => format!("byte {offset}"),
                _ => the_word(facts),
            };
            self.say(inside, format!("{word} points to {spot}"));
            self.allocation(target, true);
        }
    }

    fn allocation(&mut self, memory: &'a Memory, and_freed: bool) {
        match memory {
            Memory::Heap(block) => {
                self.trace(if block.of_c { "C allocated" } else { "allocated" }, block.allocated, block.allocated_by);
                if !block.of_c {
                    self.lent_to_c();
                }
                if !block.live && and_freed {
                    self.freed(block);
                }
            }
            Memory::Stack { thread, .. } => {
                self.say("allocated", format!("on the stack of {}", self.thread(*thread)));
                // The one memory of such a finding, or the second: the first is what holds the
                // word.
                let is_target = std::ptr::eq(memory, self.facts.memory.as_ref().unwrap_or(memory));
                if self.facts.is_about_left_stack() && is_target && and_freed {
                    self.say("gone", "since the function returned that had it: no frame is there any more");
                }
            }
            Memory::Foreign { .. } => match self.facts.c_allocated {
                Some(Allocation { trace, thread }) => self.trace("C allocated", trace, thread),
                None => self.say("allocated", "not seen (outside of Rust's heap)"),
            },
        }
    }

    /// Which guarded call lent C what it hands to Rust now.
    fn lent_to_c(&mut self) {
        if !self.facts.is_callback() {
            return;
        }
        match &self.facts.lent_by {
            Some(call) => {
                let (thread, what) = (Some(self.thread(call.thread)), call.function.declaration.name.into());
                self.tell(Beat::At { key: "lent", at: call.site.into(), what, thread, known: false });
            }
            // What a callback returns need not have been lent before.
            None if self.facts.is_about_result() => {}
            None => self.say("lent", "to no guarded call that is remembered"),
        }
    }

    /// Where C holds a word: which memory that is, and who made it.
    pub(crate) fn kept_by_c(&mut self, place: &'a Place, word: usize) {
        self.say("kept by C", kept::kept(place, self.facts.call.as_ref()));
        match place {
            Place::CHeap { allocated_at, .. } => self.trace("C allocated", allocated_at.trace, allocated_at.thread),
            Place::RustBlock { allocated_at, .. } => {
                self.trace("that block", allocated_at.trace, allocated_at.thread);
            }
            Place::Global { .. } | Place::Tls { .. } => {}
        }
        if let Some(source) = kept::source(place) {
            self.tell(Beat::Defined(source));
        }
        self.holds(word);
    }

    /// Whether the block was freed since, and where.
    pub(crate) fn freed_since(&mut self) {
        match self.facts.lent().and_then(Memory::block) {
            Some(block) if block.live => self.say("freed", "not yet"),
            Some(block) => self.freed(block),
            None => {}
        }
    }

    /// Where the block was freed, and under which call if it is C's.
    fn freed(&mut self, block: &'a BlockFacts) {
        self.trace("freed", block.freed, block.freed_by);
        let Some(under) = block.freed_under else { return };
        let name = under.function.declaration.name;
        self.say("", format!("by C in a call of `{name}`"));
        // Else the backtrace leads through that place.
        if block.freed == TraceId::default() {
            self.tell(Beat::At { key: "", at: under.location.into(), what: name.into(), thread: None, known: true });
        }
    }

    /// Which address of the block a word of C's holds, if that is not its start.
    fn holds(&mut self, word: usize) {
        if let Some(Memory::Heap(block)) = &self.facts.memory {
            let inside = word.wrapping_sub(block.address);
            if inside > 0 && inside <= block.size {
                self.say("", format!("it holds the address of {}", position(inside, block.size)));
            }
        }
    }

    pub(crate) fn lent(&mut self) {
        let facts = self.facts;
        match &facts.call {
            Some(call) if facts.is_callback() => self.say("called by C", format!("on {}", self.thread(call.thread))),
            _ if facts.is_about_result() => self.say("lent", "not seen: which call lent it is not known"),
            Some(call) => self.call("lent", call, callee(facts)),
            None => self.say("lent", "not seen"),
        }
    }

    pub(crate) fn not_yet_returned(&mut self) {
        match &self.facts.call {
            Some(call) if self.facts.is_about_result() => {
                self.call("returned", call, callee(self.facts));
            }
            _ if self.facts.is_callback() => self.say("returned", "not yet: found before its body ran"),
            _ => self.say("returned", "not yet: found before C ran"),
        }
    }
}
