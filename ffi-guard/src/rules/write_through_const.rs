//! `write_through_const`: C changed memory that it was lent as `*const T` or `&T`.
//!
//! C: `int is_upper(const char *s)`, which casts the `const` away and upper-cases in place. Rust
//! passed `&text`, and the compiler goes on with what it had read before the call.
//!
//! Found by comparing what was lent with a copy from before the call (`boundary/snapshot.rs`), or
//! with the copy that C worked on (`boundary/copies.rs`).

use super::damage::{dump, from, hex};
use super::field_path;
use super::words::{Beat, Picture, Story, Value, Words, callee, function, label, parameter};
use crate::call::shape::TypeInfo;
use crate::facts::{Change, Facts, Finding, WriteThroughConst};

/// C changed what it was lent to read.
pub(crate) fn check(change: &Change, info: &TypeInfo, extent: usize) -> Finding {
    let field = field_path(info, change.offset, info.size != 0 && extent > info.size);
    Finding::WriteThroughConst(WriteThroughConst { change: *change, field })
}

pub(super) fn words<'a>(seen: &'a WriteThroughConst, facts: &'a Facts) -> Words<'a> {
    let WriteThroughConst { change, field } = seen;
    let (param, func) = (parameter(facts), function(facts));
    let mut notes = vec!["found by comparing the bytes from before the call with those after it".to_owned()];
    if change.sampled {
        notes.push("of what was lent, 64 KiB were compared, spread evenly; what lies between was not looked at".into());
    }
    notes.push("Rust takes it that what is behind a `&` or a `*const` of its own does not change meanwhile".into());
    Words {
        sentence: (
            format!("C changed const {param} in {func}"),
            match field {
                Some(field) => format!(", in `{field}`"),
                None => format!(", at byte {}", change.offset),
            },
        ),
        label: label(facts, "", ", lent for reading"),
        story: story(change, facts),
        picture: Picture::of_argument(facts, "lent"),
        helps: vec![
            format!("if {func} writes there by design, declare {param} as `*mut`, and pass `&mut` or `as_mut_ptr()`"),
            "or hand it a copy of its own: `let mut copy = value.clone();`".into(),
            format!(
                "if C only keeps something of its own there (a cache, a count), declare {param} \
                 `#[guard(allow(write_through_const))]`"
            ),
        ],
        notes,
        json: vec![
            ("offset", Value::Number(change.offset)),
            ("length", Value::Number(change.len)),
            ("was", Value::text(hex(&change.was, change.len))),
            ("now", Value::text(hex(&change.now, change.len))),
            ("field", Value::text_or_null(field.as_deref())),
            ("sampled", Value::Flag(change.sampled)),
        ],
    }
}

fn story<'a>(change: &Change, facts: &'a Facts) -> Vec<Beat<'a>> {
    let mut story = Story::of_loan(facts, callee(facts));
    story.freed_since();
    story.say("changed", from(change.len, &format!("byte {} of what was lent", change.offset)));
    story.say("there before", dump(&change.was, change.len));
    story.say("there now", dump(&change.now, change.len));
    story.done()
}
