//! Level 2 with the C heap: follows an argument into C's blocks, and into those that they lead to,
//! each once.
//!
//! A C library works on a graph of its own blocks, and a pointer that Rust put into one of them
//! crosses with the graph. Walking it takes time, so it is done as often as C memory is searched
//! after calls: in the first calls of each function, and while the thread's credit lasts.

use super::breach::Stop;
use super::entry::Questions;
use crate::call::argument::Argument;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::facts::{Holder, Memory};
use crate::heap::{self, Block, FoundBlock};
use crate::platform::clock::ticks;
use crate::platform::read;
use crate::reentry::Reentry;
use crate::retention;
use crate::rule::{Rule, Severity};
use crate::rules::nested_pointer;
use crate::scan::{self, Hit, Wanted};

/// Bytes of C blocks that are followed from one argument.
const MOST: usize = 1 << 20;
/// Size up to which a C block is read in place. Larger blocks have their own pages, which another
/// thread may unmap meanwhile.
const SAFE: usize = 256 << 10;

impl Questions<'_> {
    /// Follows an argument that leads into a C block.
    pub(super) fn chain(&self, index: usize, look: &PointerArg<'_>) -> Result<(), Stop> {
        if self.site.severity(Rule::NestedPointer, Some(index)) == Severity::Allow
            || !heap::contains_c(look.argument.address)
            || !retention::may_look(self.site.function)
        {
            return Ok(());
        }
        let inside = Reentry::enter();
        let started = ticks();
        let found = self.walk(look.argument.address, look.extent);
        retention::looked(ticks().saturating_sub(started));
        drop(inside);
        let Some((holder, word, target)) = found else { return Ok(()) };
        let Target::Heap(block) = target else { return Ok(()) };
        let memory = Memory::Foreign { address: holder.start, size: holder.size };
        let holder = || Holder::Pointee { memory: memory.clone(), offset: word.location - holder.start, field: None };
        // C's blocks are no memory of the argument's own: no range is left out.
        match nested_pointer::check_word(word.word, &Target::Heap(block), &(0..0), thread::id(), holder) {
            Some(finding) => {
                let about: &Argument = look.argument;
                self.site.breach(Some(index), finding, (about, look.extent), Some(memory))
            }
            None => Ok(()),
        }
    }

    /// Finds the first word that leads into Rust memory which C has no right to, with the C block
    /// that holds it. The typed or stated extent was inspected already, and is only followed.
    fn walk(&self, from: usize, extent: usize) -> Option<(Block, Hit, Target)> {
        let wanted = Wanted::new([heap::region(), heap::c_region()]);
        let mut blocks: Vec<Block> = heap::lookup_c(from).into_iter().filter(|block| block.live).collect();
        let mut seen: std::collections::HashSet<usize> = blocks.iter().map(|block| block.start).collect();
        let (mut next, mut bytes) = (0, 0);
        let mut words = Vec::new();
        while let Some(&block) = blocks.get(next) {
            next += 1;
            bytes += block.size;
            if bytes > MOST {
                return None;
            }
            words.clear();
            words_of(&block, &wanted, &mut words);
            for &hit in &words {
                if let Some(target) = FoundBlock::at(hit.word) {
                    if hit.location.wrapping_sub(from) >= extent && self.is_strangers(&target) {
                        return Some((block, hit, Target::Heap(target)));
                    }
                } else if let Some(other) = heap::lookup_c(hit.word).filter(|other| other.live)
                    && seen.insert(other.start)
                    && !scan::is_stack(hit.word)
                {
                    blocks.push(other);
                }
            }
        }
        None
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
