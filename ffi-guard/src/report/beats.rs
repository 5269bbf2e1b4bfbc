//! The story in the order of time: declared, crossed, allocated, lent, returned, and what went wrong.
//!
//! A beat that nobody saw is said to be unseen; it is never left out in silence.

use super::frames::{self, Frame};
use super::stale::{self, Told};
use super::text::Context;
use super::words::{
    WIDTH, by_pointer, bytes, clip_start, columns, fill, position, read_only, spot, stretch, the_word, thread,
};
use super::{bound, freed, kept, leaked, written, wrong_free};
use crate::config::Backtrace;
use crate::facts::{Facts, Finding, Holder, Memory, Place, Promise};
use crate::heap::trace::TraceId;

/// Columns of the key, its colon and the blank behind it.
pub(super) const KEY: usize = 16;

/// One beat: a sentence, or a place with what happened there and on which thread.
enum Beat {
    Words(&'static str, String),
    Place {
        key: &'static str,
        at: String,
        what: String,
        thread: String,
        /// `what` stands in the headline or the picture too: the first thing to leave out where a line gets too long.
        known: bool,
    },
}

/// The beats, as lines, and how many frames they leave out.
pub(super) fn beats(facts: &Facts, context: &Context<'_>, frames_each: usize) -> (Vec<String>, usize) {
    if let Some(stale) = facts.staleness() {
        let facts = &stale::for_story(facts);
        let mut story = Story { facts, context, frames_each, beats: Vec::new(), hidden: 0 };
        stale::story(facts, stale).into_iter().for_each(|told| story.tell(told));
        return (layout(&story.beats, context.backtrace == Backtrace::Full), story.hidden);
    }
    if let Some(wrong) = facts.wrong_free() {
        let facts = &stale::for_story(facts);
        let mut story = Story { facts, context, frames_each, beats: Vec::new(), hidden: 0 };
        story.declared();
        wrong_free::story(facts, wrong).into_iter().for_each(|told| story.tell(told));
        return (layout(&story.beats, context.backtrace == Backtrace::Full), story.hidden);
    }
    let mut story = Story { facts, context, frames_each, beats: Vec::new(), hidden: 0 };
    story.declared();
    if !story.is_about_no_call() {
        story.crossed();
    }
    if let Some(memory) = facts.lent() {
        story.allocated(memory);
    }
    if let (Some(target), Some(pointer)) = (facts.target(), facts.word()) {
        let what = format!("{} points to {}", the_word(facts), spot(target, pointer, facts.call.as_ref()));
        story.say("inside it", what);
        story.allocated(target);
    }
    if !story.is_about_no_call() {
        story.lent();
        story.returned();
    }
    story.went_wrong();
    (layout(&story.beats, context.backtrace == Backtrace::Full), story.hidden)
}

struct Story<'a> {
    facts: &'a Facts,
    context: &'a Context<'a>,
    frames_each: usize,
    beats: Vec<Beat>,
    hidden: usize,
}

impl Story<'_> {
    fn say(&mut self, key: &'static str, words: impl Into<String>) {
        self.beats.push(Beat::Words(key, words.into()));
    }

    fn tell(&mut self, told: Told) {
        match told {
            Told::At(key, at, what, thread) => {
                let at = self.context.site(at);
                self.beats.push(Beat::Place { key, at, what, thread, known: false });
            }
            Told::Trace(key, trace, by) => self.trace(key, trace, by),
            Told::Words(key, words) => self.say(key, words),
        }
    }

    fn declared(&mut self) {
        let Some(call) = &self.facts.call else { return };
        let declaration = call.function.declaration;
        let at = format!("{}:{}:{}", (self.context.path)(declaration.file), declaration.line, declaration.column);
        self.beats.push(Beat::Place {
            key: "declared",
            at,
            what: declaration.name.into(),
            thread: String::new(),
            known: true,
        });
    }

    fn crossed(&mut self) {
        // Of a struct by value, a field leads there.
        let leads = !by_pointer(self.facts) && matches!(self.facts.holder(), Some(Holder::Pointee { .. }));
        let which = match self.facts.call.as_ref().and_then(|call| call.parameter) {
            Some(index) => format!("argument {}", index + 1),
            None if self.is_result() => "the result".into(),
            None => "an argument".into(),
        };
        // What does not exist did not cross.
        let there = match self.facts.finding {
            Finding::OutOfBounds { available, .. } => available,
            _ => usize::MAX,
        };
        let what = match (self.facts.argument, self.facts.lent()) {
            (Some(argument), _) if argument.address == 0 => "a null pointer".into(),
            (Some(argument), Some(Memory::Heap(block)))
                if argument.address.wrapping_sub(block.address) <= block.size.saturating_add(argument.extent) =>
            {
                let offset = argument.address - block.address;
                let left = block.size.saturating_sub(offset);
                stretch(offset, argument.extent.min(left), block.size)
            }
            (Some(argument), Some(Memory::Stack { .. })) => match argument.extent.min(there) {
                0 => "an address on a Rust stack".into(),
                extent => format!("{} on a Rust stack", bytes(extent)),
            },
            (Some(argument), Some(Memory::Foreign { .. })) => match argument.extent {
                0 => "an address outside of Rust's heap and stacks".into(),
                extent => format!("{} outside of Rust's heap and stacks", bytes(extent)),
            },
            _ => "by value".into(),
        };
        let read_only = read_only(self.facts) && self.facts.argument.is_none_or(|argument| argument.address != 0);
        self.say(
            "crossed",
            format!(
                "{which}{} {what}{}",
                if leads { " leads to" } else { "," },
                if read_only { ", read-only" } else { "" }
            ),
        );
    }

    fn allocated(&mut self, memory: &Memory) {
        match memory {
            Memory::Heap(block) => {
                self.trace("allocated", block.allocated, block.allocated_by);
                // Freed after it was lent: that comes in its place.
                let later = matches!(
                    self.facts.finding,
                    Finding::FreedWhileRetained { .. } | Finding::BufferOverflow { .. } | Finding::UseAfterFree { .. }
                );
                if !block.live && !later {
                    self.trace("freed", block.freed, block.freed_by);
                }
            }
            Memory::Stack { thread: id, .. } => {
                let words = format!("on the stack of {}", thread(*id, self.facts.call.as_ref()));
                self.say("allocated", words);
            }
            Memory::Foreign { .. } => self.say("allocated", "not seen (outside of Rust's heap)"),
        }
    }

    /// A place that a backtrace leads to: the user's first frames.
    fn trace(&mut self, key: &'static str, id: TraceId, by: u32) {
        let who = thread(by, self.facts.call.as_ref());
        if self.context.backtrace == Backtrace::Off {
            return self.say(key, "not recorded (GUARD_BACKTRACE=0)");
        }
        let all = (self.context.frames)(id);
        if all.is_empty() {
            return self.say(key, "not recorded below GUARD=2");
        }
        let full = self.context.backtrace == Backtrace::Full;
        let (frames, hidden) = if full { (all, 0) } else { frames::users(all, self.frames_each) };
        self.hidden += hidden;
        for (number, frame) in frames.iter().enumerate() {
            let (key, thread) = if number == 0 { (key, who.clone()) } else { ("", String::new()) };
            self.beats.push(Beat::Place { key, at: self.at(frame), what: name(frame, full), thread, known: false });
        }
    }

    fn at(&self, frame: &Frame) -> String {
        match (&frame.file, frame.line, frame.column) {
            (Some(file), Some(line), Some(column)) => {
                format!("{}:{line}:{column}", (self.context.path)(&file.to_string_lossy()))
            }
            (Some(file), Some(line), None) => format!("{}:{line}", (self.context.path)(&file.to_string_lossy())),
            _ => match frames::module(frame.address) {
                Some((module, offset)) => format!("{module}+{offset:#x}"),
                None => format!("{:#x}", frame.address),
            },
        }
    }

    fn is_result(&self) -> bool {
        matches!(self.facts.holder(), Some(Holder::Result { .. }))
    }

    /// What is pinned need not have crossed.
    fn is_about_no_call(&self) -> bool {
        let needs_none = matches!(
            self.facts.finding,
            Finding::FreedWhileRetained { held: None, .. }
                | Finding::BufferOverflow { .. }
                | Finding::UseAfterFree { .. }
        );
        needs_none && self.facts.call.is_none()
    }

    fn lent(&mut self) {
        if let Finding::WrongThread { got } = &self.facts.finding {
            self.beats.push(Beat::Place {
                key: "got",
                at: self.context.site(got.location),
                what: got.function.unwrap_or("rebind").into(),
                thread: bound::owner(got),
                known: false,
            });
        }
        if let Some(call) = self.facts.call.as_ref().filter(|_| self.facts.is_callback()) {
            return self.say("called by C", format!("on {}", thread(call.thread, Some(call))));
        }
        if self.is_result() {
            return self.say("lent", "not seen: which call lent it is not known");
        }
        let Some(call) = &self.facts.call else { return self.say("lent", "not seen") };
        let beat = Beat::Place {
            key: "lent",
            at: self.context.site(call.site),
            what: call.function.declaration.name.into(),
            thread: thread(call.thread, Some(call)),
            known: true,
        };
        self.beats.push(beat);
    }

    fn returned(&mut self) {
        match (&self.facts.finding, &self.facts.call) {
            (Finding::RetainedPointer { .. }, Some(call)) => {
                let at = self.context.site(call.site);
                let thread = thread(call.thread, Some(call));
                self.beats.push(Beat::Place {
                    key: "returned",
                    at,
                    what: "the loan is over".into(),
                    thread,
                    known: true,
                });
            }
            (_, Some(call)) if self.is_result() => {
                let at = self.context.site(call.site);
                let (what, thread) = (call.function.declaration.name.into(), thread(call.thread, Some(call)));
                self.beats.push(Beat::Place { key: "returned", at, what, thread, known: true });
            }
            (Finding::FreedWhileRetained { promise, .. }, Some(call)) => {
                let at = self.context.site(call.site);
                let (what, thread) = (freed::returned(*promise).into(), thread(call.thread, Some(call)));
                self.beats.push(Beat::Place { key: "returned", at, what, thread, known: true });
            }
            (Finding::LeakedOwnership { .. }, Some(call)) => {
                let at = self.context.site(call.site);
                let (what, thread) = (freed::returned(Promise::Owned).into(), thread(call.thread, Some(call)));
                self.beats.push(Beat::Place { key: "returned", at, what, thread, known: true });
            }
            (
                Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } | Finding::UseAfterFree { .. },
                Some(call),
            ) => {
                let at = self.context.site(call.site);
                let (what, thread) = (call.function.declaration.name.into(), thread(call.thread, Some(call)));
                self.beats.push(Beat::Place { key: "returned", at, what, thread, known: true });
            }
            (Finding::RetainedPointer { .. } | Finding::FreedWhileRetained { .. }, None) => {
                self.say("returned", "not seen")
            }
            _ if self.facts.is_callback() => self.say("returned", "not yet: found before its body ran"),
            _ => self.say("returned", "not yet: found before C ran"),
        }
    }

    fn went_wrong(&mut self) {
        if matches!(self.facts.finding, Finding::FreedWhileRetained { .. }) {
            return self.freed_while_retained();
        }
        if matches!(self.facts.finding, Finding::LeakedOwnership { .. }) {
            self.say("freed", "not yet");
            if let Some(all) = leaked::in_all(self.facts) {
                self.say("in all", all);
            }
            return;
        }
        let written = written::story(self.facts);
        if !written.is_empty() {
            match self.facts.lent().and_then(Memory::block) {
                Some(block) if block.live => self.say("freed", "not yet"),
                Some(block) => self.trace("freed", block.freed, block.freed_by),
                None => {}
            }
            return written.into_iter().for_each(|(key, words)| self.say(key, words));
        }
        let Finding::RetainedPointer { place, word, absent_before } = &self.facts.finding else { return };
        if self.facts.lent().and_then(Memory::block).is_some_and(|block| block.live) {
            self.say("freed", "not yet");
        }
        self.say("kept by C", kept::kept(place, self.facts.call.as_ref()));
        match place {
            Place::CHeap { allocated_at, .. } => self.trace("C allocated", allocated_at.trace, allocated_at.thread),
            Place::RustBlock { allocated_at, .. } => self.trace("that block", allocated_at.trace, allocated_at.thread),
            Place::Global { .. } | Place::Tls { .. } => {}
        }
        if let Some(source) = kept::source(place) {
            self.say("", format!("defined at {}:{}", (self.context.path)(&source.file), source.line));
        }
        if let Some(Memory::Heap(block)) = &self.facts.memory {
            let inside = word.wrapping_sub(block.address);
            if inside > 0 && inside <= block.size {
                self.say("", format!("it holds the address of {}", position(inside, block.size)));
            }
        }
        let since =
            if *absent_before { "the word was different before the call" } else { "it was first seen after this call" };
        self.say("", since);
    }
}

impl Story<'_> {
    fn freed_while_retained(&mut self) {
        let Finding::FreedWhileRetained { held, pinned, moved, at_once, .. } = &self.facts.finding else { return };
        if let Some(pinned) = pinned {
            let at = self.context.site(pinned);
            let what = "not unpinned since".into();
            self.beats.push(Beat::Place { key: "pinned", at, what, thread: String::new(), known: true });
        }
        let block = self.facts.lent().and_then(Memory::block);
        match block {
            Some(block) => self.trace(if *moved { "moved" } else { "freed" }, block.freed, block.freed_by),
            None => self.say("freed", "not seen"),
        }
        let Some((place, word)) = held else { return };
        self.say("kept by C", kept::kept(place, self.facts.call.as_ref()));
        let inside = block.map_or(0, |block| word.wrapping_sub(block.address));
        if let Some(block) = block.filter(|block| inside > 0 && inside <= block.size) {
            self.say("", format!("it holds the address of {}", position(inside, block.size)));
        }
        self.say("", if *at_once { "it held it when the block was freed" } else { "seen after the block was freed" });
    }
}

/// The name of a frame, as the report shows it.
fn name(frame: &Frame, full: bool) -> String {
    match &frame.function {
        Some(name) if full => name.clone(),
        Some(name) => frames::short_function(name),
        None => "name not known".into(),
    }
}

/// Sets the places in columns, and fills the sentences. `whole`: nothing is cut, however wide it gets.
fn layout(beats: &[Beat], whole: bool) -> Vec<String> {
    const GAP: usize = 3;
    let columns_of = |of: &dyn Fn(&Beat) -> usize| beats.iter().map(of).max().unwrap_or(0);
    let at_width = columns_of(&|beat| if let Beat::Place { at, .. } = beat { columns(at) } else { 0 });
    let thread_width = columns_of(&|beat| if let Beat::Place { thread, .. } = beat { columns(thread) } else { 0 });
    let what_width = |even_known: bool| {
        columns_of(&|beat| match beat {
            Beat::Place { what, known, .. } if even_known || !known => columns(what),
            _ => 0,
        })
    };
    let room = WIDTH - KEY - 2 * GAP;
    let fits = |what: usize| whole || at_width + what + thread_width <= room;
    let all = fits(what_width(true));
    // Of the two it is the place that leads there: a function's name gives way to it.
    let what_width = if all {
        what_width(true)
    } else {
        what_width(false).min(room.saturating_sub(at_width + thread_width).clamp(14, 24))
    };
    let at_width = if whole { at_width } else { at_width.min(room.saturating_sub(what_width + thread_width)) };
    let mut lines = Vec::new();
    for beat in beats {
        match beat {
            Beat::Words("", words) => lines.extend(fill(&" ".repeat(KEY), words)),
            Beat::Words(key, words) => lines.extend(fill(&format!("{key:>14}: "), words)),
            Beat::Place { key, at, what, thread, known } => {
                let what = if *known && !all { "" } else { what };
                let colon = if key.is_empty() { ' ' } else { ':' };
                let at = clip_start(at, at_width);
                let what = clip_start(what, what_width);
                let line = format!("{key:>14}{colon} {at:at_width$}   {what:what_width$}   {thread}");
                lines.push(line.trim_end().to_string());
            }
        }
    }
    lines
}
