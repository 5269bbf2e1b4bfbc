//! Records of the latest copies, for fault handlers: a look-up takes no lock and never waits.

use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

use super::pages;
use crate::call::declaration::Function;
use crate::call::site::Site;
use crate::platform::memory::{self, PAGE};

/// Number of the latest copies that are remembered.
const KEPT: usize = 1024;

/// Record of one of the latest copies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopyRecord {
    /// First byte of the copy.
    pub(crate) copy: usize,
    /// Bytes of the copy.
    pub(crate) len: usize,
    /// First byte of the original.
    pub(crate) original: usize,
    /// The function that was lent it.
    pub(crate) function: &'static Function,
    /// Index of the parameter; the first of those that share the copy.
    pub(crate) parameter: usize,
    /// Location of the call.
    pub(crate) location: &'static Location<'static>,
    /// Number of the thread that called.
    pub(crate) thread: u32,
    /// True if the call has not returned.
    pub(crate) open: bool,
}

impl CopyRecord {
    /// Site of the call.
    pub(crate) fn site(&self) -> Site {
        Site { function: self.function, location: self.location }
    }
}

/// Slot for a record, and its version: the copy's number, and two flags.
struct Slot {
    version: AtomicU64,
    /// Start and end of the pages, then the record: copy, len, original, function, location,
    /// parameter, thread.
    fields: [AtomicUsize; 9],
}

/// Flag: being written.
const BUSY: u64 = 1;
/// Flag: the call has not returned.
const OPEN: u64 = 2;
/// Shift of the copy's number, above the flags.
const NUMBER: u32 = 2;

/// Address of the slots: reserved memory and not a static, so that the search of all modules' data
/// does not read them. 0 before the first copy.
static SLOTS: AtomicUsize = AtomicUsize::new(0);
/// Number of copies so far; the first has number 1.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A record in its slot: closed when the copy is dropped.
#[derive(Debug)]
pub(super) struct Written {
    slot: &'static Slot,
    version: u64,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({:#x})", self.version.load(Ordering::Relaxed))
    }
}

/// All slots; none before the first copy.
fn slots() -> &'static [Slot] {
    let at = SLOTS.load(Ordering::Acquire);
    if at == 0 {
        return &[];
    }
    // SAFETY: `make_room` has committed `KEPT` slots, for good; zero is a slot that was never
    // written, and all of it is atomic.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(at), KEPT) }
}

#[cold]
fn make_room() -> Option<()> {
    let len = (KEPT * size_of::<Slot>()).next_multiple_of(PAGE);
    let at = memory::reserve(len, PAGE)?;
    if !memory::commit(at..at + len) || SLOTS.compare_exchange(0, at, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another thread was first, or there is no memory.
        memory::release(at..at + len);
    }
    Some(())
}

/// Writes a record over the oldest closed one. `None` if all are open, or there is no memory for
/// the slots.
pub(super) fn write(pages: &Range<usize>, record: &CopyRecord) -> Option<Written> {
    if slots().is_empty() {
        make_room()?;
    }
    let slots = slots();
    for _ in 0..KEPT {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
        let slot = slots.get(usize::try_from(number % KEPT as u64).unwrap_or(0))?;
        let before = slot.version.load(Ordering::Relaxed);
        if before & (OPEN | BUSY) != 0 {
            continue;
        }
        let version = number << NUMBER | OPEN;
        if slot.version.compare_exchange(before, version | BUSY, Ordering::Acquire, Ordering::Relaxed).is_err() {
            continue;
        }
        // Pairs with the fence in `read`: a reader that sees a field written below also sees BUSY
        // or a later version.
        fence(Ordering::Release);
        let function = std::ptr::from_ref(record.function).expose_provenance();
        let location = std::ptr::from_ref(record.location).expose_provenance();
        let CopyRecord { copy, len, original, parameter, thread, .. } = *record;
        let values = [pages.start, pages.end, copy, len, original, function, location, parameter, thread as usize];
        for (field, value) in slot.fields.iter().zip(values) {
            field.store(value, Ordering::Relaxed);
        }
        slot.version.store(version, Ordering::Release);
        return Some(Written { slot, version });
    }
    None
}

impl Drop for Written {
    fn drop(&mut self) {
        let closed = self.version & !OPEN;
        // Only this thread writes an open record, so this cannot fail.
        let _ = self.slot.version.compare_exchange(self.version, closed, Ordering::Release, Ordering::Relaxed);
    }
}

impl Slot {
    /// Returns the record if the address lies in its pages or in the pages without access on either
    /// side, and the copy's number.
    fn read(&self, address: usize) -> Option<(u64, CopyRecord)> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || version & BUSY != 0 {
            return None;
        }
        let [start, end, copy, len, original, function, location, parameter, thread] =
            self.fields.each_ref().map(|field| field.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        if self.version.load(Ordering::Relaxed) & !OPEN != version & !OPEN {
            return None;
        }
        if !(start.wrapping_sub(PAGE)..end.wrapping_add(PAGE)).contains(&address) {
            return None;
        }
        // SAFETY: the version was the same before and after, so these are what `write` took from
        // references that live for ever.
        let (function, location) = unsafe {
            (
                &*std::ptr::with_exposed_provenance::<Function>(function),
                &*std::ptr::with_exposed_provenance::<Location<'static>>(location),
            )
        };
        let thread = u32::try_from(thread).unwrap_or(0);
        let open = version & OPEN != 0;
        Some((version >> NUMBER, CopyRecord { copy, len, original, function, parameter, location, thread, open }))
    }
}

/// The latest copy that the address leads into, or next to: up to a page before or after its pages.
/// `None` if it leads to no copy, or to one that is forgotten.
///
/// Takes no lock, never faults, may run in a signal handler.
pub(crate) fn of(address: usize) -> Option<CopyRecord> {
    if !pages::contains(address) {
        return None;
    }
    let found = slots().iter().filter_map(|slot| slot.read(address));
    found.max_by_key(|(number, _)| *number).map(|(_, record)| record)
}
