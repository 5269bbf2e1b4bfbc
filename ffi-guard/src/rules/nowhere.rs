//! The words of `dangling_pointer` for an argument that leads nowhere, when C has touched it: the
//! address of an empty slice or text of Rust's, which is not null and no memory.

use super::words::{ALL, Beat, Story, Thread, Value, Words, function, label, name, parameter, string};
use crate::facts::{Facts, Nowhere};
use crate::platform::fault::Access;

pub(super) fn words<'a>(seen: &'a Nowhere, facts: &'a Facts) -> Words<'a> {
    let &Nowhere { address, pointer, access, touched, thread } = seen;
    let (did, verb) = match access {
        Access::Read => ("read", "read"),
        Access::Write => ("wrote", "write"),
        Access::Execute => ("ran", "execute"),
        Access::Unknown => ("touched", "unknown"),
    };
    let at = match address - pointer {
        0 => format!("{pointer:#x}"),
        offset => format!("{pointer:#x}+{offset}"),
    };
    let mut story = Story::of_crossing(facts, ALL, None);
    // There is nothing that crossed, and C has not returned.
    story.retain(|beat| !matches!(beat, Beat::Words("crossed" | "returned", _)));
    story.push(Beat::Trace("touched", touched, Thread::unnamed(thread)));
    let empty = if string(facts) { "c\"\".as_ptr()" } else { "std::ptr::null()" };
    Words {
        sentence: (
            format!("C {did} {at}, where {} of {} leads", parameter(facts), function(facts)),
            ": no memory is there".into(),
        ),
        label: label(facts, ", which leads nowhere", " leads nowhere: the address of something empty"),
        story,
        picture: None,
        helps: vec![
            format!(
                "what `as_ptr()` gives of an empty slice or text is no memory: C must not touch a byte of it. If it is \
                 empty, pass `{empty}`, or leave the call out"
            ),
            format!(
                "read what {} makes of a length of 0: for some functions it means \"up to the NUL\"",
                function(facts)
            ),
            format!("if `{}` was not made from a slice, it is a number that was cast to a pointer", name(facts)),
        ],
        notes: vec![
            "found when C touched it, by the fault: the process ends as it would have without the guard".into(),
        ],
        json: vec![
            ("found_by", Value::text("fault")),
            ("pointer", Value::Address(pointer)),
            ("address", Value::Address(address)),
            ("access", Value::text(verb)),
            ("touched", Value::Trace(touched, thread)),
        ],
    }
}
