//! Handles by which C has let go of what it held: `sqlite3_finalize` ends what `sqlite3_bind_text`
//! began. A word that is left in C's memory then is one that C does not read again.
//!
//! Each loan that C holds by a handle, and each end of it, has a number in one order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use super::kept;
use crate::platform::lock::Locked;
use crate::reentry::Reentry;

/// The number of the last end, by the handle's address.
pub(super) static ENDS: Locked<BTreeMap<usize, u64>> = Locked::new(BTreeMap::new());
/// Number of the next loan or end.
static NEXT: AtomicU64 = AtomicU64::new(1);
/// Number of the end with which some handles were last forgotten.
static FORGOTTEN: AtomicU64 = AtomicU64::new(0);
/// Handles that are remembered before those are forgotten by which C holds nothing.
const MANY: usize = 1 << 14;

/// The number of a loan that begins now.
pub(super) fn number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Notes that C no longer holds anything by this handle.
pub(crate) fn let_go(handle: usize) {
    let _inside = Reentry::enter();
    let number = number();
    let are_many = ENDS.with(|ends| {
        ends.insert(handle, number);
        ends.len() > MANY
    });
    if are_many {
        let mut holders = BTreeSet::new();
        kept::for_each(&mut |_, _, kept| _ = holders.insert(kept.holder));
        // The loans that began meanwhile are later than each end that is forgotten.
        ENDS.with(|ends| ends.retain(|handle, _| holders.contains(handle)));
        FORGOTTEN.store(number, Ordering::Relaxed);
    }
}

/// True if C has let go by this handle since the loan of that number.
pub(super) fn is_over(handle: usize, number: u64) -> bool {
    handle != 0 && ENDS.with(|ends| ends.get(&handle).is_some_and(|end| *end > number))
}

/// True if C has let go by this handle since the loan of that number, or if that may be forgotten:
/// for loans of which this is not told ([`let_go`]).
pub(super) fn may_be_over(handle: usize, number: u64) -> bool {
    handle != 0 && (number < FORGOTTEN.load(Ordering::Relaxed) || is_over(handle, number))
}
