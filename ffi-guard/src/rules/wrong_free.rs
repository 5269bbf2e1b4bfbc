//! The words of `alloc_dealloc_mismatch` and `double_free`, which are about one thing: a free, or a
//! resize, that was refused.

use super::words::{Beat, Picture, Piece, Row, SizedBlock, Story, Thread, Value, Words, bytes, label, position, state};
use crate::facts::{Asked, BlockFacts, Ending, Facts, Memory, Why, WrongFree};

pub(super) fn words<'a>(wrong: &'a WrongFree, facts: &'a Facts) -> Words<'a> {
    let lent = match wrong.under_way {
        true => ", lent to this call, which is under way",
        false => ": the last call that was lent the block",
    };
    Words {
        sentence: sentence(wrong, facts),
        label: label(facts, "", lent),
        story: story(wrong, facts),
        picture: picture(wrong, facts),
        helps: helps(wrong, facts),
        notes: notes(wrong),
        json: json(wrong),
    }
}

/// The block that the address leads into, on either side.
fn block_of<'a>(wrong: &'a WrongFree, facts: &'a Facts) -> Option<&'a BlockFacts> {
    wrong.c_block.as_ref().or(facts.memory.as_ref().and_then(Memory::block))
}

/// `Rust's heap`.
fn heap(wrong: &WrongFree) -> &'static str {
    if wrong.c_block.is_some() { "C's heap" } else { "Rust's heap" }
}

fn sentence(wrong: &WrongFree, facts: &Facts) -> (String, String) {
    let name = wrong.asked.name();
    let (size, align, offset) = block_of(wrong, facts)
        .map_or((0, 1, 0), |block| (block.size, block.align, wrong.address.wrapping_sub(block.address)));
    let block = SizedBlock(size);
    let of_heap = format!(" of {}", heap(wrong));
    let sentence = match (&wrong.why, wrong.asked) {
        (Why::OtherLayout, Asked::Rust { size: given, align: aligned, .. }) => {
            let did = if wrong.asked.frees() { "freed" } else { "resized" };
            match (given == size, aligned == align) {
                (false, true) => format!("{block} was {did} as one of {}", bytes(given)),
                (true, _) => format!("a block aligned to {align} was {did} as one aligned to {aligned}"),
                (false, false) => {
                    format!("{block} aligned to {align} was {did} as {} aligned to {aligned}", bytes(given))
                }
            }
        }
        (Why::OtherLayout | Why::OtherSide, _) => format!("`{name}` got {block}{of_heap}"),
        (Why::Interior, _) => return (format!("`{name}` got {}", position(offset, size)), of_heap),
        (Why::Freed, asked) if asked.frees() => {
            let how = match (wrong.c_block.is_some(), asked.is_c()) {
                (true, true) | (false, false) => "was freed twice",
                (false, true) => "was freed by Rust, then by C",
                (true, false) => "was freed by C, then by Rust",
            };
            format!("{block}{of_heap} {how}")
        }
        (Why::Freed, _) => format!("`{name}` got {block} that is freed already"),
        (Why::NoBlock, _) => format!("`{name}` got an address where no block ever was"),
        (Why::Stack(_), _) => format!("`{name}` got an address on a stack"),
        (Why::Outside(_), Asked::Rust { .. }) => format!("`{name}` got memory that Rust never allocated"),
        (Why::Outside(_), Asked::C(_)) => format!("`{name}` got memory that no allocator gave out"),
    };
    (sentence, String::new())
}

/// The place that an address without a block leads to.
fn outside(why: &Why) -> Option<String> {
    match why {
        Why::Stack(id) => Some(format!("the stack of {}", Thread::unnamed(*id))),
        Why::Outside(Some(module)) => Some(format!("data of {module}")),
        Why::Outside(None) => Some("memory outside of Rust's heap, stacks and all modules' data".into()),
        Why::NoBlock => Some("a part of the heap that was never given out".into()),
        Why::OtherLayout | Why::Interior | Why::Freed | Why::OtherSide => None,
    }
}

fn layout(size: usize, align: usize) -> String {
    format!("{} aligned to {align}", bytes(size))
}

fn story<'a>(wrong: &'a WrongFree, facts: &'a Facts) -> Vec<Beat<'a>> {
    let mut story = Story::of_places(facts);
    story.declared();
    let block = block_of(wrong, facts);
    match block {
        Some(block) => story.trace("allocated", block.allocated, block.allocated_by),
        None => story.say("allocated", "not seen"),
    }
    match &facts.call {
        Some(call) => {
            let thread = story.thread(call.thread);
            story.at("lent", call.site, call.function.declaration.name, thread);
            if wrong.under_way {
                story.say("returned", "not yet");
            }
        }
        None if wrong.c_block.is_none() && block.is_some() => story.say("lent", "not seen"),
        None => {}
    }
    if let Some(block) = block.filter(|block| !block.live) {
        story.trace("freed", block.freed, block.freed_by);
    }
    let key = match (wrong.asked.frees(), &wrong.why) {
        (true, Why::Freed) => "freed again",
        (true, _) => "freed",
        (false, _) if wrong.asked.name().contains("realloc") => "resized",
        (false, _) => "asked for",
    };
    story.trace(key, wrong.at, wrong.thread);
    if let Asked::Rust { size, align, .. } = wrong.asked {
        story.say("given", layout(size, align));
    }
    if let Some(block) = block {
        let offset = wrong.address.wrapping_sub(block.address);
        match wrong.why {
            Why::OtherLayout => story.say("made with", layout(block.size, block.align)),
            _ => story.say("leads to", format!("{} of {}", position(offset, block.size), heap(wrong))),
        }
    }
    if let Some(place) = outside(&wrong.why) {
        story.say("leads to", place);
    }
    story.done()
}

/// A block that the other side's allocator got. What stays on Rust's side needs no picture.
fn picture(wrong: &WrongFree, facts: &Facts) -> Option<Picture> {
    let who = Piece::new([Row::Text(wrong.asked.name().into()), Row::Holds("ptr".into(), wrong.address)]);
    if wrong.asked.is_c() {
        return Picture::new(facts, who, "given");
    }
    let right = match (&wrong.c_block, &wrong.why) {
        (Some(block), _) => Piece {
            gone: !block.live,
            ..Piece::new([
                Row::Text(format!("{:#x}", block.address)),
                Row::Text(format!("{}, {}", bytes(block.size), state(block))),
            ])
        },
        (None, Why::Outside(module)) => Piece::new([
            Row::Text(format!("{:#x}", wrong.address)),
            Row::Text(module.as_deref().unwrap_or("not Rust's").into()),
        ]),
        (None, _) => return None,
    };
    Some(Picture { left: vec![who], right, arrow: "given", to_right: true, way: ("", String::new()) })
}

fn helps(wrong: &WrongFree, facts: &Facts) -> Vec<String> {
    let is_c = wrong.asked.is_c();
    // Within a block of the other side, no address is the right one for this allocator.
    let other_side = block_of(wrong, facts).is_some() && is_c != wrong.c_block.is_some();
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
        Why::Interior if !other_side => vec![
            "free the address that the allocation returned: keep it beside the one that moves on".into(),
        ],
        Why::Freed => {
            let mut helps = vec![
                "free it in one place: of all that hold the pointer, one owns it, and the others let go of it".to_string(),
            ];
            if wrong.c_block.is_none() {
                helps.push(
                    "each `into_raw` is answered by one `from_raw`; a pointer that was taken back is set to null, or not kept"
                        .into(),
                );
                helps.push(
                    "where C hands out what Rust has freed, give it a `ffi_guard::Handle`, which knows that it was released"
                        .into(),
                );
            } else if is_c {
                helps.push("set the pointer to null where it is freed: `free` takes null, and does nothing".into());
            } else {
                helps.extend(let_c_free());
            }
            helps
        }
        Why::Stack(_) | Why::Outside(_) if is_c => {
            vec!["free what an allocation returned, and nothing else".into()]
        }
        Why::OtherSide | Why::NoBlock | Why::Interior if is_c => vec![
            "let Rust free it: give C a function to call when it is done with it, which does `drop(Box::from_raw(p))` (or \
             `CString::from_raw`, `Vec::from_raw_parts`)"
                .into(),
            "or let C own C's memory: what C is to free comes from `ffi_guard::CBox::new(value).into_raw()`, \
             `CSlice::copy_of(&bytes)`, `CText::new(text)`, or `libc::malloc`"
                .into(),
        ],
        Why::OtherSide | Why::NoBlock | Why::Interior | Why::Stack(_) | Why::Outside(_) => let_c_free(),
    }
}

/// The ways out for memory of C's that Rust's allocator got.
fn let_c_free() -> Vec<String> {
    vec![
        "let C free it: hold it in `ffi_guard::CBox::from_raw(p)`, `CSlice::from_raw(p, len)` or `CText::from_raw(p)`, whose \
         drop calls C's `free`, or another function that is named"
            .into(),
        "or copy it, and free C's: `std::slice::from_raw_parts(p, len).to_vec()` or `CStr::from_ptr(p).to_owned()`, then \
         `libc::free(p)`"
            .into(),
    ]
}

fn notes(wrong: &WrongFree) -> Vec<String> {
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
            Why::Interior | Why::Freed | Why::OtherSide | Why::NoBlock => {
                "found before the free, in the table of blocks; nothing is changed yet"
            }
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
        Why::Interior | Why::Freed | Why::NoBlock | Why::Stack(_) | Why::Outside(Some(_)) => {}
    }
    notes
}

fn json(wrong: &WrongFree) -> Vec<(&'static str, Value<'_>)> {
    let reason = match wrong.why {
        Why::OtherLayout => "other_layout",
        Why::Interior => "interior",
        Why::Freed => "freed",
        Why::OtherSide => "other_side",
        Why::NoBlock => "no_block",
        Why::Stack(_) => "stack",
        Why::Outside(_) => "outside",
    };
    let given = match wrong.asked {
        Asked::Rust { size, align, .. } => {
            Value::Object(vec![("size", Value::Number(size)), ("align", Value::Number(align))])
        }
        Asked::C(_) => Value::Null,
    };
    let module = if let Why::Outside(module) = &wrong.why { module.as_deref() } else { None };
    vec![
        ("asked", Value::text(wrong.asked.name())),
        ("allocator", Value::text(if wrong.asked.is_c() { "c" } else { "rust" })),
        ("pointer", Value::Address(wrong.address)),
        ("reason", Value::text(reason)),
        ("given", given),
        ("c_block", Value::or_null(wrong.c_block.as_ref(), Value::Block)),
        ("module", Value::text_or_null(module)),
        ("under_way", Value::Flag(wrong.under_way)),
        ("aborting", Value::Flag(wrong.ending == Some(Ending::Refused))),
        ("faulting", Value::Flag(wrong.ending == Some(Ending::Faulted))),
        ("asked_at", Value::Trace(wrong.at, wrong.thread)),
    ]
}
