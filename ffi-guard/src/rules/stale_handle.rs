//! `stale_handle`: a handle that was released, or never made, comes back from C; or C calls a
//! callback that is gone.
//!
//! C: `void fire(void) { registered(user_data); }`, after Rust released what `user_data` stands
//! for. Rust: `set_callback(f, handle.as_raw()); drop(handle); fire();`. With an address for user
//! data, `f` would read freed memory.
//!
//! Found by the table of handles (`handle/table.rs`), which refuses the number; [`check`] puts the
//! facts together, in `handle/stale.rs`.

use super::words::{Beat, Story, Value, Words, short_type};
use crate::facts::{Facts, StaleReason, Staleness, Through, Tombstone};
use crate::heap::trace::TraceId;

/// The facts about a number that the table refused, by its slot, generation, type or thread. `seen`
/// is where it came back: the thread, and the frames of C that called.
pub(crate) fn check(
    raw: usize,
    wanted: &'static str,
    refused: StaleReason,
    through: Through,
    seen: (u32, TraceId),
) -> Staleness {
    let (thread, called) = seen;
    Staleness { raw, wanted, through, why: refused, thread, called }
}

impl Staleness {
    /// The finding in one sentence.
    pub(crate) fn sentence(&self) -> String {
        if self.is_callback() {
            return match self.why {
                StaleReason::NoHandle | StaleReason::NeverMade => {
                    "C called a callback with user data that is none of its own"
                }
                StaleReason::Released(_) => "C called a callback after it was dropped",
                StaleReason::OtherType(_) => "C called a callback with the user data of another",
                StaleReason::OtherThread(_) => "C called a callback on another thread than its own",
            }
            .into();
        }
        let what = match self.why {
            StaleReason::NoHandle => "no handle",
            StaleReason::NeverMade => "a handle that was never made",
            StaleReason::Released(_) => "a handle that was released",
            StaleReason::OtherType(_) => "a handle to another type",
            StaleReason::OtherThread(_) => "a handle of another thread",
        };
        let function = if self.through == Through::Take { "Handle::take" } else { "Handle::with" };
        format!("`raw` of `{function}` is {what}")
    }
}

pub(super) fn words<'a>(stale: &'a Staleness, facts: &'a Facts) -> Words<'a> {
    Words {
        sentence: (stale.sentence(), String::new()),
        label: label(stale),
        story: story(stale, facts),
        picture: None,
        helps: helps(stale),
        notes: notes(stale),
        json: json(stale),
    }
}

fn label(stale: &Staleness) -> String {
    let wanted = short_type(stale.wanted);
    match stale.why {
        _ if stale.is_callback() => "made here".into(),
        StaleReason::OtherType(life) => {
            format!("`{}` is parked there, and no `{wanted}`", short_type((life.kind.name)()))
        }
        StaleReason::NoHandle => format!("{:#x} has not the form of a handle", stale.raw),
        StaleReason::NeverMade => format!("{:#x} was never given out", stale.raw),
        StaleReason::Released(_) => format!("the `{wanted}` was released before this call"),
        StaleReason::OtherThread(_) => format!("the `{wanted}` is for its own thread"),
    }
}

fn story<'a>(stale: &'a Staleness, facts: &'a Facts) -> Vec<Beat<'a>> {
    let mut story = Story::of_places(facts);
    match stale.life() {
        Some(life) => {
            // Of a closure the name tells less than the place.
            let what = match stale.is_callback() {
                true => "the callback".into(),
                false => format!("`{}`", short_type((life.kind.name)())),
            };
            let thread = story.thread(life.made_by);
            story.at("made", life.made, what, thread);
        }
        None if matches!(stale.why, StaleReason::Released(_)) => {
            story.say("made", "not remembered: 1000 others were released since");
        }
        None => story.say("made", "never"),
    }
    match (stale.why, stale.tombstone()) {
        (_, Some(Tombstone { released: Some(at), released_by, .. })) => {
            let thread = story.thread(released_by);
            story.at("released", at, "", thread);
        }
        (_, Some(Tombstone { trace, released_by, .. })) => story.trace("dropped", trace, released_by),
        (StaleReason::Released(_), None) => story.say("released", "not remembered"),
        (StaleReason::OtherType(_) | StaleReason::OtherThread(_), _) => story.say("released", "not yet"),
        (StaleReason::NoHandle | StaleReason::NeverMade, _) => {}
    }
    match (stale.is_callback(), &facts.call) {
        (true, _) => story.trace("called by C", stale.called, stale.thread),
        (false, Some(call)) => {
            let thread = story.thread(stale.thread);
            story.at("came back", call.site, "", thread);
        }
        (false, None) => story.say("came back", "not seen"),
    }
    story.done()
}

fn helps(stale: &Staleness) -> Vec<String> {
    let by_drop = stale.tombstone().is_some_and(|tombstone| tombstone.released.is_none());
    match (stale.why, stale.is_callback()) {
        (StaleReason::Released(_), true) => vec![
            "have C let go of it first: make the call that unregisters the callback before the `Callback` is dropped".into(),
            "or keep the `Callback` as long as C can call it: in the struct that owns C's object, in a field declared after \
             that object, so that it is dropped later"
                .into(),
        ],
        (StaleReason::Released(_), false) => {
            let mut helps = vec![
                "have C let go first: release it in the destructor that C calls last, or after the call that takes it from C"
                    .into(),
            ];
            if by_drop {
                helps.insert(
                    0,
                    "if C is to own it, give it away with `Handle::into_raw`: a `Handle` that is dropped releases its value"
                        .into(),
                );
            }
            helps
        }
        (StaleReason::NoHandle | StaleReason::NeverMade | StaleReason::OtherType(_), true) => {
            vec!["give C `data()` of the same `Callback` as `function()`, and the parameter at its place".into()]
        }
        (StaleReason::NoHandle, false) => vec![
            "give C the number and not an address: `Handle::new(value).into_raw()`, or `as_raw()` of a handle that lives on"
                .into(),
            "and have it carried whole, as `*mut c_void` or `usize`: an `int` cuts it off".into(),
        ],
        (StaleReason::NeverMade, false) => vec![
            "hand the number on as it is: it has the form of a handle's and was changed on the way".into(),
        ],
        (StaleReason::OtherType(life), false) => vec![format!(
            "ask for what is parked there: `Handle::<{}>`",
            short_type((life.kind.name)())
        )],
        (StaleReason::OtherThread(_), true) => {
            vec!["make it with `Callback::shared`, which any thread can call: it wants a closure that is `Send + Sync`".into()]
        }
        (StaleReason::OtherThread(_), false) => vec![
            "park it with `Handle::new`, for all threads: it wants a value that is `Send + Sync`, such as one in a `Mutex`"
                .into(),
        ],
    }
}

fn notes(stale: &Staleness) -> Vec<String> {
    let found = match stale.why {
        StaleReason::NoHandle if stale.is_callback() => {
            format!("found from the user data alone: {:#x} is no callback's", stale.raw)
        }
        StaleReason::NoHandle => "found from the number alone: every handle's has marks that no address has".into(),
        StaleReason::NeverMade | StaleReason::Released(_) => {
            format!("found in the table of handles, by the generation in {:#x}", stale.raw)
        }
        StaleReason::OtherType(_) => "found in the table of handles, by the type that is noted there".into(),
        StaleReason::OtherThread(_) => {
            "found in the table of handles: what is parked by `Handle::local` or `Callback::new` is its thread's own"
                .into()
        }
    };
    let untouched = if stale.is_callback() {
        "the closure was not run; C gets the default of the result"
    } else {
        "no value was touched"
    };
    vec![found, untouched.into()]
}

fn json(stale: &Staleness) -> Vec<(&'static str, Value<'_>)> {
    let reason = match stale.why {
        StaleReason::NoHandle => "no_handle",
        StaleReason::NeverMade => "never_made",
        StaleReason::Released(_) => "released",
        StaleReason::OtherType(_) => "other_type",
        StaleReason::OtherThread(_) => "other_thread",
    };
    let place = |(at, thread): (Option<&'static std::panic::Location<'static>>, u32)| {
        Value::Object(vec![
            ("file", Value::text_or_null(at.map(|at| at.file()))),
            ("line", Value::or_null(at, |at| Value::Number(at.line() as usize))),
            ("column", Value::or_null(at, |at| Value::Number(at.column() as usize))),
            ("thread", if thread == 0 { Value::Null } else { Value::Number(thread as usize) }),
        ])
    };
    let (life, tombstone) = (stale.life(), stale.tombstone());
    let (dropped, dropped_by) = tombstone.map_or_else(Default::default, |it| (it.trace, it.released_by));
    vec![
        ("reason", Value::text(reason)),
        ("wanted", Value::text(stale.wanted)),
        ("parked", Value::text_or_null(life.map(|life| (life.kind.name)()))),
        ("made", Value::or_null(life.map(|life| (Some(life.made), life.made_by)), place)),
        ("released", Value::or_null(tombstone.map(|it| (it.released, it.released_by)), place)),
        ("dropped", Value::Trace(dropped, dropped_by)),
        ("called", Value::Trace(stale.called, stale.thread)),
    ]
}
