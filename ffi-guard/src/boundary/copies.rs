//! The copies that a call works on: made before C runs, compared and copied back when it has
//! returned.
//!
//! ```text
//!  enter ── plan ──> made ── C runs ──> result translated ──> reported ──> copied back ──> rest of the exit ──> dropped
//! ```
//! What C returns, and what it stores in memory that it was lent, may be pointers into a copy: Rust
//! gets them as pointers into the original. No lock is held while C runs, and the copies belong to
//! their thread.

mod plan;

use crate::facts::{Change, Memory};
use std::cell::Cell;
use std::ops::Range;

use super::holder;
use crate::call::argument::{Argument, Passing};
use crate::call::call_stack::{CallHandle, Link, UnderWay};
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::{extent, thread};
use crate::copied::{self, Copy, CopyRecord, Run};
use crate::delivery::breach::Stop;
use crate::facts::{Finding, Overwritten};
use crate::heap::{self, Block};
use crate::platform::read;
use crate::reentry::Reentry;
use crate::rules::buffer_overflow;
use crate::rules::write_through_const::{self};

/// The copies of one call.
pub(crate) struct Copies {
    held: Vec<HeldCopy>,
    /// Address that C gets for each argument; 0 for the argument's own.
    to_copy: Vec<usize>,
    link: Link<Copies>,
}

impl UnderWay for Copies {
    fn with_innermost<R>(f: impl FnOnce(&Cell<*mut ()>) -> R) -> Option<R> {
        thread::with_copying(f)
    }

    fn link(&mut self) -> &mut Link<Copies> {
        &mut self.link
    }
}

/// One copy.
struct HeldCopy {
    copy: Copy,
    /// The block that was copied, whole or in part.
    block: Option<Block>,
    members: Vec<plan::Member>,
}

/// Copies what the call lends, if its declaration or the environment asks for it. `None` if nothing
/// is copied.
pub(super) fn make(site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Option<Copies> {
    let _inside = Reentry::enter();
    let parameters = site.function.declaration.parameters;
    // What C may keep is never copied, by later calls either: from level 2 on it is recorded as
    // kept.
    for (argument, parameter) in arguments.iter().zip(parameters) {
        if (parameter.contract.is_retained() || parameter.contract.is_owned())
            && matches!(argument.passing, Passing::Const | Passing::Mut)
            && let Some(block) = heap::lookup(argument.address)
        {
            heap::retain(&block);
        }
    }
    let mut copies = Copies { held: Vec::new(), to_copy: vec![0; arguments.len()], link: Link::new(0) };
    for plan::Group { range, align, block, vouched, members } in plan::groups(site, arguments, stack) {
        let Some(first) = members.first().map(|member| member.parameter) else { continue };
        let (len, original) = (range.len(), range.start);
        let record = |copy| CopyRecord {
            copy,
            len,
            original,
            function: site.function,
            parameter: first,
            location: site.location,
            thread: thread::id(),
            open: true,
        };
        copied::watch_faults();
        // SAFETY: what the plan vouches for is a live block, or this thread's stack above the call.
        let Some(copy) = (unsafe { Copy::make(range, align, vouched, record) }) else { continue };
        for member in &members {
            if let (Some(away), Some(to)) = (copies.to_copy.get_mut(member.parameter), copy.to_copy(member.address)) {
                *away = to;
            }
        }
        copies.held.push(HeldCopy { copy, block, members });
    }
    (!copies.held.is_empty()).then_some(copies)
}

impl Copies {
    /// Each copy, with the start of its original.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        self.held.iter().map(|held| (held.copy.range(), held.copy.original().start))
    }

    /// Translates a word that leads into a copy to the original; `None` for any other word.
    fn to_original(&self, word: usize) -> Option<usize> {
        if !copied::contains(word) {
            return None;
        }
        self.held.iter().find_map(|held| held.copy.to_original(word))
    }

    /// Copies C's writes back to the originals, after C returned or unwound.
    fn copy_back(&self, arguments: &[Argument], stack: &Range<usize>) {
        for held in self.held.iter().filter(|held| held.is_there()) {
            let (mutable, _) = held.changes();
            // SAFETY: it is there, and was lent mutably, or lies next to what was lent.
            unsafe { held.copy.copy_back(&mutable, |word| self.to_original(word)) };
        }
        for (argument, &away) in arguments.iter().zip(&self.to_copy) {
            if argument.passing == Passing::Mut && away == 0 {
                self.translate(argument, stack);
            }
        }
    }

    /// Translates pointers into a copy that C stored in memory that was lent without a copy:
    /// `strtol` stores there where it stopped.
    fn translate(&self, argument: &Argument, stack: &Range<usize>) {
        const WORD: usize = size_of::<usize>();
        const MOST: usize = 1 << 16;
        let located = Target::of(argument.address, stack);
        let extent = match &located {
            Target::Null | Target::LeftStack | Target::FreedByC(_) => return,
            Target::Heap(block) if !block.live => return,
            Target::Heap(block) => {
                extent::of(argument, &located).min((block.start + block.size).saturating_sub(argument.address))
            }
            Target::Stack(stack) => extent::of(argument, &located).min(stack.end.saturating_sub(argument.address)),
            Target::Foreign => extent::of(argument, &located),
        };
        let end = argument.address.saturating_add(extent.min(MOST));
        let mut at = argument.address.next_multiple_of(WORD);
        let vouched = !matches!(located, Target::Foreign);
        while at < end && end - at >= WORD {
            let word = if vouched {
                // SAFETY: an aligned word of a live block or of the stack above the call.
                Some(unsafe { std::ptr::with_exposed_provenance::<usize>(at).read_volatile() })
            } else {
                let mut bytes = [0; WORD];
                read::read(at, &mut bytes).map(|()| usize::from_ne_bytes(bytes))
            };
            match word {
                None => return,
                Some(word) => {
                    if let Some(home) = self.to_original(word) {
                        // SAFETY: C was lent it to write, and has just written the word there.
                        unsafe { std::ptr::with_exposed_provenance_mut::<usize>(at).write_volatile(home) };
                    }
                }
            }
            at += WORD;
        }
    }

    /// Settles the copies at the exit of the call.
    pub(super) fn settle(
        self: Box<Self>,
        site: &Site,
        arguments: &[Argument],
        stack: &Range<usize>,
        rest: impl FnOnce(Result<(), Stop>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let told = self.tell(site, arguments, stack);
        let inside = Reentry::enter();
        self.copy_back(arguments, stack);
        drop(inside);
        let goes_on = told.is_ok();
        let outcome = rest(told);
        let _inside = Reentry::enter();
        // If the rule does not stop C's write through a pointer to const, Rust gets what C wrote.
        for held in self.held.iter().filter(|held| goes_on && held.is_there()) {
            let (_, constant) = held.changes();
            // SAFETY: it is there; without the copy, C would have written there itself.
            unsafe { held.copy.copy_back(&constant, |word| self.to_original(word)) };
        }
        drop(self);
        outcome
    }

    /// Copies back what C wrote before it unwound, and reports nothing.
    pub(super) fn abandon(self: Box<Self>) {
        let _inside = Reentry::enter();
        self.copy_back(&[], &(0..0));
        drop(self);
    }

    /// Adds the call to the thread's list. `frame`: an address in a frame of its entry.
    pub(super) fn begin(mut self, frame: usize) -> CopiesHandle {
        let _inside = Reentry::enter();
        self.link = Link::new(frame);
        CopiesHandle(CallHandle::begin(self))
    }

    /// Reports writes outside the copies, and to those that C may only read.
    fn tell(&self, site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Result<(), Stop> {
        self.held.iter().try_for_each(|held| {
            held.tell_overrun(site, arguments, stack)?;
            // A callback's writes through a pointer that C handed to it are not C's fault.
            if holder::calls_back(arguments) { Ok(()) } else { held.tell_changes(site, arguments, stack) }
        })
    }
}

impl HeldCopy {
    /// True if what was copied is still there: a callback may have freed it.
    fn is_there(&self) -> bool {
        self.block.is_none_or(|block| {
            heap::lookup(block.start).is_some_and(|now| now.live && now.generation == block.generation)
        })
    }

    /// Reports writes outside the copy, for the parameter that reaches farthest on that side.
    fn tell_overrun(&self, site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Result<(), Stop> {
        let Some(damage) = self.copy.damage() else { return Ok(()) };
        let nearest = match damage.before {
            true => self.members.iter().min_by_key(|member| member.extent.start),
            false => self.members.iter().max_by_key(|member| member.extent.end),
        };
        let Some(member) = nearest else { return Ok(()) };
        let size = self.copy.original().len();
        breach(site, arguments, stack, member, buffer_overflow::check(&damage, Overwritten::BesideTheCopy { size }))
    }

    /// Reports writes to what C may only read.
    fn tell_changes(&self, site: &Site, arguments: &[Argument], stack: &Range<usize>) -> Result<(), Stop> {
        let (_, changes) = self.changes();
        if changes.is_empty() {
            return Ok(());
        }
        for member in &self.members {
            let Some(argument) = arguments.get(member.parameter) else { continue };
            let contract = site.function.declaration.parameters.get(member.parameter).map(|it| it.contract);
            if !argument.info.frozen || contract.is_none_or(|contract| contract.is_out()) {
                continue;
            }
            let start = self.copy.original().start;
            let extent = member.extent.start - start..member.extent.end - start;
            let touched = |run: &&Run| run.start < extent.end && extent.start < run.end;
            let (first, last) = (changes.iter().find(touched), changes.iter().rfind(touched));
            let (Some(first), Some(last)) = (first, last) else { continue };
            // From the first byte that changed to the last, with those in between.
            let run = first.start.max(extent.start)..last.end.min(extent.end);
            let offset = start + run.start - member.address;
            let mut change = Change::new(offset, false);
            for (i, (was, now)) in self.copy.before(&run).iter().zip(self.copy.now(&run)).enumerate() {
                change.add(offset + i, *was, *now);
            }
            let finding = write_through_const::check(&change, argument.info, member.extent.len());
            breach(site, arguments, stack, member, finding)?;
        }
        Ok(())
    }

    /// Changes that C may make, and changes to what it may only read.
    fn changes(&self) -> (Vec<Run>, Vec<Run>) {
        let changes = self.copy.changes();
        if self.members.iter().any(|member| member.mutable) {
            return (changes, Vec::new());
        }
        let start = self.copy.original().start;
        let constant = |at: usize| self.members.iter().any(|member| member.extent.contains(&(start + at)));
        let (mut mutable, mut only_read): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
        for run in changes {
            let mut at = run.start;
            while at < run.end {
                let kind = constant(at);
                let end = (at + 1..run.end).find(|&next| constant(next) != kind).unwrap_or(run.end);
                if kind { &mut only_read } else { &mut mutable }.push(at..end);
                at = end;
            }
        }
        (mutable, only_read)
    }
}

/// Reports a finding about an argument.
fn breach(
    site: &Site,
    arguments: &[Argument],
    stack: &Range<usize>,
    member: &plan::Member,
    finding: Finding,
) -> Result<(), Stop> {
    let Some(argument) = arguments.get(member.parameter) else { return Ok(()) };
    let extent = member.extent.len();
    let memory = Memory::of(&Target::of(member.address, stack), member.address, extent, thread::id());
    site.breach(Some(member.parameter), finding, (argument, extent), Some(memory))
}

/// Handle to the copies of a call under way, in the list of its thread.
#[derive(Debug)]
pub(super) struct CopiesHandle(CallHandle<Copies>);

impl CopiesHandle {
    /// Address that C gets for an argument; 0 for the argument's own.
    #[cold]
    #[inline(never)]
    pub(super) fn to_copy(&self, index: usize) -> usize {
        self.0.get().to_copy.get(index).copied().unwrap_or(0)
    }

    /// Translates a word from C: one that leads into a copy to the original, any other unchanged.
    #[cold]
    #[inline(never)]
    pub(super) fn to_original(&self, word: usize) -> usize {
        self.0.get().to_original(word).unwrap_or(word)
    }

    /// Translates the words of a result that lead into a copy to the originals.
    ///
    /// # Safety
    /// - The caller may read and write `size` bytes from `address` on.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn words_to_original(&self, address: usize, size: usize) {
        const WORD: usize = size_of::<usize>();
        let mut at = address.next_multiple_of(WORD);
        while at + WORD <= address + size {
            let word = std::ptr::with_exposed_provenance_mut::<usize>(at);
            // SAFETY: an aligned word of the bytes that the caller vouches for. Volatile: padding
            // is read as it lies.
            let value = unsafe { word.read_volatile() };
            if let Some(home) = self.0.get().to_original(value) {
                // SAFETY: an aligned word of the bytes that the caller vouches for.
                unsafe { word.write(home) };
            }
            at += WORD;
        }
    }

    /// Removes the call, and those made inside it. `None` if it was removed before, as its frame
    /// was taken for gone.
    pub(super) fn end(self) -> Option<Box<Copies>> {
        let _inside = Reentry::enter();
        self.0.end()
    }
}
