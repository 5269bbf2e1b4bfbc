//! What a report of `stale_handle` says: its facts, its sentences, its story.

use super::words::{columns, short_type, thread};
use crate::facts::{Facts, Refused, Staleness, Through, Tombstone};
use crate::heap::trace::TraceId;

impl Staleness {
    /// The finding in one sentence.
    pub(crate) fn sentence(&self) -> String {
        if self.is_callback() {
            return match self.why {
                Refused::NoHandle | Refused::NeverMade => "C called a callback with user data that is none of its own",
                Refused::Released(_) => "C called a callback after it was dropped",
                Refused::OtherType(_) => "C called a callback with the user data of another",
                Refused::OtherThread(_) => "C called a callback on another thread than its own",
            }
            .into();
        }
        let what = match self.why {
            Refused::NoHandle => "no handle",
            Refused::NeverMade => "a handle that was never made",
            Refused::Released(_) => "a handle that was released",
            Refused::OtherType(_) => "a handle to another type",
            Refused::OtherThread(_) => "a handle of another thread",
        };
        let function = if self.through == Through::Take { "Handle::take" } else { "Handle::with" };
        format!("`raw` of `{function}` is {what}")
    }

    /// What stands under the call.
    pub(super) fn label(&self) -> String {
        let wanted = short_type(self.wanted);
        match self.why {
            _ if self.is_callback() => "made here".into(),
            Refused::OtherType(life) => {
                format!("`{}` is parked there, and no `{wanted}`", short_type((life.kind.name)()))
            }
            Refused::NoHandle => format!("{:#x} has not the form of a handle", self.raw),
            Refused::NeverMade => format!("{:#x} was never given out", self.raw),
            Refused::Released(_) => format!("the `{wanted}` was released before this call"),
            Refused::OtherThread(_) => format!("the `{wanted}` is for its own thread"),
        }
    }

    /// The words of JSON.
    pub(super) fn reason(&self) -> &'static str {
        match self.why {
            Refused::NoHandle => "no_handle",
            Refused::NeverMade => "never_made",
            Refused::Released(_) => "released",
            Refused::OtherType(_) => "other_type",
            Refused::OtherThread(_) => "other_thread",
        }
    }
}

/// The ways out.
pub(super) fn helps(stale: &Staleness) -> Vec<String> {
    let by_drop = stale.tombstone().is_some_and(|tombstone| tombstone.released.is_none());
    match (stale.why, stale.is_callback()) {
        (Refused::Released(_), true) => vec![
            "have C let go of it first: make the call that unregisters the callback before the `Callback` is dropped".into(),
            "or keep the `Callback` as long as C can call it: in the struct that owns C's object, in a field declared after \
             that object, so that it is dropped later"
                .into(),
        ],
        (Refused::Released(_), false) => {
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
        (Refused::NoHandle | Refused::NeverMade | Refused::OtherType(_), true) => {
            vec!["give C `data()` of the same `Callback` as `function()`, and the parameter at its place".into()]
        }
        (Refused::NoHandle, false) => vec![
            "give C the number and not an address: `Handle::new(value).into_raw()`, or `as_raw()` of a handle that lives on"
                .into(),
            "and have it carried whole, as `*mut c_void` or `usize`: an `int` cuts it off".into(),
        ],
        (Refused::NeverMade, false) => vec![
            "hand the number on as it is: it has the form of a handle's and was changed on the way".into(),
        ],
        (Refused::OtherType(life), false) => vec![format!(
            "ask for what is parked there: `Handle::<{}>`",
            short_type((life.kind.name)())
        )],
        (Refused::OtherThread(_), true) => {
            vec!["make it with `Callback::shared`, which any thread can call: it wants a closure that is `Send + Sync`".into()]
        }
        (Refused::OtherThread(_), false) => vec![
            "park it with `Handle::new`, for all threads: it wants a value that is `Send + Sync`, such as one in a `Mutex`"
                .into(),
        ],
    }
}

/// How we know.
pub(super) fn notes(stale: &Staleness) -> Vec<String> {
    let found = match stale.why {
        Refused::NoHandle if stale.is_callback() => {
            format!("found from the user data alone: {:#x} is no callback's", stale.raw)
        }
        Refused::NoHandle => "found from the number alone: every handle's has marks that no address has".into(),
        Refused::NeverMade => format!("found in the table of handles, by the generation in {:#x}", stale.raw),
        Refused::Released(_) => format!("found in the table of handles, by the generation in {:#x}", stale.raw),
        Refused::OtherType(_) => "found in the table of handles, by the type that is noted there".into(),
        Refused::OtherThread(_) => {
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

/// One line of the story: a key, a place, what happened there, and on which thread. Without a place, words.
pub(super) enum Told {
    At(&'static str, &'static std::panic::Location<'static>, String, String),
    Trace(&'static str, TraceId, u32),
    Words(&'static str, String),
}

/// The facts with which the story is told: without a long name of a thread, which would leave no room for the places.
pub(super) fn for_story(facts: &Facts) -> Facts {
    const LONG: usize = 16;
    let mut facts = facts.clone();
    if let Some(call) = &mut facts.call {
        call.thread_name = call.thread_name.take().filter(|name| columns(name) <= LONG);
    }
    facts
}

/// The story in the order of time.
pub(super) fn story(facts: &Facts, stale: &Staleness) -> Vec<Told> {
    let call = facts.call.as_ref();
    let thread = |id| thread(id, call);
    let mut story = Vec::new();
    match stale.life() {
        Some(life) => {
            let what = short_type((life.kind.name)()).to_owned();
            // Of a closure the name tells less than the place.
            let what = if stale.is_callback() { "the callback".into() } else { format!("`{what}`") };
            story.push(Told::At("made", life.made, what, thread(life.made_by)));
        }
        None if matches!(stale.why, Refused::Released(_)) => {
            story.push(Told::Words("made", "not remembered: 1000 others were released since".into()));
        }
        None => story.push(Told::Words("made", "never".into())),
    }
    match (stale.why, stale.tombstone()) {
        (_, Some(Tombstone { released: Some(at), released_by, .. })) => {
            story.push(Told::At("released", at, String::new(), thread(released_by)));
        }
        (_, Some(Tombstone { trace, released_by, .. })) => story.push(Told::Trace("dropped", trace, released_by)),
        (Refused::Released(_), None) => story.push(Told::Words("released", "not remembered".into())),
        (Refused::OtherType(_) | Refused::OtherThread(_), _) => {
            story.push(Told::Words("released", "not yet".into()));
        }
        (Refused::NoHandle | Refused::NeverMade, _) => {}
    }
    match (stale.is_callback(), call) {
        (true, _) => story.push(Told::Trace("called by C", stale.called, stale.thread)),
        (false, Some(call)) => {
            story.push(Told::At("came back", call.site, String::new(), thread(stale.thread)));
        }
        (false, None) => story.push(Told::Words("came back", "not seen".into())),
    }
    story
}
