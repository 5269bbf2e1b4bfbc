//! Set-up with the first note, pin, or block that C may keep.

use std::sync::{Once, OnceLock};

/// The set-up function: it names every lock of this folder, which the callers of [`ready`] cannot.
pub(super) static SET_UP: OnceLock<fn()> = OnceLock::new();

/// Sets up, once, everything that a note needs.
pub(super) fn ready() {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        if let Some(set_up) = SET_UP.get() {
            set_up();
        }
    });
}
