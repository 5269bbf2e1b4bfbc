//! The table that the values of handles and callbacks are parked in, and the memory of those that
//! are gone.
//!
//! Slots lie in chunks that are never freed, so any number that C hands back can be looked up. A
//! slot belongs to one of a few shards, chosen by the thread that first took it. A release gives it
//! back to that shard, so values that one thread makes and another releases need no more slots than
//! were ever live at once. A lookup takes no lock; making and releasing takes the shard's for a few
//! instructions, and none of the program's code runs under it.

use crate::facts::{Life, ParkedType, StaleReason, Tombstone};
use std::alloc::Layout;
use std::any::TypeId;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::null_mut;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

use super::cookie;
use super::slot::{Entered, State};
use crate::heap::trace::{self, TraceId};
use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::thread;
use crate::reentry::{self, Reentry};

const SHARDS: usize = 16;
/// Slots of a shard's first chunk; each further chunk doubles the shard.
const FIRST_CHUNK: u32 = 64;
/// Chunks of a shard: `FIRST_CHUNK`, doubled once for each further chunk, fills the bits of a
/// slot's number.
const CHUNKS: usize = 16;
/// The number of released handles that each shard remembers, the last ones.
pub(crate) const REMEMBERED: usize = 1000;

const _: () = assert!((SHARDS as u64 * FIRST_CHUNK as u64) << (CHUNKS - 1) == 1 << cookie::SLOT_BITS);

/// A value's place. Zeroed memory is a slot that was never used.
struct Slot {
    state: State,
    /// A `*mut Kind`'s value. Written before `make`, read by those who entered, and by the owner.
    value: UnsafeCell<*mut ()>,
    /// The value's type, written and read like the value.
    type_id: UnsafeCell<MaybeUninit<TypeId>>,
    /// A `&'static Kind`. Atomic like all below: a report reads it without having entered.
    kind: AtomicPtr<ParkedType>,
    /// The place where it was made: a `&'static Location`.
    made: AtomicPtr<Location<'static>>,
    /// The thread that made it.
    made_by: AtomicU32,
    /// The only thread that may use it; 0 for any.
    bound: AtomicU32,
    /// While the slot is free: one more than the number of the next free slot of the shard; 0 for
    /// none. Under the shard's lock.
    next: AtomicU32,
}

/// The part of a shard that is under its lock. The ring comes with the first chunk.
struct Shard {
    /// One more than the number, inside the shard, of the first free slot; 0 for none.
    free: u32,
    /// The number of slots that were ever taken.
    taken: u32,
    /// The number of slots in all chunks.
    there: u32,
    /// The last handles that were released: `REMEMBERED` places, of which `buried` were ever
    /// written, round and round. Null before the first chunk.
    ring: *mut MaybeUninit<Tombstone>,
    buried: u64,
}

// SAFETY: the ring is the shard's own, reached under its lock.
unsafe impl Send for Shard {}

/// A value apart from its neighbours' cache lines.
#[repr(align(128))]
struct Apart<T>(T);

static SHARD: [Apart<Locked<Shard>>; SHARDS] =
    [const { Apart(Locked::new(Shard { free: 0, taken: 0, there: 0, ring: null_mut(), buried: 0 })) }; SHARDS];
/// The chunks of each shard, in order. Each is written once, before a number in it is given out.
static CHUNK: [[AtomicPtr<Slot>; CHUNKS]; SHARDS] = [const { [const { AtomicPtr::new(null_mut()) }; CHUNKS] }; SHARDS];

/// Whether a use must come from the thread that the value is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Only the thread that the value is bound to, if it is bound to one.
    ItsThread,
    /// Any thread: the caller owns the value, whose type is `Send` if it came here.
    Anywhere,
}

/// Parks a value.
///
/// # Panics
/// If 33 million are parked.
pub(crate) fn park(
    value: *mut (),
    type_id: TypeId,
    kind: &'static ParkedType,
    bound: bool,
    made: &'static Location<'static>,
) -> usize {
    let me = thread::id();
    let shard = me as usize % SHARDS;
    let inside = take(shard);
    let slot = slot(shard, inside);
    // SAFETY: taken off the free list, so that this thread alone has the slot until `make`.
    unsafe {
        *slot.value.get() = value;
        (*slot.type_id.get()).write(type_id);
    }
    slot.kind.store(std::ptr::from_ref(kind).cast_mut(), Ordering::Relaxed);
    slot.made.store(std::ptr::from_ref(made).cast_mut(), Ordering::Relaxed);
    slot.made_by.store(me, Ordering::Relaxed);
    slot.bound.store(if bound { me } else { 0 }, Ordering::Relaxed);
    let generation = slot.state.make();
    cookie::pack(inside * SHARDS as u32 + shard as u32, generation)
}

/// Keeps a value parked while it lives.
pub(crate) struct Use {
    slot: &'static Slot,
    raw: usize,
}

/// Looks a value up. `Use` gives the pointer that was parked under it with this type.
#[inline]
pub(crate) fn enter(raw: usize, wanted: TypeId, from: From) -> Result<Use, StaleReason> {
    let Some((slot, generation)) = find(raw) else { return Err(why(raw)) };
    let may = || match slot.bound.load(Ordering::Relaxed) {
        0 => true,
        bound => from == From::Anywhere || bound == thread::id(),
    };
    match slot.state.enter(generation, may) {
        Entered::Yes => {}
        Entered::Gone => return Err(why(raw)),
        Entered::Refused => return Err(life(slot, generation).map_or_else(|| why(raw), StaleReason::OtherThread)),
    }
    let entered = Use { slot, raw };
    // SAFETY: entered, so that the type is written and stays.
    if unsafe { (*slot.type_id.get()).assume_init() } != wanted {
        return Err(life(slot, generation).map_or(StaleReason::NeverMade, StaleReason::OtherType));
    }
    Ok(entered)
}

impl Use {
    /// The value.
    #[inline]
    pub(crate) fn value(&self) -> *mut () {
        // SAFETY: entered, so that it is written and stays.
        unsafe { *self.slot.value.get() }
    }

    /// The kind of the value.
    pub(crate) fn kind(&self) -> &'static ParkedType {
        read_life(self.slot).kind
    }

    /// Releases it, which keeps further users from entering. Returns the value, which is the
    /// caller's then, if it is not in use; `Ok(None)` if it is: the last user frees it. `Err` if it
    /// was released before.
    pub(crate) fn release(self, released: Option<&'static Location<'static>>) -> Result<Option<*mut ()>, StaleReason> {
        let Use { slot, raw } = self;
        if !slot.state.release() {
            drop(self);
            return Err(why(raw));
        }
        std::mem::forget(self);
        let (value, life) = (
            // SAFETY: still entered.
            unsafe { *slot.value.get() },
            read_life(slot),
        );
        // A destructor does not know its caller. The backtrace does, if backtraces are kept.
        let trace = if released.is_none() { trace::capture() } else { TraceId::default() };
        bury(Tombstone { raw, life, released, trace, released_by: thread::id() });
        if !slot.state.leave() {
            return Ok(None);
        }
        give_back(slot, raw);
        Ok(Some(value))
    }
}

impl Drop for Use {
    #[inline]
    fn drop(&mut self) {
        if self.slot.state.leave() {
            empty(self.slot, self.raw);
        }
    }
}

/// Frees the value of a slot that was released while it was in use. Called by the last user.
#[cold]
fn empty(slot: &'static Slot, raw: usize) {
    // SAFETY: the last to leave owns the slot.
    let value = unsafe { *slot.value.get() };
    let Life { kind, .. } = read_life(slot);
    give_back(slot, raw);
    // SAFETY: parked with this kind, owned, and freed once. Last: it is the program's code, which
    // may panic.
    unsafe { (kind.drop)(value) };
}

/// The number of slots that were ever taken: the size that the table has grown to.
#[cfg(test)]
fn slots() -> u64 {
    SHARD.iter().map(|shard| shard.0.with(|shard| u64::from(shard.taken))).sum()
}

/// The slot and the generation of a handle's value, if there is such a slot.
#[inline]
fn find(raw: usize) -> Option<(&'static Slot, u32)> {
    let (number, generation) = cookie::unpack(raw)?;
    let (shard, inside) = (number as usize % SHARDS, number / SHARDS as u32);
    let (chunk, offset) = place(inside);
    let chunk = CHUNK.get(shard)?.get(chunk)?.load(Ordering::Acquire);
    if chunk.is_null() {
        return None;
    }
    // SAFETY: a chunk holds the slots up to where the next begins, zeroed at first, and is never
    // freed.
    Some((unsafe { &*chunk.add(offset as usize) }, generation))
}

/// The slot of a number that was given out.
fn slot(shard: usize, inside: u32) -> &'static Slot {
    let (chunk, offset) = place(inside);
    // SAFETY: the caller has the number from the shard, whose chunks were stored before their
    // numbers are given out.
    unsafe { &*CHUNK[shard][chunk].load(Ordering::Acquire).add(offset as usize) }
}

/// The chunk of a slot's number inside its shard, and the place in that chunk.
#[inline]
fn place(inside: u32) -> (usize, u32) {
    match inside / FIRST_CHUNK {
        0 => (0, inside),
        doubled => {
            let chunk = doubled.ilog2();
            (chunk as usize + 1, inside - (FIRST_CHUNK << chunk))
        }
    }
}

/// The number of slots of a chunk.
fn slots_of(chunk: usize) -> u32 {
    FIRST_CHUNK << chunk.saturating_sub(1)
}

/// Runs `f` with a shard, under its lock. While the lock is held, this thread is inside: a signal
/// handler that looks up a released handle in that moment does not wait for itself.
fn locked<R>(shard: usize, f: impl FnOnce(&mut Shard) -> R) -> R {
    let _inside = Reentry::enter();
    SHARD[shard].0.with(f)
}

/// Takes a free slot of the shard, or makes new ones.
fn take(shard: usize) -> u32 {
    loop {
        let there = match locked(shard, |own| own.take(shard)) {
            Ok(inside) => return inside,
            Err(there) => there,
        };
        grow(shard, there);
    }
}

impl Shard {
    /// A free slot's number; if all slots are in use, `Err` with the number of slots.
    fn take(&mut self, shard: usize) -> Result<u32, u32> {
        if let Some(inside) = self.free.checked_sub(1) {
            self.free = slot(shard, inside).next.load(Ordering::Relaxed);
            return Ok(inside);
        }
        if self.taken == self.there {
            return Err(self.there);
        }
        self.taken += 1;
        Ok(self.taken - 1)
    }
}

/// Adds a chunk to a shard that has `there` slots. The memory is allocated outside of the lock, and
/// freed if another thread was first.
#[cold]
fn grow(shard: usize, there: u32) {
    static FORK: Once = Once::new();
    FORK.call_once(|| _ = thread::at_fork(hold, let_go, let_go));
    let (chunk, _) = place(there);
    assert!(chunk < CHUNKS, "too many handles: {} are parked and none was released", SHARDS as u32 * there);
    // The guard's own: it outlives everything, and is no leak of the program's.
    let _inside = Reentry::enter();
    let Ok(layout) = Layout::array::<Slot>(slots_of(chunk) as usize) else { return };
    // SAFETY: not of size zero.
    let slots = unsafe { std::alloc::alloc_zeroed(layout) }.cast::<Slot>();
    if slots.is_null() {
        std::alloc::handle_alloc_error(layout);
    }
    let ring = (there == 0).then(|| Box::into_raw(Box::<[Tombstone]>::new_uninit_slice(REMEMBERED)));
    let mine = locked(shard, |own| {
        if own.there != there {
            return false;
        }
        // A zeroed slot is a free one that was never used.
        CHUNK[shard][chunk].store(slots, Ordering::Release);
        own.there += slots_of(chunk);
        if let Some(ring) = ring {
            own.ring = ring.cast();
        }
        true
    });
    if !mine {
        // SAFETY: made above and known to no one else.
        unsafe {
            std::alloc::dealloc(slots.cast(), layout);
            if let Some(ring) = ring {
                drop(Box::from_raw(ring));
            }
        }
    }
}

/// Puts an emptied slot back on its shard's free list, unless its generations are used up.
fn give_back(slot: &'static Slot, raw: usize) {
    let Some((number, _)) = cookie::unpack(raw) else { return };
    let (shard, inside) = (number as usize % SHARDS, number / SHARDS as u32);
    if slot.state.recycle() {
        locked(shard, |own| {
            slot.next.store(own.free, Ordering::Relaxed);
            own.free = inside + 1;
        });
    }
}

/// Remembers a handle that was released.
fn bury(tombstone: Tombstone) {
    let Some((number, _)) = cookie::unpack(tombstone.raw) else { return };
    locked(number as usize % SHARDS, |own| {
        if !own.ring.is_null() {
            let place = (own.buried % REMEMBERED as u64) as usize;
            // SAFETY: the ring has so many places.
            unsafe { (*own.ring.add(place)).write(tombstone) };
            own.buried += 1;
        }
    });
}

/// The tombstone of a value, if it is among the last.
fn exhume(raw: usize, number: u32) -> Option<Tombstone> {
    if reentry::inside() {
        // This thread may hold the very lock.
        return None;
    }
    locked(number as usize % SHARDS, |own| {
        let written = own.buried.min(REMEMBERED as u64) as usize;
        // SAFETY: so many places of the ring were written, each with a `Tombstone`, which is
        // `Copy`.
        (0..written).map(|place| unsafe { (*own.ring.add(place)).assume_init() }).find(|it| it.raw == raw)
    })
}

/// The reason why there is no value to enter under this number.
#[cold]
fn why(raw: usize) -> StaleReason {
    let Some((number, generation)) = cookie::unpack(raw) else { return StaleReason::NoHandle };
    let Some((slot, _)) = find(raw) else { return StaleReason::NeverMade };
    if let Some(tombstone) = exhume(raw, number) {
        return StaleReason::Released(Some(tombstone));
    }
    // A free slot's generation is the one that comes next. Between a release and its tombstone the
    // slot is still in use.
    let (now, is_free) = slot.state.now();
    if generation > now || generation == now && is_free { StaleReason::NeverMade } else { StaleReason::Released(None) }
}

/// The known facts of the value that a slot holds in this generation; `None` if the generation is
/// over.
fn life(slot: &Slot, generation: u32) -> Option<Life> {
    if slot.kind.load(Ordering::Relaxed).is_null() {
        return None;
    }
    let life = read_life(slot);
    // The facts belong to the generation if it is still the slot's.
    fence(Ordering::Acquire);
    (slot.state.now().0 == generation).then_some(life)
}

/// The facts in a slot that was made at least once.
fn read_life(slot: &Slot) -> Life {
    // SAFETY: both hold what `park` stored, which lives for ever.
    let (kind, made) =
        unsafe { (&*slot.kind.load(Ordering::Relaxed), &*slot.made.load(Ordering::Relaxed).cast_const()) };
    Life { kind, made, made_by: slot.made_by.load(Ordering::Relaxed) }
}

unsafe extern "C" fn hold() {
    SHARD.iter().for_each(|shard| shard.0.hold());
}

unsafe extern "C" fn let_go() {
    SHARD.iter().for_each(|shard| shard.0.let_go());
}

#[cfg(test)]
mod tests;
