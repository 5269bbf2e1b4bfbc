//! Stand-in for the settings, until the real ones are merged.
#![allow(dead_code)]

use std::path::Path;

/// What a denied violation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnViolation {
    /// A panic that carries the report.
    Panic,
    /// The report, then abort.
    Abort,
    /// The report, and the program goes on.
    Report,
}

/// The settings that reports depend on.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `GUARD_ON_VIOLATION`.
    pub(crate) on_violation: OnViolation,
    /// `GUARD_BACKTRACE`: 0, 1, or 2 for `full`.
    pub(crate) backtrace: u8,
    /// `NO_COLOR` is not set.
    pub(crate) color: bool,
}

impl Settings {
    /// `GUARD_REPORT`.
    pub(crate) fn report_path(&self) -> Option<&'static Path> {
        None
    }
}

static SETTINGS: Settings = Settings { on_violation: OnViolation::Panic, backtrace: 1, color: true };

/// The settings.
pub(crate) fn settings() -> &'static Settings {
    &SETTINGS
}
