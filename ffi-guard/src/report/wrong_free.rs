//! What a report of `alloc_dealloc_mismatch` or `double_free` says: its facts, its sentences, its story.

use super::stale::Told;
use super::words::{bytes, position, sized_block, thread};
use crate::facts::{Asked, BlockFacts, Ending, Facts, Finding, Why, WrongFree};

impl Facts {
    /// The facts of these rules.
    pub(crate) fn wrong_free(&self) -> Option<&WrongFree> {
        match &self.finding {
            Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => Some(wrong),
            _ => None,
        }
    }

    /// The block that the address leads into, whoever's it is.
    fn wrong_block<'a>(&'a self, wrong: &'a WrongFree) -> Option<&'a BlockFacts> {
        wrong.c_block.as_ref().or(self.memory.as_ref().and_then(crate::facts::Memory::block))
    }
}

/// `Rust's heap`.
fn heap(wrong: &WrongFree) -> &'static str {
    if wrong.c_block.is_some() { "C's heap" } else { "Rust's heap" }
}

/// The finding in one sentence; and behind it, what can be left out.
pub(super) fn sentence(facts: &Facts, wrong: &WrongFree) -> (String, String) {
    let name = wrong.asked.name();
    let (size, align, offset) = facts
        .wrong_block(wrong)
        .map_or((0, 1, 0), |block| (block.size, block.align, wrong.address.wrapping_sub(block.address)));
    let of_heap = format!(" of {}", heap(wrong));
    match (&wrong.why, wrong.asked) {
        (Why::OtherLayout, Asked::Rust { size: given, align: aligned, .. }) => {
            let did = if wrong.asked.frees() { "freed" } else { "resized" };
            let sentence = match (given == size, aligned == align) {
                (false, true) => format!("{} was {did} as one of {}", sized_block(size), bytes(given)),
                (true, _) => format!("a block aligned to {align} was {did} as one aligned to {aligned}"),
                (false, false) => format!(
                    "{} aligned to {align} was {did} as {} aligned to {aligned}",
                    sized_block(size),
                    bytes(given)
                ),
            };
            (sentence, String::new())
        }
        (Why::OtherLayout | Why::OtherSide, _) => {
            (format!("`{name}` got {}{of_heap}", sized_block(size)), String::new())
        }
        (Why::Interior, _) => (format!("`{name}` got {}", position(offset, size)), of_heap),
        (Why::Freed, asked) if asked.frees() => {
            let how = match (wrong.c_block.is_some(), asked.is_c()) {
                (true, true) | (false, false) => "was freed twice",
                (false, true) => "was freed by Rust, then by C",
                (true, false) => "was freed by C, then by Rust",
            };
            (format!("{}{of_heap} {how}", sized_block(size)), String::new())
        }
        (Why::Freed, _) => (format!("`{name}` got {} that is freed already", sized_block(size)), String::new()),
        (Why::NoBlock, _) => (format!("`{name}` got an address where no block ever was"), String::new()),
        (Why::Stack(_), _) => (format!("`{name}` got an address on a stack"), String::new()),
        (Why::Outside(_), Asked::Rust { .. }) => {
            (format!("`{name}` got memory that Rust never allocated"), String::new())
        }
        (Why::Outside(_), Asked::C(_)) => (format!("`{name}` got memory that no allocator gave out"), String::new()),
    }
}

/// The label under the call that lent the block.
pub(super) fn label(who: &str, wrong: &WrongFree) -> String {
    if wrong.under_way {
        return format!("{who}, lent to this call, which is under way");
    }
    format!("{who}: the last call that was lent the block")
}

/// Where an address leads that leads to no block.
fn outside(why: &Why) -> Option<String> {
    match why {
        Why::Stack(id) => Some(format!("the stack of {}", thread(*id, None))),
        Why::Outside(Some(module)) => Some(format!("data of {module}")),
        Why::Outside(None) => Some("memory outside of Rust's heap, stacks and all modules' data".into()),
        Why::NoBlock => Some("a part of the heap that was never given out".into()),
        _ => None,
    }
}

fn layout(size: usize, align: usize) -> String {
    format!("{} aligned to {align}", bytes(size))
}

/// The story in the order of time, from the allocation on.
pub(super) fn story(facts: &Facts, wrong: &WrongFree) -> Vec<Told> {
    let mut story = Vec::new();
    let block = facts.wrong_block(wrong);
    match block {
        Some(block) => story.push(Told::Trace("allocated", block.allocated, block.allocated_by)),
        None => story.push(Told::Words("allocated", "not seen".into())),
    }
    match &facts.call {
        Some(call) => {
            let name = call.function.declaration.name.into();
            story.push(Told::At("lent", call.site, name, thread(call.thread, Some(call))));
            if wrong.under_way {
                story.push(Told::Words("returned", "not yet".into()));
            }
        }
        None if wrong.c_block.is_none() && block.is_some() => {
            story.push(Told::Words("lent", "not seen".into()));
        }
        None => {}
    }
    if let Some(block) = block.filter(|block| !block.live) {
        story.push(Told::Trace("freed", block.freed, block.freed_by));
    }
    let key = match (wrong.asked.frees(), &wrong.why) {
        (true, Why::Freed) => "freed again",
        (true, _) => "freed",
        (false, _) if wrong.asked.name().contains("realloc") => "resized",
        (false, _) => "asked for",
    };
    story.push(Told::Trace(key, wrong.at, wrong.thread));
    if let Asked::Rust { size, align, .. } = wrong.asked {
        story.push(Told::Words("given", layout(size, align)));
    }
    if let Some(block) = block {
        let offset = wrong.address.wrapping_sub(block.address);
        story.push(match wrong.why {
            Why::OtherLayout => Told::Words("made with", layout(block.size, block.align)),
            _ => Told::Words("leads to", format!("{} of {}", position(offset, block.size), heap(wrong))),
        });
    }
    if let Some(place) = outside(&wrong.why) {
        story.push(Told::Words("leads to", place));
    }
    story
}

/// The ways out.
pub(super) fn helps(wrong: &WrongFree) -> Vec<String> {
    let is_c = wrong.asked.is_c();
    match wrong.why {
        Why::OtherLayout => vec![
            "take it back as what it was made: `Box::into_raw` of a `Box<T>` goes back by `Box::from_raw` of the same `T`, not of a \
             type that the pointer was cast to"
                .into(),
            "a `Vec` goes back by `Vec::from_raw_parts(ptr, len, capacity)` with the capacity that it had; where C carries the \
             length alone, give it `vec.into_boxed_slice()`, and take back `Box::from_raw(slice_from_raw_parts_mut(ptr, len))`"
                .into(),
            "a `CString` goes back by `CString::from_raw`, with its NUL where it was".into(),
        ],
        Why::Interior => vec![
            "free the address that the allocation returned: keep it beside the one that moves on".into(),
        ],
        Why::Freed => vec![
            "free it in one place: of all that hold the pointer, one owns it, and the others let go of it".into(),
            "each `into_raw` is answered by one `from_raw`; a pointer that was taken back is set to null, or not kept".into(),
            "where C hands out what Rust has freed, give it a `ffi_guard::Handle`, which knows that it was released".into(),
        ],
        Why::OtherSide | Why::NoBlock if is_c => vec![
            "let Rust free it: give C a function to call when it is done with it, which does `drop(Box::from_raw(p))` (or \
             `CString::from_raw`, `Vec::from_raw_parts`)"
                .into(),
            "or let C own C's memory: what C is to free comes from `ffi_guard::CBox::new(value).into_raw()`, \
             `CSlice::copy_of(&bytes)`, `CText::new(text)`, or `libc::malloc`"
                .into(),
        ],
        Why::Stack(_) | Why::Outside(_) if is_c => {
            vec!["free what an allocation returned, and nothing else".into()]
        }
        _ => vec![
            "let C free it: hold it in `ffi_guard::CBox::from_raw(p)`, `CSlice::from_raw(p, len)` or `CText::from_raw(p)`, whose \
             drop calls C's `free`, or another function that is named"
                .into(),
            "or copy it, and free C's: `std::slice::from_raw_parts(p, len).to_vec()` or `CStr::from_ptr(p).to_owned()`, then \
             `libc::free(p)`"
                .into(),
        ],
    }
}

/// What there is to know beside the finding.
pub(super) fn notes(wrong: &WrongFree) -> Vec<String> {
    if let Some(ending) = wrong.ending {
        return vec![
            match ending {
                Ending::Refused => {
                    "C's allocator has refused it by itself and ends the process; the block is the one whose canary it read as a size"
                }
                Ending::Faulted => {
                    "C's allocator has looked for its size beside it, as if it were a block of C's, and faulted, which ends the process"
                }
            }
            .into(),
            "with the feature `c-heap` C's allocator is the guard's, which is asked before anything else".into(),
        ];
    }
    let mut notes = vec![
        match wrong.why {
            Why::OtherLayout => {
                "found before the free, in the table of Rust's blocks: it tells each block's size and alignment"
            }
            Why::Stack(_) | Why::Outside(_) => {
                "found before the free, from the address alone: nothing of this allocator's lies there"
            }
            _ => "found before the free, in the table of blocks; nothing is changed yet",
        }
        .into(),
    ];
    match wrong.why {
        Why::OtherLayout => notes.push(
            "other allocators take the size that they are told, and put the block on the list of another size".into(),
        ),
        Why::OtherSide | Why::Outside(None) => notes.push(
            "it works by chance where Rust's allocator is C's `malloc`; with any other it corrupts both heaps".into(),
        ),
        _ => {}
    }
    notes
}

impl Why {
    /// The name in the JSON object.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Why::OtherLayout => "other_layout",
            Why::Interior => "interior",
            Why::Freed => "freed",
            Why::OtherSide => "other_side",
            Why::NoBlock => "no_block",
            Why::Stack(_) => "stack",
            Why::Outside(_) => "outside",
        }
    }
}
