//! What a report says of an object that belongs to another thread.

use super::words::{columns, function, parameter, thread};
use crate::facts::{Facts, Got};

/// `` `db` of `sqlite3_exec` is thread 1's, used on thread 2 ``.
pub(super) fn sentence(facts: &Facts, got: &Got) -> String {
    let here = facts.call.as_ref().map_or_else(|| "another".into(), |call| thread(call.thread, None));
    format!("{} of {} is {}'s, used on {here}", parameter(facts), function(facts), thread(got.thread, None))
}

/// `thread 1 (main)`; a long name leaves no room for the places.
pub(super) fn owner(got: &Got) -> String {
    match &got.thread_name {
        Some(name) if columns(name) <= 20 => format!("thread {} ({name})", got.thread),
        _ => thread(got.thread, None),
    }
}

/// The ways out.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let name = facts.parameter().map_or("p", |parameter| parameter.name);
    vec![
        format!(
            "call {func} on the thread that got {param}: send that thread the work (`std::sync::mpsc::channel`), not the pointer"
        ),
        format!(
            "if C lets it move to another thread, say so on the thread that takes it over: `ffi_guard::rebind({name})`"
        ),
        format!("if C lets any thread use it, take `thread_bound` off the declaration of {param}"),
    ]
}

/// How we know.
pub(super) fn notes(got: &Got) -> Vec<String> {
    vec![match got.function {
        Some(function) => format!("found from the address alone: `{function}` handed it to {}", owner(got)),
        None => format!("found from the address alone: `ffi_guard::rebind` gave it to {}", owner(got)),
    }]
}
