//! How much is checked. STAND-IN of the heap branch: the lead's file replaces it at the merge.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing.
    Off = 0,
    /// What Rust hands over.
    Arguments = 1,
    /// And what C did.
    Full = 2,
    /// With every block on pages of its own.
    Paged = 3,
}

static INSTALLED: AtomicBool = AtomicBool::new(false);
static TRACKING: AtomicU8 = AtomicU8::new(u8::MAX);

pub(crate) fn note_installed() {
    INSTALLED.store(true, Ordering::Relaxed);
}

pub(crate) fn tracking() -> Level {
    let mut level = TRACKING.load(Ordering::Relaxed);
    if level == u8::MAX {
        level = match crate::config::variable("GUARD").and_then(<[u8]>::first) {
            Some(digit) => digit - b'0',
            None if cfg!(debug_assertions) && INSTALLED.load(Ordering::Relaxed) => 2,
            None => 0,
        };
        TRACKING.store(level, Ordering::Relaxed);
    }
    match level {
        0 => Level::Off,
        1 => Level::Arguments,
        2 => Level::Full,
        _ => Level::Paged,
    }
}

/// Whether anything may be checked: the one load and one branch of a call at level 0.
#[inline(always)]
#[must_use]
pub fn armed() -> bool {
    !cfg!(ffi_guard_off)
}
