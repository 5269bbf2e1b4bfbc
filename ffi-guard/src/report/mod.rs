//! From facts to words: nothing here looks anything up but what it was given.

pub(crate) mod violation;

pub(crate) enum Outcome {
    GoOn,
    Stop,
}
pub(crate) fn deliver(_: &violation::Violation) -> Outcome {
    Outcome::Stop
}
pub(crate) fn record(_: &violation::Violation) {}
