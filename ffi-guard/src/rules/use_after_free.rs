//! `use_after_free`: C touches Rust memory after Rust freed it, or with `c-heap` writes to a block
//! of its own that it has freed.
//!
//! C: `static char *log; void set_log(char *buffer) { log = buffer;
//! }`, and a later call that writes to `log`. Rust has dropped the buffer by then.
//!
//! Found by the poison that a write damages: `heap/redzone.rs`, looked at before the memory is used
//! again (`heap/quarantine.rs`) and by a look at every block (`heap/survey.rs`). At level 3 a page
//! fault finds reads too (`paged/fault.rs`, whose words are in `touched.rs`).

use super::damage::{self, LAST_LENT, agree, block, dump, from, helps_without_a_call, which_call};
use super::words::{Beat, Picture, Story, Value, Words, bytes, callee, function, label, parameter, position};
use crate::facts::{Facts, Finding, UseAfterFree};
use crate::heap::{Block, Damage};

/// The note on who wrote to a freed block of C's.
const WHEN_UNKNOWN: &str = "who wrote there, and when, is not known: it was after the free";

/// The poison of a freed block is damaged.
pub(crate) fn check(block: &Block, damage: &Damage, before_reuse: bool) -> Finding {
    debug_assert!(!block.live, "a live block has no poison");
    Finding::UseAfterFree(UseAfterFree { damage: *damage, before_reuse })
}

pub(super) fn words<'a>(seen: &'a UseAfterFree, facts: &'a Facts) -> Words<'a> {
    let UseAfterFree { damage, before_reuse } = seen;
    let (param, func) = (parameter(facts), function(facts));
    let (written, size) = (bytes(damage.len), block(facts).map_or(0, |block| block.size));
    let mut json = damage::json(damage);
    json.push(("before_reuse", Value::Flag(*before_reuse)));
    Words {
        sentence: match facts.call {
            Some(_) => (
                agree(format!("{written} of {param} were written after Rust freed it")),
                format!(", lent to {func}"),
            ),
            None => {
                let of_c = if damage::is_cs(facts) { " of C's" } else { "" };
                (agree(format!("{written} of a freed block of {}{of_c} were written", bytes(size))), String::new())
            }
        },
        label: label(facts, "", LAST_LENT),
        story: story(seen, size, facts),
        picture: Picture::of_argument(facts, "dangling").filter(|_| facts.call.is_some()),
        helps: match facts.call {
            Some(_) => vec![
                "free the block after C has let go of it: the call that unsets it, or ends what holds it, goes before the drop"
                    .into(),
                format!("or say that C keeps it: declare {param} `#[guard(retained)]`, and the free itself is checked"),
                "to have C stopped at the very write, run with GUARD=3".into(),
            ],
            None if damage::is_cs(facts) => {
                damage::helps_for_cs("C writes through a pointer to what it has freed: it has to let go of it first".into())
            }
            None => helps_without_a_call("free the block after everybody has let go of it".into()),
        },
        notes: vec![
            "found by the pattern that freed memory is filled with: a part of it is gone".into(),
            if damage::is_cs(facts) { WHEN_UNKNOWN.into() } else { which_call(facts) },
        ],
        json,
    }
}

fn story<'a>(seen: &'a UseAfterFree, size: usize, facts: &'a Facts) -> Vec<Beat<'a>> {
    let UseAfterFree { damage, before_reuse } = seen;
    let mut story = Story::of_block(facts, callee(facts));
    story.freed_since();
    story.say("written", from(damage.len, &position(damage.offset, size)));
    story.say("there now", dump(&damage.first_bytes, damage.len));
    story.say(
        "",
        match before_reuse {
            true => "found when its memory was to be used again",
            false => "found by looking at every block",
        },
    );
    story.done()
}
