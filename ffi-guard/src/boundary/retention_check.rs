//! Level 2: records what a call lends, and searches for what C kept of it.

use crate::facts::Memory;
use std::ops::Range;

use super::behind::{self, Behind};
use super::canary;
use super::holder::{self, LentStruct};
use super::snapshot::{OwnLoans, Snapshot};
use crate::call::argument::{Argument, Stated};
use crate::call::extent;
use crate::call::loan::Loan;
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::delivery::deferred;
use crate::facts::{Finding, Promise};
use crate::heap::{self, Block, FoundBlock};
use crate::platform::clock::ticks;
use crate::reentry::Reentry;
use crate::retention::let_go::let_go;
use crate::retention::{self, Note, Outer, lent_by, pins, stack_loans};
use crate::rule::{Rule, Severity};
use crate::rules::{leads_into, retained_pointer};
use crate::scan::{self, Hit, Wanted};

/// Memory that one call lends, and how its exit follows it up.
#[derive(Default)]
pub(super) struct RetentionCheck {
    lent: Vec<Lent>,
    /// Lent blocks in which C may store pointers.
    holders: Vec<LentStruct>,
    /// Lent blocks, each counted once with the heap.
    loans: Vec<FoundBlock>,
    /// Live blocks of C's own that arguments lead into: their canaries are asked for.
    of_c: Vec<(FoundBlock, Loan)>,
    /// Words in C's globals that led into lent memory before the call began.
    before: Vec<Hit>,
    follow_up: FollowUp,
    /// What lies behind the variables on the stack that are lent to be written.
    behind: Vec<Behind>,
    /// Addresses on the stack that lent memory leads to.
    led_to: Vec<usize>,
    /// Copies that C works on, each with the start of its original.
    copies: Vec<(Range<usize>, usize)>,
    /// Copies of what C may read but not write.
    snapshot: Snapshot,
}

/// Way in which the exit of a call follows up its loans.
#[derive(Default)]
enum FollowUp {
    /// Nothing: C may keep all that was lent.
    #[default]
    Nothing,
    /// Looks again and compares.
    Look {
        /// Targets of the search.
        wanted: Wanted,
        /// Ticks that the look before C took.
        took: u64,
    },
    /// Notes what was lent, since no look is due; looks for words in the lent structs alone.
    Note {
        /// What they may have been made to lead to.
        wanted: Wanted,
    },
}

/// One piece of memory, lent for the call.
struct Lent {
    /// The heap block, or the extent on the stack.
    range: Range<usize>,
    /// The block, `None` on the stack.
    block: Option<FoundBlock>,
    /// The argument that lends it, or the pointer found in an argument's target.
    loan: Loan,
    /// Reason why C may keep it: the contract, or a pin.
    promise: Option<Promise>,
    /// Index of the argument that is the handle by which C holds it.
    holder: Option<usize>,
    /// The block that leads to it, if the call does not lend it itself.
    outer: Option<Outer>,
}

impl Lent {
    /// True if a word leads into it.
    fn has(&self, word: usize) -> bool {
        leads_into(word, self.range.start, self.range.len())
    }

    /// True if C may not keep it.
    fn is_looked_for(&self, site: &Site) -> bool {
        self.promise.is_none()
            && !self.range.is_empty()
            && site.severity(Rule::RetainedPointer, Some(self.loan.parameter)) != Severity::Allow
    }
}

impl Drop for RetentionCheck {
    fn drop(&mut self) {
        let _inside = Reentry::enter();
        self.snapshot.forget();
        for block in self.loans.drain(..) {
            heap::unlend(&block);
        }
    }
}

impl RetentionCheck {
    /// Records what an argument lends.
    pub(super) fn lend(&mut self, look: &PointerArg<'_>, parameter: usize) {
        let argument = *look.argument;
        let (range, block) = match &look.target {
            Target::Heap(block) => (block.start..block.start + block.size, Some(*block)),
            // What lies behind an untyped pointer begins there, and nothing tells where it ends.
            Target::Stack(_) if extent::untyped(&argument) && argument.stated == Stated::No => {
                (argument.address..argument.address + 1, None)
            }
            Target::Stack(_) => (argument.address..argument.address + look.extent, None),
            Target::Foreign => {
                if let Some(block) = canary::block_of_c(argument.address) {
                    let _inside = Reentry::enter();
                    self.of_c.push((block, Loan::of(&argument, parameter, look.extent)));
                }
                return;
            }
            Target::Null | Target::LeftStack | Target::FreedByC(_) => return,
        };
        let _inside = Reentry::enter();
        let loan = Loan::of(&argument, parameter, look.extent);
        self.add(Lent { range, block, loan, promise: promise(look), holder: look.contract.holder(), outer: None });
        self.holders.extend(LentStruct::of(look, parameter));
        self.behind.extend(Behind::of(look, parameter));
    }

    /// Records the block that a word inside an argument's target leads to: it is lent as well.
    pub(super) fn lend_found(&mut self, word: usize, target: &Target, look: &PointerArg<'_>, parameter: usize) {
        let Target::Heap(block) = target else { return };
        if block.live && !self.lent.iter().any(|lent| lent.range.start == block.start) {
            let _inside = Reentry::enter();
            let range = block.start..block.start + block.size;
            let extent = range.end.saturating_sub(word);
            let loan = Loan::of(&Argument::found(word), parameter, extent);
            let holder = look.contract.holder();
            let outer = match &look.target {
                Target::Heap(outer) => Some(Outer::of(outer, look.argument, look.extent)),
                _ => None,
            };
            self.add(Lent { range, block: Some(*block), loan, promise: promise(look), holder, outer });
        }
    }

    /// Records that a word inside an argument's target leads to this address of the stack.
    pub(super) fn leads_to(&mut self, address: usize) {
        let _inside = Reentry::enter();
        self.led_to.push(address);
    }

    /// Note of this block's loan, if this call has lent it.
    pub(super) fn note_of(&self, block: &Block, site: &Site) -> Option<Note> {
        let lent = self.lent.iter().find(|lent| {
            lent.block.is_some_and(|lent| lent.start == block.start && lent.generation == block.generation)
        })?;
        Some(Note::new(block, site, &lent.loan))
    }

    fn add(&mut self, mut lent: Lent) {
        if lent.promise.is_none() && is_pinned(&lent) {
            lent.promise = Some(Promise::Pinned);
        }
        // A block that several arguments lead into is counted once.
        let block = lent.block.filter(|block| !self.lent.iter().any(|other| other.range.start == block.start));
        if let Some(block) = block
            && heap::lend(&block)
        {
            self.loans.push(block);
        }
        self.lent.push(lent);
    }

    /// True if another call that has not returned lends the block too.
    fn lent_elsewhere(&self, block: &FoundBlock) -> bool {
        let own = self.loans.iter().filter(|own| own.start == block.start).count();
        usize::try_from(heap::loans(block)).is_ok_and(|loans| loans > own)
    }

    /// Records the copies that C works on: a pointer kept into one counts as into its original.
    pub(super) fn work_on(&mut self, copies: impl Iterator<Item = (Range<usize>, usize)>) {
        let _inside = Reentry::enter();
        self.copies.extend(copies);
    }

    /// Translates a word that leads into a copy to the original; returns any other word unchanged.
    fn home(&self, word: usize) -> usize {
        let copy = self.copies.iter().find(|(copy, _)| copy.contains(&word));
        copy.map_or(word, |(copy, original)| original + (word - copy.start))
    }

    /// Decides how the call's loans are followed up, and takes the last look before C runs. `call`:
    /// number of guarded calls that this thread has made.
    pub(super) fn begin(&mut self, site: &Site, arguments: &[Argument], call: usize) -> Result<(), Stop> {
        self.loans.iter().chain(self.of_c.iter().map(|(block, _)| block)).try_for_each(canary::before)?;
        self.snapshot = Snapshot::take(site, arguments, &[], call, OwnLoans::Once);
        self.prepare(site, arguments);
        Ok(())
    }

    /// Notes what C may keep, and asks for the canaries, of a call whose return is not seen. What C
    /// kept of the rest is not looked for.
    pub(super) fn note_what_may_be_kept(self, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
        self.loans.iter().chain(self.of_c.iter().map(|(block, _)| block)).try_for_each(canary::before)?;
        let _inside = Reentry::enter();
        self.let_keep(site, arguments);
        Ok(())
    }

    /// Records what C may keep, by the contract or a pin, or because nothing is told of it.
    fn let_keep(&self, site: &Site, arguments: &[Argument]) {
        let lent = &self.lent;
        lent.iter().filter_map(|lent| lent.block.as_ref()).for_each(|block| lent_by::note(block, site));
        // If the rule is allowed, C may keep the block as well: later calls are not to be blamed
        // for it.
        let allows = |lent: &Lent| site.severity(Rule::RetainedPointer, Some(lent.loan.parameter)) == Severity::Allow;
        for lent in lent {
            let holder = lent.holder.and_then(|index| arguments.get(index)).map_or(0, |handle| handle.address);
            let Some(block) = lent.block else {
                // C may keep its own stack: one of its frames called back.
                if let Some(promise) = lent.promise
                    && !lent.range.is_empty()
                    && scan::in_rust_frame(lent.range.start)
                {
                    stack_loans::lend(&lent.range, site, &lent.loan, promise, holder);
                    deferred::settle_at_exit();
                }
                continue;
            };
            let note = || Note::new(&block, site, &lent.loan);
            match lent.promise {
                Some(promise) => {
                    retention::let_keep(&block, note(), promise, (holder, lent.outer));
                    deferred::settle_at_exit();
                }
                None if allows(lent) => _ = heap::exempt(&block),
                None => {}
            }
        }
    }

    fn prepare(&mut self, site: &Site, arguments: &[Argument]) {
        let _inside = Reentry::enter();
        self.let_keep(site, arguments);
        let lent = &self.lent;
        let looked_for = |lent: &&Lent| lent.is_looked_for(site);
        if lent.iter().any(|lent| looked_for(&lent)) {
            let started = ticks();
            let copies = self.copies.iter().map(|(copy, _)| copy.clone());
            let wanted = Wanted::new(lent.iter().filter(looked_for).map(|lent| lent.range.clone()).chain(copies));
            let looks = retention::may_look(site.function);
            if looks {
                scan::c_memory(&wanted, &mut self.before);
                self.before.sort_unstable_by_key(|hit| hit.location);
            }
            // Only another lent block could hold its address.
            let several = lent.iter().any(|other| other.range.start != lent[0].range.start);
            self.holders.retain(|_| several);
            for holder in &mut self.holders {
                let mut led_to = Vec::new();
                holder.each_word(&|word| wanted.contains(word), |_, word| {
                    led_to.extend(lent.iter().find(|lent| lent.has(word)).map(|lent| lent.range.start));
                });
                holder.led_to = led_to;
            }
            self.follow_up = match looks {
                true => FollowUp::Look { wanted, took: ticks().saturating_sub(started) },
                false => FollowUp::Note { wanted },
            };
        }
    }

    /// Follows up the loans after C has returned.
    pub(super) fn end(mut self, site: &Site, arguments: &[Argument], rust_ran: bool) -> Result<(), Stop> {
        let _inside = Reentry::enter();
        let _named = thread::name_wrapper(site.function.wrapper_of(arguments, true));
        #[cfg(feature = "c-heap")]
        self.witness(site);
        for (argument, parameter) in arguments.iter().zip(site.function.declaration.parameters) {
            if parameter.contract.ends_holding() && argument.address != 0 {
                let_go(argument.address);
            }
        }
        // Everything is settled before anything is raised: one panic carries one report.
        let written = self.look_for_writes(site, arguments).and(self.look_behind(site, arguments, rust_ran));
        let kept = self.look_for_kept(site, arguments, rust_ran);
        written.and(kept)
    }

    /// Checks for writes to memory that was not lent to be written.
    fn look_for_writes(&mut self, site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
        let lent_too = |other: &Block| self.loans.iter().any(|block| block.start == other.start);
        let outcome = self.lent.iter().try_for_each(|lent| match &lent.block {
            Some(block) => canary::after_one(site, &lent.loan, block, &lent_too),
            None => Ok(()),
        });
        let of_c = |(block, loan): &(FoundBlock, Loan)| canary::after_one(site, loan, block, &|_| false);
        let outcome = outcome.and_then(|()| self.of_c.iter().try_for_each(of_c));
        let snapshot = std::mem::take(&mut self.snapshot);
        snapshot.compare(site, arguments, OwnLoans::Once).and(outcome)
    }

    /// Checks for writes behind variables on the stack.
    fn look_behind(&mut self, site: &Site, arguments: &[Argument], rust_ran: bool) -> Result<(), Stop> {
        let behind = std::mem::take(&mut self.behind);
        if behind.is_empty() || behind::is_unknown(arguments, rust_ran) || !self.copies.is_empty() {
            return Ok(());
        }
        let on_stack = self.lent.iter().filter(|lent| lent.block.is_none()).map(|lent| lent.range.clone());
        let lent: Vec<_> = on_stack.chain(self.led_to.iter().map(|&at| at..at + 1)).collect();
        behind.iter().try_for_each(|behind| behind.compare(site, &lent))
    }

    fn look_for_kept(&mut self, site: &Site, arguments: &[Argument], rust_ran: bool) -> Result<(), Stop> {
        match std::mem::replace(&mut self.follow_up, FollowUp::Nothing) {
            // Notes also what a severity lets C keep: if it writes to it later, this call is a
            // suspect.
            FollowUp::Nothing => {
                self.note(site);
                Ok(())
            }
            FollowUp::Note { wanted } => {
                let left = if rust_ran || holder::calls_back(arguments) { Vec::new() } else { self.left(&wanted) };
                let outcome = self.look_beside(site, left);
                self.note(site);
                outcome
            }
            FollowUp::Look { wanted, took } => {
                let called_back = rust_ran || holder::calls_back(arguments);
                let outcome = self.look(site, (rust_ran, called_back), &wanted, took);
                // Notes the loans all the same: a thread that C started may store a pointer later,
                // which a sweep finds.
                self.note(site);
                outcome
            }
        }
    }

    /// Records where C holds what it may keep.
    #[cfg(feature = "c-heap")]
    fn witness(&self, site: &Site) {
        let kept =
            self.lent.iter().filter(|lent| lent.promise.is_some()).filter_map(|lent| lent.block.map(|block| *block));
        let kept: Vec<Block> = kept.collect();
        if !kept.is_empty() && retention::may_look(site.function) {
            let started = ticks();
            site.function.looked(retention::witness(&kept));
            retention::looked(ticks().saturating_sub(started));
        }
    }

    /// Searches C's memory and the lent blocks for pointers that C kept.
    fn look(&self, site: &Site, (rust_ran, called_back): (bool, bool), wanted: &Wanted, took: u64) -> Result<(), Stop> {
        let started = ticks();
        let mut after = Vec::new();
        let bytes = scan::c_memory(wanted, &mut after);
        site.function.looked(bytes);
        // Rust writes to the lent blocks too: if it ran meanwhile, it may have stored the pointers.
        let left = if called_back { Vec::new() } else { self.left(wanted) };
        retention::looked(took + ticks().saturating_sub(started));
        after.sort_unstable_by_key(|hit| hit.location);
        let mut gone = self.gone(&after);
        let mut told: Vec<usize> = Vec::new();
        let mut outcome = Ok(());
        for hit in after {
            let moved = gone.iter().position(|&word| word == hit.word && scan::is_in_c_heap(hit.location));
            if holds(&self.before, &hit) || moved.map(|at| gone.swap_remove(at)).is_some() {
                // Known to later sweeps from here on.
                retention::remember(hit);
                continue;
            }
            let word = self.home(hit.word);
            let Some(lent) = self.lent.iter().find(|lent| lent.has(word)) else { continue };
            if told.contains(&lent.range.start) {
                // A block that C holds in three places is reported once.
                retention::remember(hit);
                continue;
            }
            if outcome.is_err() || !self.answers_for(lent, word) {
                continue;
            }
            let Some(finding) = retained_pointer::check(Hit { word, ..hit }, rust_ran, true) else { continue };
            // Later sweeps find the word again: it is marked as reported.
            retention::remember(hit);
            told.push(lent.range.start);
            outcome = self.told(site, lent, finding);
        }
        outcome?;
        self.look_beside(site, left)
    }

    /// The words in lent structs that lead into lent memory, each with its struct and offset.
    fn left(&self, wanted: &Wanted) -> Vec<(&LentStruct, usize, usize)> {
        let mut left = Vec::new();
        for holder in &self.holders {
            holder.each_word(&|word| wanted.contains(word), |offset, word| left.push((holder, offset, word)));
        }
        left
    }

    /// Reports a lent Rust block in which C has stored the address of another one. `left`: the
    /// words in lent blocks that lead into lent memory, each with its block and offset.
    fn look_beside(&self, site: &Site, left: Vec<(&LentStruct, usize, usize)>) -> Result<(), Stop> {
        let mut told = Vec::new();
        for (holder, offset, word) in left {
            // A block that was only found inside lent memory was nested there by Rust, and C may
            // move such a pointer.
            let direct = |lent: &&Lent| lent.has(word) && !lent.loan.is_found();
            let Some(lent) = self.lent.iter().find(direct).filter(|lent| lent.is_looked_for(site)) else { continue };
            let start = lent.range.start;
            let known = start == holder.block.start || holder.led_to.contains(&start);
            if known || told.contains(&(holder.block.start, start)) || !self.answers_for(lent, word) {
                continue;
            }
            told.push((holder.block.start, start));
            let name = site.function.declaration.parameters.get(holder.parameter).map_or("", |it| it.name);
            let address = holder.argument.address + offset;
            let finding = retained_pointer::left_in(&holder.block, name, holder.field(offset), address, word);
            self.told(site, lent, finding)?;
        }
        Ok(())
    }

    /// Words that C's heap held before the call and holds no more: `realloc` moves a block with its
    /// contents, and a word moved so is not new.
    fn gone(&self, after: &[Hit]) -> Vec<usize> {
        let gone = self.before.iter().filter(|hit| scan::is_in_c_heap(hit.location) && !holds(after, hit));
        gone.map(|hit| hit.word).collect()
    }

    /// True if C may not keep the word, which leads into lent memory, and this call must report it.
    fn answers_for(&self, lent: &Lent, word: usize) -> bool {
        let kept_by_right = self.lent.iter().any(|other| other.promise.is_some() && other.range.contains(&word));
        // C may keep its own stack: one of its frames called back, and this call was lent a
        // variable of it.
        let cs_own = || lent.block.is_none() && !scan::in_rust_frame(lent.loan.address);
        // Another call lends the block too, and may have put the word there: that call reports it
        // on return.
        let elsewhere = || lent.block.as_ref().is_some_and(|block| self.lent_elsewhere(block));
        !kept_by_right && !cs_own() && !elsewhere()
    }

    /// Notes the lent heap blocks for a sweep. (Lent stack is gone by then.)
    fn note(&self, site: &Site) {
        for lent in self.lent.iter().filter(|lent| lent.promise.is_none()) {
            if let Some(block) = lent.block {
                retention::lend(&block, site, &lent.loan);
            }
        }
        deferred::settle_at_exit();
    }

    fn told(&self, site: &Site, lent: &Lent, finding: Finding) -> Result<(), Stop> {
        let stack = if lent.block.is_none() { lent.range.clone() } else { 0..0 };
        let target = Target::of(lent.loan.address, &stack);
        let memory = Memory::of(&target, lent.loan.address, lent.loan.extent, thread::id());
        site.breach_of(&lent.loan, finding, memory)
    }
}

/// Promise under which C may keep what the argument leads to, and what that leads to: `getopt`
/// keeps the strings, not the array.
fn promise(look: &PointerArg<'_>) -> Option<Promise> {
    match look.contract {
        contract if contract.is_owned() => Some(Promise::Owned),
        contract if contract.is_retained() => Some(Promise::Retained),
        _ => None,
    }
}

/// True if the memory is pinned: C may keep it for that long.
fn is_pinned(lent: &Lent) -> bool {
    match &lent.block {
        Some(block) => pins::is_block_pinned(block),
        None => pins::is_range_pinned(lent.range.start),
    }
}

/// True if `found`, sorted by location, contains the word at its location.
fn holds(found: &[Hit], hit: &Hit) -> bool {
    found.binary_search_by_key(&hit.location, |hit| hit.location).is_ok_and(|at| found.get(at) == Some(hit))
}
