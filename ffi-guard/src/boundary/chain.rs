//! Level 2 with the C heap: follows an argument into C's blocks, and into those that they lead to,
//! each once.
//!
//! A C library works on a graph of its own blocks, and a pointer that Rust put into one of them
//! crosses with the graph. Walking it takes time, so it is done as often as C memory is searched
//! after calls: in the first calls of each function, and while the thread's credit lasts.

use super::entry::Questions;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::{Allocation, Evidence, Holder, Memory};
use crate::heap::{self, Block, FoundBlock};
use crate::platform::clock::ticks;
use crate::platform::read;
use crate::reentry::Reentry;
use crate::retention;
use crate::rule::{Rule, Severity};
use crate::rules::{self, dangling_field, nested_pointer};
use crate::scan::{self, Hit, Wanted};

/// Bytes of C blocks that are followed from one argument.
const MOST: usize = 1 << 20;
/// Size up to which a C block is read in place. Larger blocks have their own pages, which another
/// thread may unmap meanwhile.
const SAFE: usize = 256 << 10;

/// A word in a block of C's that leads to Rust memory which C has no right to, or to a block that C
/// freed.
struct Stranger {
    /// C's block.
    holder: Block,
    word: Hit,
    target: Target,
}

/// What is looked for in C's blocks, as far as its rule is not allowed.
#[derive(Clone, Copy)]
struct Sought {
    freed: bool,
    live: bool,
    /// Blocks that C freed itself. Only if that is asked for by name: what a library leaves in its
    /// own blocks is its own affair, as in the spare capacity of a vector.
    freed_by_c: bool,
}

impl Questions<'_> {
    /// Follows an argument that leads into a C block.
    pub(super) fn chain(&self, index: usize, look: &PointerArg<'_>) -> Result<(), Stop> {
        // The defaults are those of words in C's blocks: freed memory is told of, live memory is
        // not.
        let severity = |rule, default| self.site.severity_or(rule, Some(index), default) != Severity::Allow;
        let sought = Sought {
            freed: !look.contract.is_typed() && severity(Rule::DanglingField, Severity::Warn),
            live: severity(Rule::NestedPointer, Severity::Allow),
            freed_by_c: !look.contract.is_typed() && severity(Rule::DanglingField, Severity::Allow),
        };
        if !(sought.freed || sought.live)
            || !heap::contains_c(look.argument.address)
            || !retention::may_look(self.site.function)
        {
            return Ok(());
        }
        let inside = Reentry::enter();
        let started = ticks();
        let found = self.walk(look, sought);
        retention::looked(ticks().saturating_sub(started));
        drop(inside);
        let Some(Stranger { holder: block, word, target }) = found else { return Ok(()) };
        let memory = Memory::Foreign { address: block.start, size: block.size };
        let holder = || Holder::CBlock {
            memory: memory.clone(),
            offset: word.location - block.start,
            own: look.argument.address.wrapping_sub(block.start) < block.size.max(1),
            allocated_at: Allocation { trace: block.allocated, thread: block.allocated_by },
        };
        let leads_to = target;
        let is_cs = matches!(leads_to, Target::FreedByC(_));
        let evidence = || match look.contract.is_stated_by_someone() {
            _ if is_cs => Evidence::Value,
            true => Evidence::Declared,
            false => Evidence::StoredByC,
        };
        let freed = dangling_field::check_word(word.word, &leads_to, holder, evidence);
        // C's blocks are no memory of the argument's own: no range is left out.
        let live = || nested_pointer::check_word(word.word, &leads_to, &(0..0), thread::id(), holder);
        let about = if freed.is_some() { Memory::of(&leads_to, word.word, 0, thread::id()) } else { memory.clone() };
        match freed.or_else(live) {
            Some(finding) => self.site.breach(Some(index), finding, (look.argument, look.extent), Some(about)),
            None => Ok(()),
        }
    }

    /// Finds the first word that leads to freed memory, or else the first that leads to live memory
    /// which C has no right to. The typed or stated extent was inspected already, and is only
    /// followed.
    fn walk(&self, look: &PointerArg<'_>, sought: Sought) -> Option<Stranger> {
        let (from, extent, info) = (look.argument.address, look.extent, look.argument.info);
        let is_user_data = |at: usize| at.wrapping_sub(from) < extent && rules::is_left_out(info, at - from);
        let wanted = Wanted::new([heap::region(), heap::c_region()]);
        let mut blocks: Vec<Block> = heap::lookup_c(from).into_iter().filter(|block| block.live).collect();
        let mut seen: std::collections::HashSet<usize> = blocks.iter().map(|block| block.start).collect();
        let (mut next, mut bytes, mut live) = (0, 0, None);
        let mut words = Vec::new();
        while let Some(&holder) = blocks.get(next) {
            next += 1;
            bytes += holder.size;
            if bytes > MOST {
                break;
            }
            words.clear();
            words_of(&holder, &wanted, &mut words);
            for &word in &words {
                if let Some(target) = FoundBlock::at(word.word) {
                    if word.location.wrapping_sub(from) < extent {
                        continue;
                    }
                    if sought.freed && !target.live {
                        return Some(Stranger { holder, word, target: Target::Heap(target) });
                    }
                    if sought.live && live.is_none() && self.is_strangers(&target) {
                        live = Some(Stranger { holder, word, target: Target::Heap(target) });
                    }
                } else if let Some(other) = FoundBlock::at_c(word.word) {
                    if other.live {
                        let follows = !is_user_data(word.location) && seen.insert(other.start);
                        if follows && !scan::is_stack(word.word) {
                            blocks.push(*other);
                        }
                    } else if sought.freed_by_c {
                        return Some(Stranger { holder, word, target: Target::FreedByC(other) });
                    }
                }
            }
        }
        live
    }

    /// True if no call gave C this block: it is live, no call that has not returned lends it, none
    /// let C keep it, and none waits for a sweep to find that C kept it.
    fn is_strangers(&self, block: &Block) -> bool {
        block.live
            && heap::loans(block) == 0
            && !heap::may_be_retained(block)
            && heap::noted(block) != heap::sweep::next()
            && !self.lends(block)
    }
}

/// Collects the words of a C block that lead into either half of the heap.
fn words_of(block: &Block, wanted: &Wanted, words: &mut Vec<Hit>) {
    if block.size <= SAFE {
        // SAFETY: a slot of the C half of the heap, which always stays accessible.
        return unsafe { scan::words(block.start, block.size, wanted, words) };
    }
    let mut copy = vec![0_u64; block.size.div_ceil(size_of::<u64>())];
    let start = copy.as_mut_ptr().cast::<u8>();
    // SAFETY: the vector has at least `block.size` bytes, is exclusive and initialised.
    let into = unsafe { std::slice::from_raw_parts_mut(start, block.size) };
    if read::read(block.start, into).is_some() {
        let from = words.len();
        // SAFETY: `start` leads to the copy, `block.size` initialised bytes.
        unsafe { scan::words(start.expose_provenance(), block.size, wanted, words) };
        for hit in words.iter_mut().skip(from) {
            hit.location = hit.location - start.addr() + block.start;
        }
    }
}
