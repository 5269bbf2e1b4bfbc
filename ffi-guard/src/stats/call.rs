//! Calls that have not returned, and the time that each of them takes.
//!
//! A thread's time is one line, cut at each crossing of the border. Each piece goes to the
//! innermost call, by its activity at the time:
//!
//! ```text
//! Rust ──┤ checks of f ├── f in C ──┤ checks of cb ├── cb in Rust ──┤ cb ├── f in C ──┤ checks of f ├── Rust
//!                                         └─ a guarded call here is a piece of its own
//! ```
//!
//! So each second is counted once, and callbacks are not part of C's time. Rust's own time outside
//! of callbacks is not counted.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::compiler_fence;

use super::calibrate;
use super::shard::{self, Shard, TimedFrame, add};
use crate::call::declaration::Function;
use crate::call::{tally, thread};
use crate::platform::clock::ticks;

/// The activity of a call that has not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Doing {
    /// Nothing that is timed.
    Nothing = 0,
    /// The guard checks it.
    Checks = 1,
    /// C runs; for a callback, Rust.
    Callee = 2,
    /// The body of a callback runs.
    Body = 3,
}

/// The wrapper's handle to a call that has not returned: its depth on its thread, and which call at
/// that depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    depth: u32,
    serial: u32,
}

/// A call that has not returned, while one of its parts works on it. Dropping it ends the call.
#[derive(Debug)]
pub(crate) struct TimedCall {
    shard: &'static Shard,
    frame: &'static TimedFrame,
    token: Token,
}

/// The memory that one call lends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LentBytes {
    /// Bytes of Rust memory.
    pub(crate) bytes: usize,
    /// Arguments under `retained`.
    pub(crate) retained: u32,
    /// Arguments that are pinned.
    pub(crate) pinned: u32,
}

/// The place of a call on its thread's stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackPlace {
    /// An address not further up than the wrapper's frame: calls that lie deeper than this are gone
    /// when the call begins.
    pub(crate) lowest: usize,
    /// An address not further down than the wrapper's frame: a call that lies above it was made
    /// after this call has gone.
    pub(crate) highest: usize,
}

/// While it lives, a signal handler leaves the shard alone.
struct Busy(&'static Shard);

impl Busy {
    #[inline(always)]
    fn enter(shard: &'static Shard) -> Busy {
        shard.busy.store(true, Relaxed);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        Busy(shard)
    }
}

impl Drop for Busy {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.0.busy.store(false, Relaxed);
    }
}

/// Begins a call of this function. `None` if it cannot be timed; then it is counted separately, or
/// not at all.
#[inline]
pub(crate) fn begin(function: &'static Function, place: StackPlace, above: &'static super::Above) -> Option<TimedCall> {
    if !super::is_ready() && !super::make_ready(above) {
        tally::count_beside(function);
        return None;
    }
    let number = tally::number(function)?;
    match shard::mine().and_then(|shard| TimedCall::push(shard, number, place)) {
        None => {
            tally::count_beside(function);
            None
        }
        call => call,
    }
}

/// Counts a call whose end is not seen, so that it cannot be timed.
#[cold]
pub(crate) fn count(function: &'static Function, above: &'static super::Above) {
    if super::is_ready() || super::make_ready(above) {
        tally::count_beside(function);
    }
}

/// Counts a call that the guard does not check: one from a signal handler in the middle of the
/// guard's own work.
#[cold]
pub(crate) fn unseen(function: &'static Function) {
    tally::count_beside(function);
}

/// The call that a token stands for; `None` if it was taken for gone.
#[inline]
pub(crate) fn find(token: Token) -> Option<TimedCall> {
    let shard = shard::mine()?;
    let frame = shard.frames.get(token.depth as usize)?;
    let under_way = (token.depth as usize) < shard.depth.load(Relaxed) && frame.serial.load(Relaxed) == token.serial;
    under_way.then_some(TimedCall { shard, frame, token })
}

/// Adds the ticks since the mark, less `less` (the clock and the way here), to the innermost call.
#[inline]
fn cut(shard: &Shard, less: u64) {
    let now = ticks();
    let passed = now.saturating_sub(shard.mark.load(Relaxed)).wrapping_sub(less);
    if let Some(frame) = shard.depth.load(Relaxed).checked_sub(1).and_then(|top| shard.frames.get(top))
        && let Some(counters) = shard.counters.get(frame.function.load(Relaxed))
    {
        match frame.doing.load(Relaxed) {
            doing if doing == Doing::Checks as u32 => add(&counters.checks, passed),
            doing if doing == Doing::Nothing as u32 => {}
            _ => add(&counters.callee, passed),
        }
    }
    shard.mark.store(now, Relaxed);
}

impl TimedCall {
    #[inline]
    fn push(shard: &'static Shard, number: usize, place: StackPlace) -> Option<TimedCall> {
        if shard.busy.load(Relaxed) || number >= shard.counters.len() {
            return None;
        }
        let _busy = Busy::enter(shard);
        forget_gone(shard, place.lowest);
        let depth = shard.depth.load(Relaxed);
        let frame = shard.frames.get(depth)?;
        if depth > 0 {
            cut(shard, calibrate::clock());
        }
        let serial = frame.serial.load(Relaxed).wrapping_add(1);
        frame.serial.store(serial, Relaxed);
        frame.function.store(number, Relaxed);
        frame.address.store(place.highest, Relaxed);
        frame.doing.store(Doing::Nothing as u32, Relaxed);
        shard.depth.store(depth + 1, Relaxed);
        Some(TimedCall { shard, frame, token: Token { depth: u32::try_from(depth).ok()?, serial } })
    }

    /// Begins the time of the checks.
    #[inline]
    pub(crate) fn checks_begin(&self) {
        let _busy = Busy::enter(self.shard);
        self.frame.doing.store(Doing::Checks as u32, Relaxed);
        self.shard.mark.store(ticks(), Relaxed);
    }

    /// Begins C's time. Returns the token to find the call by.
    #[inline]
    pub(crate) fn leave_for_c(self, lent: LentBytes) -> Token {
        {
            let _busy = Busy::enter(self.shard);
            if let Some(counters) = self.shard.counters.get(self.frame.function.load(Relaxed)) {
                add(&counters.calls, 1);
                if lent.bytes != 0 {
                    add(&counters.bytes, lent.bytes as u64);
                }
                if lent.retained | lent.pinned != 0 {
                    add(&counters.retained, u64::from(lent.retained));
                    add(&counters.pinned, u64::from(lent.pinned));
                }
            }
            self.turn_to(Doing::Callee);
        }
        let token = self.token;
        std::mem::forget(self);
        token
    }

    /// Ends C's time, because C has returned or unwinds.
    #[inline]
    pub(crate) fn back_from_c(&self) {
        let _busy = Busy::enter(self.shard);
        // Calls that were made inside it and are still listed are gone: C left them by `longjmp`.
        // Their time is not counted.
        let own = self.token.depth as usize + 1;
        if self.shard.depth.load(Relaxed) != own {
            self.shard.depth.store(own, Relaxed);
            self.frame.doing.store(Doing::Nothing as u32, Relaxed);
        }
        cut(self.shard, calibrate::way());
        self.frame.doing.store(Doing::Nothing as u32, Relaxed);
        if let Some(counters) = self.shard.counters.get(self.frame.function.load(Relaxed)) {
            add(&counters.ended, 1);
        }
    }

    /// Ends all timing of a call from which C will not return.
    pub(crate) fn never_comes_back(&self) {
        self.frame.doing.store(Doing::Nothing as u32, Relaxed);
    }

    /// Counts the time since C returned as checks.
    #[inline]
    pub(crate) fn checks_go_on(&self) {
        self.frame.doing.store(Doing::Checks as u32, Relaxed);
    }

    /// Begins the time of a callback's body.
    #[inline]
    pub(crate) fn body_begins(&self) {
        let _busy = Busy::enter(self.shard);
        if let Some(counters) = self.shard.counters.get(self.frame.function.load(Relaxed)) {
            add(&counters.calls, 1);
        }
        self.turn_to(Doing::Body);
    }

    /// Ends the time of the body, and begins that of the checks of its result.
    #[inline]
    pub(crate) fn body_ended(&self) {
        let _busy = Busy::enter(self.shard);
        cut(self.shard, calibrate::clock());
        self.frame.doing.store(Doing::Checks as u32, Relaxed);
    }

    /// Ends a callback, with a panic or without.
    #[inline]
    pub(crate) fn callback_ends(self) {
        if let Some(counters) = self.shard.counters.get(self.frame.function.load(Relaxed)) {
            let _busy = Busy::enter(self.shard);
            add(&counters.ended, 1);
        }
    }

    /// Counts the time so far as checks, if there were checks.
    #[inline]
    fn turn_to(&self, doing: Doing) {
        if self.frame.doing.load(Relaxed) == Doing::Checks as u32 {
            cut(self.shard, calibrate::entry());
            self.frame.doing.store(doing as u32, Relaxed);
        } else {
            self.frame.doing.store(doing as u32, Relaxed);
            self.shard.mark.store(ticks(), Relaxed);
        }
    }

    /// Counts the callback for the call in which C makes it.
    #[inline]
    pub(crate) fn is_callback(&self) {
        let _busy = Busy::enter(self.shard);
        let outer = (self.token.depth as usize).checked_sub(1).and_then(|at| self.shard.frames.get(at));
        if let Some(frame) = outer.filter(|frame| frame.doing.load(Relaxed) == Doing::Callee as u32)
            && let Some(counters) = self.shard.counters.get(frame.function.load(Relaxed))
        {
            add(&counters.callbacks, 1);
        }
    }
}

/// Ends the call: its caller's time goes on.
impl Drop for TimedCall {
    #[inline]
    fn drop(&mut self) {
        let _busy = Busy::enter(self.shard);
        let depth = self.token.depth as usize;
        if depth >= self.shard.depth.load(Relaxed) || self.frame.serial.load(Relaxed) != self.token.serial {
            return;
        }
        if self.frame.doing.load(Relaxed) != Doing::Nothing as u32 {
            cut(self.shard, calibrate::clock());
        }
        self.shard.depth.store(depth, Relaxed);
        if depth > 0 {
            self.shard.mark.store(ticks(), Relaxed);
        }
    }
}

/// Removes calls that C left by `longjmp`, which never end: their frames lie deeper in the stack
/// than that of a call made later.
#[inline]
fn forget_gone(shard: &Shard, address: usize) {
    while let Some(top) = shard.depth.load(Relaxed).checked_sub(1)
        && let Some(frame) = shard.frames.get(top)
        && frame.address.load(Relaxed) <= address
    {
        let stack = thread::stack();
        // Addresses say nothing on a separate stack, such as a signal handler's may be.
        if !stack.contains(&frame.address.load(Relaxed)) || !stack.contains(&address) {
            return;
        }
        shard.depth.store(top, Relaxed);
        // It is not known since when its caller goes on.
        shard.mark.store(ticks(), Relaxed);
    }
}
