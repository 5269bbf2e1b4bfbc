//! `#[guard(version = ..)]`: what has to hold of the library that a block's functions are of. Asked
//! once, at the first call of any of them.

use std::fmt::Debug;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The condition of a block.
#[derive(Debug)]
pub struct Version {
    asks: fn() -> Verdict,
    /// The condition as it is written.
    pub(crate) text: &'static str,
    answer: OnceLock<Verdict>,
    /// True while it is being asked: it calls functions of the block itself.
    is_asked: AtomicBool,
    /// True once a report has told that it does not hold.
    is_told: AtomicBool,
}

/// What the condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not, with what stands on the left of the comparison if it is one.
    Fails(Option<String>),
}

/// The answer of a condition that holds.
#[must_use]
pub fn holds() -> Verdict {
    Verdict::Holds
}

/// The answer of one that does not.
#[must_use]
pub fn fails() -> Verdict {
    Verdict::Fails(None)
}

/// The answer of a comparison that does not hold, with what is on its left.
pub fn fails_with(left: &impl Debug) -> Verdict {
    Verdict::Fails(Some(format!("{left:?}")))
}

impl Version {
    /// The condition of this text.
    #[must_use]
    pub const fn new(asks: fn() -> Verdict, text: &'static str) -> Version {
        let (is_asked, is_told) = (AtomicBool::new(false), AtomicBool::new(false));
        Version { asks, text, answer: OnceLock::new(), is_asked, is_told }
    }

    /// Asks, if that was not done yet. `None` while it is being asked: by a thread that is not
    /// waited for, or by the condition's own calls.
    pub(crate) fn ask(&self) -> Option<&Verdict> {
        if let Some(answer) = self.answer.get() {
            return Some(answer);
        }
        if self.is_asked.swap(true, Ordering::Acquire) {
            return None;
        }
        // A condition that panics is asked again.
        let done = Done(&self.is_asked);
        let answer = (self.asks)();
        let answer = self.answer.get_or_init(|| answer);
        drop(done);
        Some(answer)
    }

    /// True if a report has told of it before; from now on it has.
    pub(crate) fn was_told(&self) -> bool {
        self.is_told.swap(true, Ordering::Relaxed)
    }
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NESTED: Version = Version::new(
        || {
            assert_eq!(NESTED.ask(), None, "its own calls do not ask");
            fails_with(&3)
        },
        "3 == 4",
    );

    #[test]
    fn it_is_asked_once_and_not_by_itself() {
        assert_eq!(NESTED.ask(), Some(&Verdict::Fails(Some("3".into()))));
        assert_eq!(NESTED.ask(), Some(&Verdict::Fails(Some("3".into()))));
        assert!(!NESTED.was_told() && NESTED.was_told());
    }

    static PANICS: Version = Version::new(|| panic!("no library"), "");

    #[test]
    fn one_that_panics_is_asked_again() {
        for _ in 0..2 {
            assert!(std::panic::catch_unwind(|| PANICS.ask().is_some()).is_err());
        }
    }
}
