//! What the words of a rule are made of.
//!
//! A rule says what it saw in these terms, and `report/` renders them: as text, as JSON, and, for a
//! page fault, in the raw form that a signal handler writes.

pub(super) mod kept;
mod phrases;
mod picture;
mod story;

use std::borrow::Cow;
use std::panic::Location;

pub(crate) use phrases::*;
pub(crate) use picture::{Picture, Piece, Row, function_row};
pub(crate) use story::{ALL, Beat, Source, Story};

use crate::facts::{BlockFacts, Memory};
use crate::heap::trace::TraceId;

/// Everything that a report says about one finding. A rule fills in all of it.
pub(crate) struct Words<'a> {
    /// The finding in one sentence: which parameter of which function does what. The second part
    /// says where exactly, and is left out of a first line that gets too long.
    pub(crate) sentence: (String, String),
    /// What is written under the line of source.
    pub(crate) label: String,
    /// What happened, in the order of time.
    pub(crate) story: Vec<Beat<'a>>,
    /// Who points where; `None` if there is nothing to point at.
    pub(crate) picture: Option<Picture>,
    /// The ways out: cheapest first, each with something to type. Each names only what exists in
    /// this version of the crate. The first three are printed.
    pub(crate) helps: Vec<String>,
    /// How it was found, and what is not known.
    pub(crate) notes: Vec<String>,
    /// The members of `finding` in the JSON object, which `docs/src/report-json.md` promises.
    pub(crate) json: Vec<(&'static str, Value<'a>)>,
}

impl Words<'_> {
    /// The whole sentence.
    pub(crate) fn message(&self) -> String {
        let (sentence, place) = &self.sentence;
        format!("{sentence}{place}")
    }
}

/// A value in the JSON object.
pub(crate) enum Value<'a> {
    Null,
    Flag(bool),
    Number(usize),
    Text(Cow<'a, str>),
    Address(usize),
    Object(Vec<(&'static str, Value<'a>)>),
    Location(&'a Location<'a>),
    Block(&'a BlockFacts),
    Memory(&'a Memory),
    /// The frames of a trace, and under `.._by` the thread.
    Trace(TraceId, u32),
    /// The frames of the fault.
    Fault,
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Text(text.into())
    }

    /// The value of `some`; `null` without one.
    pub(crate) fn or_null<T>(some: Option<T>, value: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
        some.map_or(Value::Null, value)
    }

    pub(crate) fn text_or_null(text: Option<&'a str>) -> Value<'a> {
        Value::or_null(text, Value::text)
    }
}
