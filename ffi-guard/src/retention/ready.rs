//! Set-up with the first note, pin, or block that C may keep.

use std::sync::{Once, OnceLock};

/// What sets up: it names every lock of this folder, which those who need it cannot.
pub(super) static SET_UP: OnceLock<fn()> = OnceLock::new();

/// Has everything set up that a note needs, once.
pub(super) fn ready() {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        if let Some(set_up) = SET_UP.get() {
            set_up();
        }
    });
}
