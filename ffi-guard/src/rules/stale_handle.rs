//! `stale_handle`: a handle that was released, or never made, comes back from C; or C calls a callback that is gone.
//!
//! C: `void fire(void) { registered(user_data); }`, after Rust released what `user_data` stands for. Rust:
//! `set_callback(f, handle.as_raw()); drop(handle); fire();`. With an address for user data, `f` would read freed memory.

use crate::facts::{Refused, Staleness, Through};
use crate::heap::trace::TraceId;

/// What there is to say of a number that the table refused: it looked by slot, generation, type and thread. `seen` is where it
/// came back: the thread, and the frames of C that called.
pub(crate) fn check(
    raw: usize,
    wanted: &'static str,
    refused: Refused,
    through: Through,
    seen: (u32, TraceId),
) -> Staleness {
    let (thread, called) = seen;
    Staleness { raw, wanted, through, why: refused, thread, called }
}
