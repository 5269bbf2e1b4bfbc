//! The levels: how much is checked.

use std::fmt;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Nothing: one load and one branch a call, memory straight from the inner allocator.
    Off = 0,
    /// What Rust hands over, on entry to each guarded call.
    Arguments = 1,
    /// Level 1, and what C did; allocation backtraces.
    Full = 2,
    /// Level 2, with every Rust block on pages of its own, and with `c-heap` every block of C's.
    Paged = 3,
}

impl Level {
    /// Reads a value of `GUARD`.
    pub(crate) fn parse(value: &str) -> Option<Level> {
        match value {
            "0" => Some(Level::Off),
            "1" => Some(Level::Arguments),
            "2" => Some(Level::Full),
            "3" => Some(Level::Paged),
            _ => None,
        }
    }

    pub(crate) fn from_u8(value: u8) -> Option<Level> {
        match value {
            0 => Some(Level::Off),
            1 => Some(Level::Arguments),
            2 => Some(Level::Full),
            3 => Some(Level::Paged),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Off => "0 (off)",
            Level::Arguments => "1 (arguments)",
            Level::Full => "2 (full)",
            Level::Paged => "3 (paged)",
        })
    }
}
