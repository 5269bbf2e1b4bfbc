//! The part of the calling thread's stack that is left: where the frames of functions were that
//! have returned.
//!
//! ```text
//!  the caller's frame and those above it      live: Rust's variables, or C's
//!  ─────────────────────────────────────────  where the caller's frame begins
//!  the wrapper's frame, and the guard's       no variable of the program's is here, so what an
//!  nothing                                    address led to is gone
//! ```
//! A word of an argument with an address in the lower part is certain to dangle, as long as the
//! frames are those of the thread's own stack. They are not where a signal handler runs, and on a
//! coroutine's stack: the frames of whoever resumed it may lie below. So all frames are walked
//! before anything is said: none may be that of a signal, they must follow one another, and the
//! outermost one must be the one with which the system begins a thread.

use std::ops::Range;

use super::frames::{each_frame, is_signal_return};
use super::whose_frame::Walk;
use crate::call::thread::{self, Wrapper};
use crate::heap::trace;
use crate::platform::stack;
use crate::reentry::Reentry;

/// Where the frame of the function begins that called the wrapper. `None` if the frames in between
/// have no description that is read fast.
pub(crate) fn callers_frame(wrapper: Wrapper) -> Option<usize> {
    if wrapper.arguments == 0 {
        return None;
    }
    let _inside = Reentry::enter();
    let mut walk = Walk::to(usize::MAX, wrapper);
    let mut begins = None;
    trace::each_frame(&mut |here, ip| {
        walk.take(here, ip);
        match walk.above() {
            None => true,
            // The outer one of the wrapper's two functions.
            Some(1) if wrapper.callers >= 2 && walk.is_by_inner() => true,
            Some(_) => {
                begins = Some(here);
                false
            }
        }
    });
    begins
}

/// True if an address is certainly in the part of the calling thread's stack that is left.
/// `callers`: where the frame begins below which nothing is live.
///
/// It walks all frames and asks the system: for what is about to be told.
#[cold]
pub(crate) fn is_left(address: usize, callers: usize) -> bool {
    let own = thread::stack();
    if !(own.start..callers).contains(&address) || !own.contains(&callers) {
        return false;
    }
    let _inside = Reentry::enter();
    begins_as_a_thread_does(callers) && stack::surely_holds([address, callers])
}

/// True if the frames from `from` on up are those of one stack, up to where the system began the
/// thread, and no signal interrupted one of them.
fn begins_as_a_thread_does(from: usize) -> bool {
    let own = from..thread::stack().end;
    let begin = || Frames { own: own.clone(), last: (0, 0), called: 0, in_order: true };
    let mut frames = begin();
    if !trace::each_frame(&mut |begins, ip| frames.take(begins, ip)) {
        frames = begin();
        each_frame(&mut |begins, ip| frames.take(begins, ip));
    }
    let Frames { last: (begins, ip), called, in_order, .. } = frames;
    in_order && own.contains(&begins) && stack::begins_thread(ip, called)
}

/// A walk over all frames.
struct Frames {
    /// The part of the stack that is not left.
    own: Range<usize>,
    /// Where the last frame begins, and where its function goes on.
    last: (usize, usize),
    /// Where the function that it called goes on.
    called: usize,
    in_order: bool,
}

impl Frames {
    fn take(&mut self, begins: usize, ip: usize) -> bool {
        let (below, below_ip) = self.last;
        // The guard may work on a stack of its own, which is elsewhere.
        let in_order = !self.own.contains(&below) || self.own.contains(&begins) && below <= begins;
        self.in_order &= in_order && !is_signal_return(ip);
        (self.last, self.called) = ((begins, ip), below_ip);
        self.in_order
    }
}
