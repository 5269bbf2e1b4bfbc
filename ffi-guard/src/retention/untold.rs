//! Findings that could not be delivered at once: made inside the allocator, or after another
//! violation, or by a search that belongs to another test.
//!
//! They go to the next guarded call, on any thread. What a thread finds inside `catch` is for that
//! thread, so that the end of its `catch` gets it and no other test does. While tests of
//! [`crate::testing`] are open, a finding is for the test whose thread lent the memory.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::found::Found;
use super::notes;
use crate::call::scopes;
use crate::platform::lock::Locked;
use crate::platform::thread;
use crate::reentry::Reentry;

pub(super) static UNTOLD: Locked<Untold> = Locked::new(Untold { found: Vec::new(), tests: Vec::new() });

/// Lock under which one thread searches while tests are open. A test that ends searches as well: so
/// nothing of its own is still on its way from another thread.
pub(super) static LOOKING: Locked<()> = Locked::new(());

/// What waits, and the tests that are open.
pub(super) struct Untold {
    found: Vec<Found>,
    /// Those of one thread in the order in which they were opened.
    tests: Vec<OpenTest>,
}

/// A test that is open.
struct OpenTest {
    thread: u32,
    /// Loans that were noted later than this are its own.
    since: u64,
}

/// True if some test is open: without one, nothing is asked about tests.
static ARE_TESTS: AtomicBool = AtomicBool::new(false);
/// True if the process runs one test alone, so that other threads work for it.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Recipient: `NOBODY` if there is nothing; one thread; or `ANYBODY`, also for several threads.
static FOR: AtomicU32 = AtomicU32::new(NOBODY);
const NOBODY: u32 = 0;
const ANYBODY: u32 = u32::MAX;
/// In place of a thread: the end of the process tells it.
const THE_END: u32 = u32::MAX - 1;

/// True if there is something for the calling thread.
#[inline]
pub(crate) fn is_any() -> bool {
    let whom = FOR.load(Ordering::Relaxed);
    whom != NOBODY && (whom == ANYBODY || whom == thread::id())
}

/// What a call may have to be told of before C runs: bits.
static DUE: AtomicU32 = AtomicU32::new(0);
/// Findings, for some thread.
const FINDINGS: u32 = 1;
/// Variables on some thread's stack that C may keep.
const STACK_LOANS: u32 = 2;

/// True if there is something for some thread, or some thread has lent C a variable on its stack to
/// keep: one load.
#[inline(always)]
pub(crate) fn may_be_any() -> bool {
    DUE.load(Ordering::Relaxed) != 0
}

/// Records if variables on the stack are lent that C may keep.
pub(super) fn set_stack_loans(are_any: bool) {
    set(STACK_LOANS, are_any);
}

fn set(bit: u32, on: bool) {
    match on {
        true => DUE.fetch_or(bit, Ordering::Release),
        false => DUE.fetch_and(!bit, Ordering::Release),
    };
}

/// Adds findings.
pub(crate) fn put_back(found: Vec<Found>) {
    if !found.is_empty() {
        let _inside = Reentry::enter();
        UNTOLD.with(|untold| {
            untold.add(found);
            untold.settle();
        });
    }
}

/// Takes the findings for the calling thread; at the end of the process, all.
pub(crate) fn take(everything: bool) -> Vec<Found> {
    if FOR.load(Ordering::Relaxed) == NOBODY {
        return Vec::new();
    }
    let (me, in_test) = (thread::id(), scopes::in_test());
    let _inside = Reentry::enter();
    UNTOLD.with(|untold| {
        let (mine, others) = std::mem::take(&mut untold.found)
            .into_iter()
            .partition(|found: &Found| everything || found.whose == me || found.whose == 0 && !in_test);
        untold.found = others;
        untold.settle();
        mine
    })
}

/// Runs a search on all threads' behalf, and returns what the calling thread is to tell. The rest
/// waits for those whose it is.
pub(crate) fn mine(search: impl FnOnce() -> Vec<Found>) -> Vec<Found> {
    if !ARE_TESTS.load(Ordering::Relaxed) {
        return search();
    }
    let _inside = Reentry::enter();
    LOOKING.with(|()| put_back(search()));
    take(false)
}

/// Leaves all that a search finds to those whose it is.
pub(crate) fn leave(search: impl FnOnce() -> Vec<Found>) {
    let _inside = Reentry::enter();
    match ARE_TESTS.load(Ordering::Relaxed) {
        true => LOOKING.with(|()| put_back(search())),
        false => put_back(search()),
    }
}

/// True if the process is known to run one test alone.
pub(crate) fn is_alone() -> bool {
    ALONE.load(Ordering::Relaxed)
}

/// Opens a test on the calling thread. `alone`: the process runs nothing else.
pub(crate) fn begin_test(alone: bool) {
    let _inside = Reentry::enter();
    // So that a loan of the moment before is an earlier one.
    notes::count_one();
    let test = OpenTest { thread: thread::id(), since: notes::count() };
    UNTOLD.with(|untold| untold.tests.push(test));
    ALONE.store(alone, Ordering::Relaxed);
    ARE_TESTS.store(true, Ordering::Relaxed);
}

/// Closes the test that the calling thread has opened last.
pub(crate) fn end_test() {
    let _inside = Reentry::enter();
    let me = thread::id();
    UNTOLD.with(|untold| {
        if let Some(last) = untold.tests.iter().rposition(|test| test.thread == me) {
            untold.tests.remove(last);
        }
        ARE_TESTS.store(!untold.tests.is_empty(), Ordering::Relaxed);
    });
}

/// Closes all tests: the process ends, and what is found from here on is told at once.
pub(crate) fn end_all_tests() {
    let _inside = Reentry::enter();
    UNTOLD.with(|untold| untold.tests.clear());
    ARE_TESTS.store(false, Ordering::Relaxed);
}

impl Untold {
    fn add(&mut self, found: Vec<Found>) {
        for mut found in found {
            if found.whose == 0 {
                found.whose = self.recipient_of(&found);
            }
            self.found.push(found);
        }
    }

    /// The thread whose open test lent the memory, or allocated it if no call is known to have lent
    /// it; 0 without such a test.
    fn recipient_of(&self, found: &Found) -> u32 {
        let lender = found.lent.first();
        let thread = match self.tests.last() {
            Some(test) if ALONE.load(Ordering::Relaxed) => test.thread,
            _ => lender.map_or(found.block.allocated_by, |note| note.thread),
        };
        match self.tests.iter().rfind(|test| test.thread == thread) {
            // Lent before the test began, by another one on the same thread.
            Some(test) if lender.is_some_and(|note| note.when < test.since) => THE_END,
            Some(test) => test.thread,
            None => 0,
        }
    }

    /// Updates the recipient.
    fn settle(&self) {
        let mut whose = self.found.iter().map(|found| found.whose).filter(|&whose| whose != THE_END);
        let whom = match whose.next() {
            // The end of the process asks for whatever there is.
            None if !self.found.is_empty() => THE_END,
            None => NOBODY,
            Some(first) if first != 0 && whose.all(|other| other == first) => first,
            Some(_) => ANYBODY,
        };
        FOR.store(whom, Ordering::Release);
        set(FINDINGS, whom != NOBODY);
    }
}
