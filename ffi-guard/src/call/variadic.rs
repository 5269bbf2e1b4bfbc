//! A variadic function, as declared: what is known of the arguments that follow the fixed ones.
//!
//! ```text
//!  fixed arguments ──┐
//!                    ├── Tail: a format, or the value of one of them ──> a Follower for each
//!  saved registers ──┴──────────────────────────────── taken ─────────> an Argument for each
//! ```
//!
//! The number of arguments is known only from the call itself. Of those that no contract tells of
//! nothing is read: what lies in a register or on the stack there may be a word of long ago.

mod follow;
mod format;
pub(crate) mod saved;
mod shapes;

pub use follow::{Followed, Follower, Word};
pub use format::Dialect;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use self::shapes::Shaped;
use super::argument::Argument;
use super::declaration::Function;

/// Arguments of one call that are looked at, at most.
pub(crate) const MOST: usize = 32;

/// A variadic function.
#[derive(Debug)]
pub struct Variadic {
    /// The function with its fixed parameters.
    pub(crate) function: &'static Function,
    /// What is known of the arguments that follow them.
    tail: Tail,
    /// The function with the parameters of a call, one for each list of them that was met.
    shapes: AtomicPtr<Shaped>,
    /// True once it was said that its calls pass unchecked.
    passes: AtomicBool,
}

/// What is known of the arguments that follow the fixed ones.
#[derive(Debug)]
pub enum Tail {
    /// Nothing.
    Unknown,
    /// They are what the format, which is this parameter, says.
    Format {
        /// Index of the parameter.
        parameter: usize,
        /// The language that it is written in.
        dialect: Dialect,
    },
    /// They are what follows this value of this parameter.
    Followed {
        /// Index of the parameter.
        parameter: usize,
        /// What follows which value; the first that fits counts.
        by: &'static [Followed],
    },
}

impl Variadic {
    /// Creates a function that was not called yet.
    #[must_use]
    pub const fn new(function: &'static Function, tail: Tail) -> Variadic {
        let shapes = AtomicPtr::new(std::ptr::null_mut());
        Variadic { function, tail, shapes, passes: AtomicBool::new(false) }
    }

    /// True the first time: its fixed arguments cannot be told from the registers.
    pub(crate) fn begins_to_pass(&self) -> bool {
        !self.passes.load(Ordering::Relaxed) && !self.passes.swap(true, Ordering::Relaxed)
    }

    /// Makes the arguments of a call, in `room`: the fixed ones, and those that the contract tells
    /// of. Returns the function with as many parameters.
    ///
    /// # Safety
    /// - `saved` are the registers of a call of this function, whose fixed arguments are `fixed`.
    pub(crate) unsafe fn arguments<'a>(
        &'static self,
        fixed: &[Argument],
        saved: &saved::Saved,
        room: &'a mut [Argument; MOST],
    ) -> (&'static Function, &'a [Argument]) {
        let plain = fixed.len().min(MOST);
        room[..plain].copy_from_slice(&fixed[..plain]);
        let none = (self.function, plain);
        let mut followers = [Follower::NUMBER; MOST];
        let tail = match self.tail {
            Tail::Unknown => follow::Taken::new(saved, room, plain, &mut followers),
            // SAFETY: the caller promises the registers of this call.
            Tail::Format { parameter, dialect } => unsafe {
                let mut taken = follow::Taken::new(saved, room, plain, &mut followers);
                if let Some(format) = fixed.get(parameter) {
                    format::take(format.address, dialect, &mut taken);
                }
                taken
            },
            // SAFETY: the caller promises the registers of this call.
            Tail::Followed { parameter, by } => unsafe {
                let mut taken = follow::Taken::new(saved, room, plain, &mut followers);
                if let Some(value) = fixed.get(parameter) {
                    follow::take(value, by, &mut taken);
                }
                taken
            },
        };
        let count = tail.count();
        if count == 0 {
            return (none.0, &room[..plain]);
        }
        match shapes::shaped(self.function, &followers[..count], &self.shapes) {
            Some(function) => (function, &room[..plain + count]),
            None => (none.0, &room[..plain]),
        }
    }
}
