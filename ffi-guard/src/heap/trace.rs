//! Backtraces, each kept once.

/// A backtrace in the depot; 0 for "not recorded".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct TraceId(pub(crate) u32);

/// The frames of a backtrace, innermost first; empty where none was recorded.
pub(crate) fn frames(_id: TraceId) -> &'static [usize] {
    &[]
}
