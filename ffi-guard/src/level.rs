//! Levels: what is checked in this process, and what memory is tracked for. Settled once, at the
//! first allocation or guarded call.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::config;
pub use crate::config::Level;
use crate::platform::{memory, process};

/// Not settled yet; no level has this value.
const UNSETTLED: u8 = u8::MAX;
/// Added to a level if each call is counted and timed (`GUARD_STATS`). Level 0 with it is not 0, so
/// that a wrapper calls the library; and no level with it equals a plain level, so that the fast
/// paths are not taken.
const COUNTED: u8 = 0x80;

/// The level in force, and the bit for counting calls: the one word that every wrapper loads.
pub static CHECKED: AtomicU8 = AtomicU8::new(if cfg!(ffi_guard_off) { Level::Off as u8 } else { UNSETTLED });
/// The level that the heap was set up for, for the life of the process: the ceiling of `CHECKED`.
static TRACKED: AtomicU8 = AtomicU8::new(UNSETTLED);
/// `GuardAlloc` has served an allocation, so it is the global allocator.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// True if anything may be checked or counted: the one load and one branch of a call at level 0.
// Called by code that may not be optimised. If it is not inlined there, its body still is.
#[cfg_attr(all(debug_assertions, not(ffi_guard_off)), inline(never))]
#[cfg_attr(any(not(debug_assertions), ffi_guard_off), inline(always))]
#[must_use]
pub fn armed() -> bool {
    !cfg!(ffi_guard_off) && CHECKED.load(Ordering::Relaxed) != Level::Off as u8
}

/// True if level 1 is in force, and nothing is counted. A separate load: a wrapper needs it after
/// the branch for level 0.
#[inline(always)]
#[must_use]
pub fn is_at_1() -> bool {
    checked_is(Level::Arguments)
}

/// True if exactly this level is settled and in force, and nothing is counted: one load and one
/// compare.
#[inline(always)]
pub(crate) fn checked_is(level: Level) -> bool {
    CHECKED.load(Ordering::Relaxed) == level as u8
}

/// True if calls are counted and timed; settles it at the first call.
#[inline]
pub(crate) fn counts() -> bool {
    if CHECKED.load(Ordering::Relaxed) == UNSETTLED {
        let _ = level();
    }
    counts_by_now()
}

/// True if calls are counted, as far as that is settled.
#[inline]
pub(crate) fn counts_by_now() -> bool {
    let checked = CHECKED.load(Ordering::Relaxed);
    !cfg!(ffi_guard_off) && checked != UNSETTLED && checked & COUNTED != 0
}

/// Value of `CHECKED` for this level, until `set_level` changes it.
fn as_checked(level: Level) -> u8 {
    level as u8 | if config::settings().stats { COUNTED } else { 0 }
}

/// `Some(true)` at level 2 or 3, `Some(false)` at level 1; `None` if it is not settled, or calls
/// are counted. One load.
#[inline(always)]
pub(crate) fn checked() -> Option<bool> {
    let checked = CHECKED.load(Ordering::Relaxed);
    (checked.wrapping_sub(Level::Arguments as u8) < 3).then_some(checked != Level::Arguments as u8)
}

/// The level in force.
///
/// ```
/// // Without `GuardAlloc` as the global allocator and without `GUARD`, nothing is.
/// assert_eq!(ffi_guard::level(), ffi_guard::Level::Off);
/// ```
#[must_use]
pub fn level() -> Level {
    if cfg!(ffi_guard_off) {
        return Level::Off;
    }
    match CHECKED.load(Ordering::Relaxed) {
        UNSETTLED => settle_at_call(),
        checked => Level::from_u8(checked & !COUNTED).unwrap_or_else(settle_at_call),
    }
}

/// Changes the level from now on, in every thread.
///
/// ```
/// use ffi_guard::{Level, set_level};
/// // This program does not track its memory, so there is nothing to check with.
/// assert_eq!(set_level(Level::Full).unwrap_err().ceiling, Level::Off);
/// assert!(set_level(Level::Off).is_ok());
/// ```
///
/// # Errors
/// The level is above the one that memory is tracked for, which was settled at the first allocation
/// and does not change.
pub fn set_level(wanted: Level) -> Result<(), LevelError> {
    let _ = level();
    let ceiling = Level::from_u8(TRACKED.load(Ordering::Relaxed)).unwrap_or(Level::Off);
    if wanted > ceiling {
        return Err(LevelError { wanted, ceiling });
    }
    CHECKED.store(as_checked(wanted), Ordering::Relaxed);
    Ok(())
}

/// A level above the one that memory is tracked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelError {
    /// The level that was asked for.
    pub wanted: Level,
    /// The highest level that this process can have.
    pub ceiling: Level,
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LevelError { wanted, ceiling } = self;
        write!(f, "level {wanted} is above {ceiling}, which this process was started with; set GUARD={}", *wanted as u8)
    }
}

impl std::error::Error for LevelError {}

/// Notes that `GuardAlloc` is the global allocator, before its first call of [`tracking`].
#[inline]
pub(crate) fn note_installed() {
    if !INSTALLED.load(Ordering::Relaxed) {
        INSTALLED.store(true, Ordering::Relaxed);
    }
}

/// The level that memory is tracked for; settles it at the first call. Called by the allocator, so
/// it never allocates.
#[inline]
pub(crate) fn tracking() -> Level {
    if cfg!(ffi_guard_off) {
        return Level::Off;
    }
    Level::from_u8(TRACKED.load(Ordering::Relaxed)).unwrap_or_else(settle)
}

#[cold]
fn settle() -> Level {
    let installed = INSTALLED.load(Ordering::Relaxed);
    let default = if installed && cfg!(debug_assertions) { Level::Full } else { Level::Off };
    let mut level = config::settings().level.unwrap_or(default);
    if level != Level::Off && !memory::SUPPORTED {
        process::say(format_args!("no address space can be reserved on this system: nothing is checked"));
        level = Level::Off;
    }
    if level == Level::Paged && !crate::platform::fault::SUPPORTED {
        process::say(format_args!("GUARD=3: faults are not caught on this system; this run is checked at level 2"));
        level = Level::Full;
    }
    if level != Level::Off {
        say_what_does_nothing_here();
    }
    // The first thread decides; a thread that raced with it computed the same.
    match TRACKED.compare_exchange(UNSETTLED, level as u8, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            // If checks are asked for without the allocator, the first guarded call refuses.
            if installed || level == Level::Off {
                let _ = CHECKED.compare_exchange(UNSETTLED, as_checked(level), Ordering::Relaxed, Ordering::Relaxed);
            }
            level
        }
        Err(settled) => Level::from_u8(settled).unwrap_or(level),
    }
}

/// Reports settings that have no effect here: the user believes that they have.
fn say_what_does_nothing_here() {
    let settings = config::settings();
    if settings.sample != 0 && !crate::platform::fault::SUPPORTED {
        process::say(format_args!("GUARD_SAMPLE: faults are not caught on this system; this run goes on without it"));
    }
}

/// The level that memory is tracked for. If it is not settled, makes an allocation to find out if
/// `GuardAlloc` is the global allocator.
#[cfg(feature = "c-heap")]
pub(crate) fn tracking_by_allocating() -> Level {
    drop(std::hint::black_box(Box::new(0_u8)));
    tracking()
}

/// Settles the level, if a guarded call comes before anything else.
#[cold]
fn settle_at_call() -> Level {
    drop(std::hint::black_box(Box::new(0_u8)));
    if !INSTALLED.load(Ordering::Relaxed) && config::settings().level.is_some_and(|level| level != Level::Off) {
        process::refuse(format_args!(
            "GUARD asks for checks, but this program's memory is not tracked. Add to its main file:\n\n    \
             #[global_allocator]\n    static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();\n"
        ));
    }
    let level = tracking();
    let _ = CHECKED.compare_exchange(UNSETTLED, as_checked(level), Ordering::Relaxed, Ordering::Relaxed);
    level
}
