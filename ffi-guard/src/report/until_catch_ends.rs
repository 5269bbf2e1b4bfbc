//! Violations that wait for the end of their thread's `catch` or test: those found inside the
//! allocator, which cannot unwind, and the warnings of `assert_clean!`.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::print;
use crate::call::thread;
use crate::facts::Violation;
use crate::reentry::Reentry;

/// A list without a lock: the allocator pushes to it, and a fork may come at any time.
struct Pending(AtomicPtr<Node>);

struct Node {
    violation: Box<Violation>,
    thread: u32,
    next: *mut Node,
}

static PENDING: Pending = Pending(AtomicPtr::new(null_mut()));

impl Pending {
    fn push(&self, violation: Box<Violation>) {
        let _inside = Reentry::enter();
        self.put(Box::into_raw(Box::new(Node { violation, thread: thread::id(), next: null_mut() })));
    }

    fn put(&self, node: *mut Node) {
        let mut first = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: the node is this thread's until the exchange succeeds.
            unsafe { (*node).next = first };
            match self.0.compare_exchange_weak(first, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => first = newer,
            }
        }
    }

    /// Takes the calling thread's violations, the oldest first.
    #[expect(clippy::vec_box, reason = "they are boxed already, and go on so")]
    fn take(&self) -> Vec<Box<Violation>> {
        let _inside = Reentry::enter();
        let mut mine = Vec::new();
        let mut node = self.0.swap(null_mut(), Ordering::Acquire);
        // SAFETY: the whole list was taken, so its nodes are this thread's; each came from
        // `Box::into_raw`.
        while let Some(it) = unsafe { node.as_ref() } {
            let next = it.next;
            if it.thread == thread::id() {
                // SAFETY: the node came from `Box::into_raw`, and nothing else leads to it any
                // more.
                mine.push(unsafe { Box::from_raw(node) }.violation);
            } else {
                self.put(node);
            }
            node = next;
        }
        mine.reverse();
        mine
    }
}

/// Keeps a violation until the calling thread's `catch` or test ends.
pub(crate) fn push(violation: Box<Violation>) {
    PENDING.push(violation);
}

/// The first violation that waits for the end of this thread's `catch`. The others are printed: one
/// panic carries one report.
pub(crate) fn take() -> Option<Box<Violation>> {
    if PENDING.0.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let _inside = Reentry::enter();
    let mut mine = PENDING.take().into_iter();
    let first = mine.next();
    mine.for_each(|violation| print(&violation));
    first
}

/// All violations that wait for the end of this thread's test, the oldest first.
#[expect(clippy::vec_box, reason = "they are boxed already, and go on so")]
pub(crate) fn take_all() -> Vec<Box<Violation>> {
    if PENDING.0.load(Ordering::Relaxed).is_null() { Vec::new() } else { PENDING.take() }
}

/// Prints the violations that wait, because `catch` ends with something else.
pub(crate) fn print_all() {
    if let Some(violation) = take() {
        let _inside = Reentry::enter();
        print(&violation);
    }
}
