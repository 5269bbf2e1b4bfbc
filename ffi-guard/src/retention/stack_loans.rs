//! Variables on the stack that C was allowed to keep: looked for when their frame is left.
//!
//! A free is seen; that a function returns is not. But a guarded call whose caller's frame begins
//! above the variable proves that the frame is gone, since frames lie one below the other. So does
//! the end of `catch`, and a checkpoint.
//!
//! The address may be that of another variable by then. C is only said to hold the one that was
//! lent if it holds its very address: the words in between may be whatever a C library keeps of the
//! stack pointer.

use std::ops::Range;

use super::let_go;
use super::notes::Note;
use super::{budget, untold};
use crate::call::loan::Loan;
use crate::call::site::Site;
use crate::call::thread;
use crate::facts::{Finding, Promise};
use crate::platform::lock::Locked;
use crate::reentry::Reentry;
use crate::rule::{Rule, Severity};
use crate::rules::freed_while_retained;
use crate::scan::{self, Wanted};

/// A variable on the stack that C may keep.
#[derive(Clone)]
pub(crate) struct StackLoan {
    range: Range<usize>,
    /// The call that lent it.
    pub(crate) note: Note,
    promise: Promise,
    /// The handle by which C holds it; 0 for none.
    holder: usize,
    /// Number of the loan among those that C holds by a handle.
    number: u64,
}

/// Those whose frames may be live, of all threads.
pub(super) static LENT: Locked<Vec<StackLoan>> = Locked::new(Vec::new());

/// Number that are kept; more push the oldest out.
const MOST: usize = 1024;

/// Records that a call lends a variable on the stack that C may keep. `holder`: the handle by which
/// C holds it; 0 for none.
pub(crate) fn lend(range: &Range<usize>, site: &Site, loan: &Loan, promise: Promise, holder: usize) {
    let allowed = site.severity(Rule::FreedWhileRetained, Some(loan.parameter)) == Severity::Allow;
    // A coroutine's stack says nothing of what is left on the thread's own.
    if allowed || promise == Promise::Pinned || !thread::stack().contains(&range.start) {
        return;
    }
    super::ready::ready();
    let _inside = Reentry::enter();
    let number = if holder == 0 { 0 } else { let_go::number() };
    let note = Note::of_stack(site, loan);
    let lent = StackLoan { range: range.clone(), note, promise, holder, number };
    LENT.with(|all| {
        let same = |other: &StackLoan| {
            (other.note.thread, other.range.start, other.holder) == (note.thread, range.start, holder)
        };
        all.retain(|other| !same(other));
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(lent);
        settle(all);
    });
}

/// Updates what tells the calling thread whether to ask.
fn settle(all: &[StackLoan]) {
    let me = thread::id();
    let mine = all.iter().filter(|lent| lent.note.thread == me);
    thread::set_lowest_kept(mine.map(|lent| lent.range.start).min());
    untold::set_stack_loans(!all.is_empty());
}

/// True if some variable that this thread lent may be gone, for a caller whose frame begins at
/// `callers`.
pub(crate) fn may_be_left(callers: usize) -> bool {
    thread::lowest_kept() < callers && thread::stack().contains(&callers)
}

/// Takes the loans of this thread whose frames are gone, for a caller whose frame begins at
/// `callers`.
pub(crate) fn take_left(callers: usize) -> Vec<StackLoan> {
    let me = thread::id();
    let _inside = Reentry::enter();
    let is_left = |lent: &StackLoan| lent.note.thread == me && lent.range.end <= callers;
    let low = LENT.with(|all| all.iter().filter(|lent| is_left(lent)).map(|lent| lent.range.start).min());
    // Asked without the lock: it calls the C library.
    if !low.is_some_and(|low| scan::is_left(low, callers)) {
        return Vec::new();
    }
    LENT.with(|all| {
        let (left, live) = std::mem::take(all).into_iter().partition(is_left);
        *all = live;
        settle(all);
        left
    })
}

/// Puts loans back that were taken and not judged.
pub(crate) fn put_back(left: impl IntoIterator<Item = StackLoan>) {
    let _inside = Reentry::enter();
    LENT.with(|all| {
        all.extend(left);
        settle(all);
    });
}

/// Looks if C holds a variable whose frame is gone.
pub(crate) fn judge(left: &StackLoan) -> Option<Finding> {
    let StackLoan { range, note, promise, holder, number } = left;
    if let_go::may_be_over(*holder, *number) || !budget::may_look_for_freed(note.site.function) {
        return None;
    }
    let _inside = Reentry::enter();
    let started = crate::platform::clock::ticks();
    let mut hits = Vec::new();
    let address = range.start;
    budget::searched_for_freed(scan::c_memory(&Wanted::new(std::iter::once(address..address + 1)), &mut hits));
    budget::looked(crate::platform::clock::ticks().saturating_sub(started));
    // Where C held it was not noted, so a pool in which it may have been left behind does not
    // count.
    #[cfg(feature = "c-heap")]
    hits.retain(|&hit| super::witness::holds(hit, &Default::default()));
    hits.into_iter().find_map(|hit| freed_while_retained::check(hit, *promise, false, true))
}

/// True if C may keep an address of this part of the calling thread's stack.
pub(crate) fn may_be_kept(part: Range<usize>) -> bool {
    let me = thread::id();
    let _inside = Reentry::enter();
    let leads = |lent: &StackLoan| lent.range.start < part.end && part.start < lent.range.end;
    LENT.with(|all| all.iter().any(|lent| lent.note.thread == me && leads(lent)))
}

/// Forgets the loans of other threads, in a forked child.
pub(super) fn forget_other_threads() {
    let (me, _inside) = (thread::id(), Reentry::enter());
    LENT.with(|all| {
        all.retain(|lent| lent.note.thread == me);
        settle(all);
    });
}
