//! A number that came back from C and is no live handle's, or not of the type or the thread that
//! was wanted.

use std::panic::Location;

use crate::heap::trace::TraceId;

/// A number that came back from C and leads to nothing that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Staleness {
    /// The number.
    pub(crate) raw: usize,
    /// The type that was wanted.
    pub(crate) wanted: &'static str,
    /// What it came back through.
    pub(crate) through: Through,
    /// Why there is nothing.
    pub(crate) why: StaleReason,
    /// The thread that it came back on.
    pub(crate) thread: u32,
    /// Who called a callback, from level 2 on.
    pub(crate) called: TraceId,
}

/// What a number comes back through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// `Handle::with`.
    With,
    /// `Handle::take`.
    Take,
    /// The function of a `Callback`, called by C.
    Callback,
}

/// What is parked in a slot.
#[derive(Debug)]
pub(crate) struct ParkedType {
    /// The type's name.
    pub(crate) name: fn() -> &'static str,
    /// Frees the value.
    pub(crate) drop: unsafe fn(*mut ()),
}

/// A value that was released.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tombstone {
    pub(crate) raw: usize,
    pub(crate) life: Life,
    /// Where; `None` if a destructor did it, which does not know its caller.
    pub(crate) released: Option<&'static Location<'static>>,
    /// The backtrace of that, from level 2 on.
    pub(crate) trace: TraceId,
    pub(crate) released_by: u32,
}

/// The life of a value that is parked, or was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) kind: &'static ParkedType,
    pub(crate) made: &'static Location<'static>,
    pub(crate) made_by: u32,
}

/// Why a lookup gave nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StaleReason {
    /// It has not the form of a handle.
    NoHandle,
    /// It has, and none was ever made with this value.
    NeverMade,
    /// Released; `None` if that is longer ago than is remembered, or happens at this moment.
    Released(Option<Tombstone>),
    /// It is live, and of another type.
    OtherType(Life),
    /// It is live, and bound to the thread that made it.
    OtherThread(Life),
}

impl Staleness {
    /// The life of the value, if the number ever led to one.
    pub(crate) fn life(&self) -> Option<Life> {
        match self.why {
            StaleReason::Released(tombstone) => tombstone.map(|tombstone| tombstone.life),
            StaleReason::OtherType(life) | StaleReason::OtherThread(life) => Some(life),
            StaleReason::NoHandle | StaleReason::NeverMade => None,
        }
    }

    /// The end of that life, if it is remembered.
    pub(crate) fn tombstone(&self) -> Option<Tombstone> {
        if let StaleReason::Released(tombstone) = self.why { tombstone } else { None }
    }

    pub(crate) fn is_callback(&self) -> bool {
        self.through == Through::Callback
    }
}
