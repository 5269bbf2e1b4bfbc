//! `wrong_thread`: a `thread_bound` object of C is used on another thread than the one it came
//! from.
//!
//! C: `struct window *open(void)`, which keeps what it knows of the window in a thread-local. Rust:
//! a wrapper that is `Send` because a raw pointer in it was made so by hand.
//!
//! Checked by [`check`] for each such argument. `boundary` keeps the list of objects and their
//! threads.

use super::words::{ALL, Beat, Story, Thread, Value, Words, function, label, name, parameter, whose};
use crate::facts::{Facts, Finding, ThreadOwner};

/// `thread` uses an object that belongs to `owner`.
pub(crate) fn check(owner: &ThreadOwner, thread: u32) -> Option<Finding> {
    (owner.thread != thread).then(|| Finding::WrongThread(owner.clone()))
}

pub(super) fn words<'a>(got: &'a ThreadOwner, facts: &'a Facts) -> Words<'a> {
    let (param, func) = (parameter(facts), function(facts));
    let here = facts.call.as_ref().map_or_else(|| "another".into(), |call| Thread::unnamed(call.thread).to_string());
    let owner = Thread { id: got.thread, name: got.thread_name.as_deref() };
    let owned = format!(", which {owner} got");
    let (at, what) = (got.location.into(), got.function.unwrap_or("rebind").into());
    let beat = Beat::At { key: "got", at, what, thread: Some(owner), known: false };
    Words {
        sentence: (format!("{} is {}'s, used on {here}", whose(facts), Thread::unnamed(got.thread)), String::new()),
        label: label(facts, &owned, &owned),
        story: Story::of_crossing(facts, ALL, Some(beat)),
        picture: None,
        helps: vec![
            format!(
                "call {func} on the thread that got {param}: send that thread the work (`std::sync::mpsc::channel`), not the pointer"
            ),
            format!(
                "if C lets it move to another thread, say so on the thread that takes it over: `ffi_guard::rebind({})`",
                name(facts)
            ),
            format!("if C lets any thread use it, take `thread_bound` off the declaration of {param}"),
        ],
        notes: vec![match got.function {
            Some(function) => format!("found from the address alone: `{function}` handed it to {owner}"),
            None => format!("found from the address alone: `ffi_guard::rebind` gave it to {owner}"),
        }],
        json: vec![
            (
                "owner",
                Value::Object(vec![
                    ("id", Value::Number(got.thread as usize)),
                    ("name", Value::text_or_null(got.thread_name.as_deref())),
                ]),
            ),
            ("got_by", Value::text_or_null(got.function)),
            ("got_at", Value::Location(got.location)),
        ],
    }
}
