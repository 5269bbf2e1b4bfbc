//! `buffer_overflow`: C wrote before the start or past the end of a Rust block, or with `c-heap` of
//! a block of its own.
//!
//! C: `void name(char *out, size_t n)`, which writes `n` characters and a NUL. Rust: a `Vec` of `n`
//! bytes. The one byte too many lands in whatever follows, and nothing happens until that is read.
//!
//! Found by the canaries of `heap/redzone.rs`, which are asked before and after a call
//! (`boundary/canary.rs`), at a free (`heap/give.rs`) and by a look at every block
//! (`heap/survey.rs`); by those of a copy (`boundary/copies.rs`); and at level 3 by a page fault
//! (`paged/fault.rs`, whose words are in `touched.rs`).

use super::damage::{self, LAST_LENT, agree, block, dump, from, helps_without_a_call, sized_block, which_call};
use super::words::{
    Beat, Picture, SizedBlock, Story, Value, Words, bytes, callee, function, label, parameter, position, short_type,
    untyped,
};
use crate::facts::{BufferOverflow, Facts, Finding, Overwritten};
use crate::heap::Damage;

/// The note on which call damaged a block of C's.
const WHEN_UNKNOWN: &str = "C writes to its own blocks at any time: when it was is not known";

/// The canary of a block is damaged.
pub(crate) fn check(damage: &Damage, overwritten: Overwritten) -> Finding {
    Finding::BufferOverflow(BufferOverflow { damage: *damage, overwritten })
}

pub(super) fn words<'a>(seen: &'a BufferOverflow, facts: &'a Facts) -> Words<'a> {
    let BufferOverflow { damage, overwritten } = seen;
    let when = match overwritten {
        Overwritten::ByTheCall => "call",
        Overwritten::BesideTheCopy { .. } => "copy",
        Overwritten::BehindTheVariable { .. } => "stack",
        Overwritten::BeforeACall => "before_call",
        Overwritten::BeforeTheFree => "before_free",
        Overwritten::BeforeALook => "before_look",
    };
    let mut json = damage::json(damage);
    json.push(("side", Value::text(if damage.before { "before" } else { "behind" })));
    json.push(("overwritten", Value::text(when)));
    let picture = Picture::of_argument(facts, "lent").filter(|_| facts.call.is_some());
    Words {
        sentence: sentence(seen, facts),
        label: match overwritten {
            Overwritten::ByTheCall => label(facts, "", &format!(", in {}", sized_block(facts))),
            Overwritten::BesideTheCopy { size } => {
                label(facts, "", &format!(", of which C got a copy of {}", bytes(*size)))
            }
            Overwritten::BehindTheVariable { name, size } => {
                label(facts, "", &format!(", in {} of {}", variable(name), bytes(*size)))
            }
            Overwritten::BeforeACall | Overwritten::BeforeTheFree | Overwritten::BeforeALook => {
                label(facts, "", LAST_LENT)
            }
        },
        story: story(seen, facts),
        picture: match damage.before {
            true => picture,
            false => picture.map(|picture| picture.beyond(format!("overwritten: {}", bytes(damage.len)))),
        },
        helps: helps(seen, facts),
        notes: notes(seen, facts),
        json,
    }
}

fn sentence(seen: &BufferOverflow, facts: &Facts) -> (String, String) {
    let (param, func) = (parameter(facts), function(facts));
    let side = if seen.damage.before { "before the start" } else { "past the end" };
    let beside = format!("{} {side}", bytes(seen.damage.len));
    match seen.overwritten {
        Overwritten::BehindTheVariable { .. } => {
            (format!("C wrote {beside} of {param} on the stack"), format!(" in {func}"))
        }
        Overwritten::ByTheCall | Overwritten::BesideTheCopy { .. } => {
            (format!("C wrote {beside} of {param}"), format!(" in {func}"))
        }
        Overwritten::BeforeACall | Overwritten::BeforeTheFree | Overwritten::BeforeALook => match facts.call {
            Some(_) => (agree(format!("{beside} of {param} were overwritten")), format!(", lent to {func}")),
            // The long form has no room.
            None if damage::is_cs(facts) => {
                let (bytes, side) = (bytes(seen.damage.len), if seen.damage.before { "before" } else { "past" });
                let size = block(facts).map_or(0, |block| block.size);
                (agree(format!("{bytes} {side} {} of C's were overwritten", SizedBlock(size))), String::new())
            }
            None => (agree(format!("{beside} of {} were overwritten", sized_block(facts))), String::new()),
        },
    }
}

/// A variable on the stack.
fn variable(name: &str) -> String {
    if name.is_empty() { "a variable".into() } else { format!("the variable `{name}`") }
}

fn story<'a>(seen: &'a BufferOverflow, facts: &'a Facts) -> Vec<Beat<'a>> {
    let BufferOverflow { damage, overwritten } = seen;
    let mut story = Story::of_block(facts, callee(facts));
    story.freed_since();
    let (size, of_a_copy) = match overwritten {
        Overwritten::BesideTheCopy { size } => (*size, true),
        Overwritten::BehindTheVariable { size, .. } => (*size, false),
        _ => (block(facts).map_or(0, |block| block.size), false),
    };
    let place = match damage.before {
        true => format!("{}, the first one {} before the start", bytes(damage.len), damage.offset),
        false => from(damage.len, &position(size + damage.offset, size)),
    };
    let place = match overwritten {
        Overwritten::BehindTheVariable { .. } => place.replace("-byte block", "-byte variable"),
        _ if of_a_copy => place.replace("-byte block", "-byte copy"),
        _ => place,
    };
    story.say("overwritten", place);
    story.say("there now", dump(&damage.first_bytes, damage.len));
    story.say(
        "",
        match overwritten {
            Overwritten::ByTheCall | Overwritten::BesideTheCopy { .. } => "they were whole before the call",
            Overwritten::BehindTheVariable { .. } => "they were others before the call, and no Rust code ran meanwhile",
            Overwritten::BeforeACall => "found when the block was to be lent once more",
            Overwritten::BeforeTheFree if damage::is_cs(facts) => "found when C freed or resized the block",
            Overwritten::BeforeTheFree => "found when Rust freed or resized the block",
            Overwritten::BeforeALook => "found by looking at every block",
        },
    );
    story.done()
}

fn helps(seen: &BufferOverflow, facts: &Facts) -> Vec<String> {
    let BufferOverflow { damage, overwritten } = seen;
    let (param, func) = (parameter(facts), function(facts));
    if let Overwritten::BehindTheVariable { name, .. } = overwritten {
        let mut helps = vec![format!(
            "make {} as long as C writes: at least {} more (a NUL behind a text is one)",
            variable(name),
            bytes(damage.len)
        )];
        helps.extend(declared(facts).map(|ty| of_another_type(ty, &param)));
        helps.push(format!(
            "if {func} is told how much to write, declare {param} `#[guard(counted_by = ..)]`; to have C stopped at the \
             very write, declare it `#[guard(copied)]`"
        ));
        return helps;
    }
    let more = bytes(damage.offset + damage.len);
    if damage::is_cs(facts) {
        return damage::helps_for_cs(match damage.before {
            true => "look for an index that goes below 0 where C writes to this block".into(),
            false => format!("C allocated the block {more} too small for what it writes, or wrote too far"),
        });
    }
    if facts.call.is_none() {
        return helps_without_a_call(match damage.before {
            true => "look for an index that goes below 0 where this block is written".into(),
            false => {
                format!("make the block as long as what is written: at least {more} more (a NUL behind a text is one)")
            }
        });
    }
    if damage.before {
        return vec![
            format!(
                "if C keeps a header before what it is lent, hand {func} an address with room before it: \
                 `buf[HEADER..].as_mut_ptr()` of a larger block"
            ),
            "else an index that goes below 0 in C: look where it counts down from".into(),
        ];
    }
    let mut helps = match facts.parameter().filter(|parameter| !parameter.extent.is_empty()) {
        Some(parameter) => vec![
            format!("make the block as long as C writes: {} more than `{}` says", bytes(damage.len), parameter.extent),
            format!("or have {func} write less: hand it a length that leaves room for what it adds"),
        ],
        None => vec![
            format!("make the block as long as C writes: at least {more} more (a NUL behind a text is one)"),
            format!(
                "if {func} is told how much to write, declare {param} `#[guard(counted_by = ..)]`: then it is checked before C runs"
            ),
        ],
    };
    if let Some(ty) = declared(facts) {
        helps.push(of_another_type(ty, &param));
    }
    if !matches!(overwritten, Overwritten::BesideTheCopy { .. }) {
        helps.push("to have C stopped at the very write, run with GUARD=3".into());
    }
    helps
}

fn of_another_type(ty: &str, param: &str) -> String {
    format!(
        "or C's type is longer or wider than `{ty}`: compare it with the one in C's header, and declare {param} with all of it"
    )
}

/// The type that C's may differ from: any whose size is not that of a byte.
fn declared(facts: &Facts) -> Option<&'static str> {
    let argument = facts.argument.filter(|_| !untyped(facts))?;
    let ty = short_type(argument.pointee);
    (!matches!(ty, "u8" | "i8" | "bool" | "c_void")).then_some(ty)
}

fn notes(seen: &BufferOverflow, facts: &Facts) -> Vec<String> {
    let side = if seen.damage.before { "before" } else { "behind" };
    let canary = format!("found by the canary that lies {side} each block of {}'s heap", damage::owner(facts));
    match seen.overwritten {
        Overwritten::BesideTheCopy { .. } => vec![format!(
            "found by the canary that lies {side} the copy that C worked on; no byte of Rust's was overwritten"
        )],
        Overwritten::BehindTheVariable { .. } => vec![
            "found by comparing what lies behind the variable with how it was before the call; where the variable ends, \
             debug information tells"
                .into(),
            "what was overwritten stays so: other variables of that function, or nothing".into(),
        ],
        Overwritten::ByTheCall => {
            vec![canary, "the canary is whole again: what is written there later is news".into()]
        }
        Overwritten::BeforeACall | Overwritten::BeforeTheFree | Overwritten::BeforeALook => {
            vec![canary, if damage::is_cs(facts) { WHEN_UNKNOWN.into() } else { which_call(facts) }]
        }
    }
}
