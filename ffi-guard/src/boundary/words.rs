//! The words of what an argument leads to: those that lead to freed memory first, then those that
//! lead to live memory.

use std::ops::{ControlFlow, Range};

use super::entry::{CHECKS, Questions, holds_nothing};
use crate::call::argument::{Argument, Passing, Stated};
use crate::call::extent;
use crate::call::shape::{Role, Shape};
use crate::call::target::{PointerArg, Target, is_freed_by_c};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::{Evidence, Finding, Holder, Memory};
use crate::heap;
use crate::reentry::Reentry;
use crate::retention::pins;
use crate::rule::{Rule, Severity};
use crate::rules;
use crate::scan::{self, Wanted};

/// Whether the look goes on to the next word, and with what it ends if not.
type Next = ControlFlow<Result<(), Stop>>;

impl Questions<'_> {
    /// Inspects the words of an extent that lie at `from` (the argument's own address, or a copy):
    /// those that lead to freed memory first, as they are the worse.
    ///
    /// # Safety
    /// - `look.extent` bytes from `from` on are readable.
    pub(super) unsafe fn words(
        &mut self,
        index: usize,
        look: &PointerArg<'_>,
        from: usize,
        own: &Range<usize>,
    ) -> Result<(), Stop> {
        if index >= self.freed_told && self.asks_of_freed(index, look) {
            let mut dead = |this: &mut Self, offset, word| this.dead_word(index, look, offset, word);
            let left = self.left_for(look);
            // SAFETY: the caller's promise.
            unsafe { self.each_word(look, from, (left, true), &mut dead) }?;
        }
        // What is allowed is not looked for. From level 2 on the blocks that are found are lent all
        // the same.
        let mut told = self.site.severity(Rule::NestedPointer, Some(index)) == Severity::Allow;
        if told && self.check.is_none() {
            return Ok(());
        }
        let mut live = |this: &mut Self, offset, word| this.live_word(index, look, own, offset, word, &mut told);
        let stack = self.stack.clone();
        // SAFETY: the caller's promise.
        unsafe { self.each_word(look, from, (stack, false), &mut live) }
    }

    /// The part of the stack that is left, if a word of this argument can be told to lead there:
    /// its type has to say that it is a pointer. Words of an unknown type may have stayed on the
    /// stack, or in a block, from whatever was there before.
    fn left_for(&self, look: &PointerArg<'_>) -> Range<usize> {
        let Argument { info, passing, .. } = look.argument;
        let says = match (info.shape, info.role) {
            (Shape::Fields(_) | Shape::Array { .. }, _) => true,
            (Shape::Words, Role::Pointer | Role::Pointers) => *passing == Passing::Const,
            _ => false,
        };
        let stack = if says { thread::stack() } else { 0..0 };
        if stack.is_empty() { stack } else { stack.start..self.callers().max(stack.start) }
    }

    /// True if a dead word in this argument may have to be told of.
    pub(super) fn asks_of_freed(&self, index: usize, look: &PointerArg<'_>) -> bool {
        let Argument { info, passing, .. } = look.argument;
        let may_be_declared = || match (info.shape, info.role) {
            (Shape::Words, Role::Pointer | Role::Pointers) => *passing == Passing::Const,
            (Shape::Fields(_) | Shape::Array { .. }, _) => true,
            _ => false,
        };
        self.site.severity(Rule::DanglingField, Some(index)) != Severity::Allow
            && (!look.contract.is_typed() || may_be_declared())
    }

    /// Calls `found` with each word of an extent that leads into Rust's heap, onto this part of the
    /// stack, or (`dead`) into a freed block of C's, and its offset, until it breaks. Leaves out
    /// the words of a block of Rust's that may be an earlier block's.
    ///
    /// # Safety
    /// - `look.extent` bytes from `from` on are readable.
    unsafe fn each_word(
        &mut self,
        look: &PointerArg<'_>,
        from: usize,
        (stack, dead): (Range<usize>, bool),
        found: &mut dyn FnMut(&mut Self, usize, usize) -> Next,
    ) -> Result<(), Stop> {
        let _inside = Reentry::enter();
        let info = look.argument.info;
        let of_c = if dead { c_region() } else { 0..0 };
        let mut outcome = ControlFlow::Continue(());
        let in_heap = matches!(look.target, Target::Heap(_));
        let mut found = |this: &mut Self, offset, word| match in_heap && heap::is_doubtful(from + offset) {
            true => ControlFlow::Continue(()),
            false => found(this, offset, word),
        };
        if look.extent >= LARGE && matches!(info.shape, Shape::Words | Shape::Untyped) {
            let mut hits = Vec::new();
            let ranges = [heap::region(), stack, of_c].into_iter().filter(|range| !range.is_empty());
            // SAFETY: the caller promises `look.extent` readable bytes from `from` on.
            unsafe { scan::words(from, look.extent, &Wanted::new(ranges), &mut hits) };
            for hit in hits {
                outcome = found(self, hit.location - from, hit.word);
                if outcome.is_break() {
                    break;
                }
            }
        } else {
            let mut found = |offset, word| {
                outcome = found(self, offset, word);
                if outcome.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let wanted =
                |word| heap::contains(word) || stack.contains(&word) || of_c.contains(&word) && is_freed_by_c(word);
            // SAFETY: the caller promises `look.extent` readable bytes from `from` on.
            let _ = unsafe { rules::each_pointer(from, look.extent, info, &wanted, &mut found) };
        }
        outcome.break_value().unwrap_or(Ok(()))
    }

    /// Checks if one word of an extent leads to freed memory. Told once, however many words of an
    /// array do.
    fn dead_word(&mut self, index: usize, look: &PointerArg<'_>, offset: usize, word: usize) -> Next {
        let argument = look.argument;
        if self.is_left_behind(index, look, offset) {
            return ControlFlow::Continue(());
        }
        let target = match Target::of(word, &(0..0)) {
            Target::Foreign if self.is_declared_and_left(index, look, offset, word) => Target::LeftStack,
            target => target,
        };
        let (holder, evidence) = (|| self.pointee(look, offset), || self.evidence(index, look, offset, &target));
        let Some(finding) = rules::dangling_field::check_word(word, &target, holder, evidence) else {
            return ControlFlow::Continue(());
        };
        if look.contract.is_typed() && finding.default_severity() != Rule::DanglingField.severity() {
            return ControlFlow::Continue(());
        }
        // After a word that is let pass there can be one that is not.
        let severity = self.site.severity_or(Rule::DanglingField, Some(index), finding.default_severity());
        if severity == Severity::Allow || !scan::can_be_pointer(argument.info, offset) {
            return ControlFlow::Continue(());
        }
        // A C frame further up holds the word: C memory, which is inspected from level 2 on.
        if self.check.is_none() && scan::is_c_stack(&look.target, argument.address) {
            return ControlFlow::Break(Ok(()));
        }
        if is_in_a_stack(argument) {
            return ControlFlow::Break(Ok(()));
        }
        let memory = Memory::of(&target, word, 0, thread::id());
        ControlFlow::Break(self.site.breach(Some(index), finding, (argument, look.extent), Some(memory)))
    }

    /// Checks one word of an extent that leads into Rust memory.
    fn live_word(
        &mut self,
        index: usize,
        look: &PointerArg<'_>,
        own: &Range<usize>,
        offset: usize,
        word: usize,
        told: &mut bool,
    ) -> Next {
        let argument = look.argument;
        let target = Target::of(word, &self.stack);
        let is_gone = match &target {
            Target::Heap(block) => !block.live,
            // The wrapper's own frame: a word that was left behind.
            Target::Stack(_) => word < self.callers(),
            _ => false,
        };
        if is_gone {
            return ControlFlow::Continue(());
        }
        if !scan::can_be_pointer(argument.info, offset) {
            return ControlFlow::Continue(());
        }
        if self.is_left_behind(index, look, offset) {
            return ControlFlow::Continue(());
        }
        // A C frame further up holds the word: C memory, which is inspected from level 2 on.
        let cs_stack = scan::is_c_stack(&look.target, argument.address);
        if self.check.is_none() && cs_stack {
            return ControlFlow::Break(Ok(()));
        }
        // C may hold what a call that has not returned lends it (callbacks see it), or what some
        // call let it keep.
        if (cs_stack || matches!(look.target, Target::Foreign))
            && matches!(&target, Target::Heap(block) if heap::loans(block) > 0 || heap::may_be_retained(block))
        {
            return ControlFlow::Continue(());
        }
        if let Some(check) = &mut self.check {
            check.lend_found(word, &target, look, index);
            if let Target::Stack(_) = target {
                check.leads_to(word);
            }
        }
        if *told || self.lent_as_retained(&target) || is_pinned(word, &target) {
            return ControlFlow::Continue(());
        }
        let holder = || self.pointee(look, offset);
        let Some(finding) = rules::nested_pointer::check_word(word, &target, own, thread::id(), holder) else {
            return ControlFlow::Continue(());
        };
        // Told once, however many words of an array do it.
        *told = true;
        if is_in_a_stack(argument) {
            return ControlFlow::Continue(());
        }
        if let Err(stop) = self.freed_after(index) {
            return ControlFlow::Break(Err(stop));
        }
        let memory = Memory::of(&look.target, argument.address, look.extent, thread::id());
        match self.site.breach(Some(index), finding, (argument, look.extent), Some(memory)) {
            Ok(()) if self.check.is_some() => ControlFlow::Continue(()),
            outcome => ControlFlow::Break(outcome),
        }
    }

    /// True if a word is a pointer by its type, and leads to where a variable on the stack was. The
    /// look at the stack is made last: it is slow.
    fn is_declared_and_left(&self, index: usize, look: &PointerArg<'_>, offset: usize, word: usize) -> bool {
        let argument = look.argument;
        rules::is_declared(argument.info, offset)
            && self.site.severity(Rule::DanglingField, Some(index)) != Severity::Allow
            && self.is_left(word)
    }

    /// True if the word lies in a field that may lead to what is gone, as its contract says.
    fn is_left_behind(&self, index: usize, look: &PointerArg<'_>, offset: usize) -> bool {
        let stale = self.site.function.declaration.parameters.get(index).map_or(&[] as &[&str], |it| it.stale);
        !stale.is_empty()
            && rules::field_in_extent(look.argument.info, offset, look.extent)
                .is_some_and(|path| stale.iter().any(|name| path.rsplit('.').next() == Some(name)))
    }

    /// A word's place in what an argument points to.
    fn pointee(&self, look: &PointerArg<'_>, offset: usize) -> Holder {
        Holder::Pointee {
            memory: Memory::of(&look.target, look.argument.address, look.extent, thread::id()),
            offset,
            field: rules::field_in_extent(look.argument.info, offset, look.extent),
        }
    }

    /// What shows that a word in what an argument points to is a pointer that C may follow.
    fn evidence(&self, index: usize, look: &PointerArg<'_>, offset: usize, target: &Target) -> Evidence {
        let Argument { info, passing, .. } = look.argument;
        let parameter = self.site.function.declaration.parameters.get(index);
        // A pointer to a pointer is how C returns one.
        let answer = *passing == Passing::Mut && matches!(info.role, Role::Pointer | Role::Pointers);
        let declared = rules::is_declared(info, offset) && !answer;
        if matches!(target, Target::FreedByC(_)) {
            // C may leave such a word behind where it is not to be read, in its own memory and in
            // what it may write.
            let rusts = *passing == Passing::Const && matches!(look.target, Target::Heap(_) | Target::Stack(_));
            return match declared {
                true if rusts => Evidence::Declared,
                true => Evidence::StoredByC,
                false => Evidence::Value,
            };
        }
        if declared || parameter.is_some_and(|it| it.contract.is_stated_by_someone()) {
            Evidence::Declared
        } else if scan::is_in_c_heap(look.argument.address + offset) {
            Evidence::StoredByC
        } else {
            Evidence::Value
        }
    }

    /// Tells of freed memory that the arguments after this one lead to, before live memory in this
    /// one is told of: the worst comes first.
    #[cold]
    fn freed_after(&mut self, index: usize) -> Result<(), Stop> {
        let first = self.freed_told.max(index + 1);
        self.freed_told = self.arguments.len();
        let parameters = self.site.function.declaration.parameters;
        for (index, (argument, parameter)) in self.arguments.iter().zip(parameters).enumerate().skip(first) {
            if !matches!(argument.passing, Passing::Const | Passing::Mut) {
                continue;
            }
            let look = self.look(argument, parameter);
            let unsound = |it: &Finding| it.rule() != Rule::MisalignedPointer;
            match CHECKS.iter().filter_map(|check| check(&look)).find(unsound) {
                Some(finding @ Finding::DanglingPointer(_)) => self.breach(index, finding, &look)?,
                // Told of in its turn.
                Some(_) => {}
                None if look.extent == 0 || holds_nothing(&argument.info.shape, parameter.contract) => {}
                None if !matches!(look.target, Target::Heap(_) | Target::Stack(_)) => {}
                None if self.asks_of_freed(index, &look) => {
                    let mut dead = |this: &mut Self, offset, word| this.dead_word(index, &look, offset, word);
                    let left = self.left_for(&look);
                    // SAFETY: the extent is inside a live block or the live part of this thread's
                    // stack, as checked.
                    unsafe { self.each_word(&look, argument.address, (left, true), &mut dead) }?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// True if another argument of this call lends the target under `retained`.
    fn lent_as_retained(&self, target: &Target) -> bool {
        let Target::Heap(target) = target else { return false };
        self.arguments.iter().zip(self.site.function.declaration.parameters).any(|(argument, parameter)| {
            parameter.contract.is_retained()
                && matches!(argument.passing, Passing::Const | Passing::Mut)
                && matches!(Target::of(argument.address, &(0..0)), Target::Heap(block) if block.start == target.start)
        })
    }
}

/// True for an untyped pointer into a stack in heap memory: it reaches to the end of its block, but
/// a stack is no one object.
fn is_in_a_stack(argument: &Argument) -> bool {
    let to_the_end = argument.stated == Stated::No && extent::untyped(argument) && heap::contains(argument.address);
    to_the_end && scan::is_stack(argument.address)
}

/// True if what a word leads to is pinned, so that C may hold it.
fn is_pinned(word: usize, target: &Target) -> bool {
    match target {
        Target::Heap(block) => pins::is_block_pinned(block),
        _ => pins::is_range_pinned(word),
    }
}

/// C's half of the heap; empty without `c-heap`.
fn c_region() -> Range<usize> {
    #[cfg(feature = "c-heap")]
    return heap::c_region();
    #[cfg(not(feature = "c-heap"))]
    (0..0)
}

/// Bytes from which on memory of an unknown type is searched like C's globals, at memory speed in
/// any build.
const LARGE: usize = 1024;
