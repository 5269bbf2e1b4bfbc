//! What a thread keeps for itself: free slots of every class, and what it freed last.
//!
//! ```text
//!            refill                  give                 take back
//!  slab  -------------->  bin  ----------------> program ------------> ring
//!   ^  <--------------    ^ |                                           |
//!         overflow        | +------- no process-wide quarantine --------+  oldest first
//!                         +--------- quarantine <------- full ring -----+
//! ```
//! A block is freed into the ring of whichever thread frees it: nobody waits for the owner, who may have ended.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use super::class::{self, COUNT};
use super::give::release;
use super::lock::Locked;
use super::quarantine::{self, Freed};
use super::slab;
use crate::platform::memory::{self, Before, PAGE};
use crate::platform::thread;
use crate::reentry::Reentry;

/// Places of a bin.
const BIN: usize = 62;
/// Bytes of free slots that a bin may hold.
const BIN_BYTES: usize = 64 * 1024;
/// Places of a ring.
const RING: usize = 1024;

/// Free slots of one class.
#[derive(Debug)]
#[repr(C, align(64))]
struct Bin {
    len: u32,
    /// Slots it may hold, at most `BIN`.
    cap: u32,
    slots: [u32; BIN],
}

/// The slots and the freed blocks of one thread.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Cache {
    /// The number of the thread.
    pub(crate) thread: u32,
    /// Level 2 and up: canaries are checked, traces recorded.
    pub(crate) deep: bool,
    /// There is a process-wide quarantine behind the ring.
    shared: bool,
    /// The oldest place of the ring, and how many are taken.
    head: u32,
    len: u32,
    /// Cost of what is in the ring, and what it may be.
    bytes: usize,
    limit: usize,
    /// The next idle cache.
    next: *mut Cache,
    bins: [Bin; COUNT],
    ring: [Freed; RING],
}

const LEN: usize = size_of::<Cache>().next_multiple_of(PAGE);

thread_local! {
    /// The thread's cache; null before its first allocation, `ENDED` after its end. Const and without a destructor, as all
    /// that an allocator may use.
    static CURRENT: Cell<*mut Cache> = const { Cell::new(ptr::null_mut()) };
}

/// The thread is ending: destructors that still allocate use the cache that all share.
const ENDED: *mut Cache = ptr::without_provenance_mut(64);

/// What every cache is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// See [`Cache::deep`].
    pub(crate) deep: bool,
    /// See [`Cache::shared`].
    pub(crate) shared: bool,
    /// Bytes of the ring.
    pub(crate) ring: usize,
}

/// Caches that have no thread, and the one for threads that have no cache.
#[derive(Debug)]
struct Idle {
    plan: Plan,
    free: *mut Cache,
}

// SAFETY: an idle cache is reached through this list alone.
unsafe impl Send for Idle {}

static IDLE: Locked<Idle> =
    Locked::new(Idle { plan: Plan { deep: false, shared: false, ring: 0 }, free: ptr::null_mut() });

/// The cache of threads without one.
#[derive(Debug)]
struct Common(*mut Cache);

// SAFETY: reached under its lock alone.
unsafe impl Send for Common {}

static COMMON: Locked<Common> = Locked::new(Common(ptr::null_mut()));

/// Settles what caches are like, and makes the one that all share. False without memory for it.
pub(crate) fn set_up(plan: Plan) -> bool {
    IDLE.with(|idle| idle.plan = plan);
    let cache = make();
    COMMON.with(|common| common.0 = cache);
    !cache.is_null()
}

/// Runs `f` with the calling thread's cache. `None` where the heap has no memory at all.
#[inline(always)]
pub(crate) fn with<R>(f: impl Fn(&mut Cache) -> R) -> Option<R> {
    let cache = CURRENT.with(Cell::get);
    if cache.addr() > ENDED.addr() {
        // SAFETY: the cache belongs to this thread until its end, and `f` is the only one to use it: nothing below it
        // allocates program memory.
        Some(f(unsafe { &mut *cache }))
    } else {
        with_common(&f)
    }
}

/// The first allocation of a thread, and those after its end.
#[cold]
#[inline(never)]
fn with_common<R>(f: &dyn Fn(&mut Cache) -> R) -> Option<R> {
    if !super::ready() {
        return None;
    }
    if CURRENT.with(Cell::get).is_null() {
        let cache = attach();
        if !cache.is_null() {
            // SAFETY: as in `with`.
            return Some(f(unsafe { &mut *cache }));
        }
    }
    COMMON.with(|common| {
        // SAFETY: made by `set_up`, which `ready` has seen through; used under this lock alone.
        let cache = unsafe { &mut *common.0 };
        cache.thread = thread::id();
        Some(f(cache))
    })
}

fn attach() -> *mut Cache {
    // The C library may allocate to keep the hook, and with c-heap that comes back here.
    let _inside = Reentry::enter();
    let cache = make();
    if cache.is_null() {
        return cache;
    }
    CURRENT.with(|current| current.set(cache));
    // Without a hook the cache is lost with the thread: some slots less, no harm.
    thread::on_exit(detach, cache.cast());
    cache
}

/// The thread has run the destructors of Rust's thread-locals and ends.
unsafe extern "C" fn detach(cache: *mut c_void) {
    let cache: *mut Cache = cache.cast();
    CURRENT.with(|current| current.set(ENDED));
    // SAFETY: the hook's value is the cache that `attach` made for this thread, and no one else has it.
    unsafe { &mut *cache }.give_up();
    IDLE.with(|idle| {
        // SAFETY: as above.
        unsafe { (*cache).next = idle.free };
        idle.free = cache;
    });
}

/// An idle cache or a new one, with no slots in it.
fn make() -> *mut Cache {
    IDLE.with(|idle| {
        let plan = idle.plan;
        let mut cache = idle.free;
        if cache.is_null() {
            let Some(at) = memory::reserve(LEN, PAGE, Before::Nothing) else { return ptr::null_mut() };
            if !memory::commit(at..at + LEN) {
                memory::release(at..at + LEN);
                return ptr::null_mut();
            }
            cache = at as *mut Cache;
        } else {
            // SAFETY: on the idle list, so complete and nobody else's.
            idle.free = unsafe { (*cache).next };
        }
        // SAFETY: ours; all fields of a cache may be zero, which new memory is.
        let made = unsafe { &mut *cache };
        (made.thread, made.deep, made.shared, made.limit) = (thread::id(), plan.deep, plan.shared, plan.ring);
        for (class, bin) in made.bins.iter_mut().enumerate().skip(1) {
            bin.cap = (BIN_BYTES / class::size(class)).clamp(2, BIN) as u32;
        }
        cache
    })
}

impl Cache {
    /// A free slot of a class.
    #[inline(always)]
    pub(crate) fn slot(&mut self, class: usize) -> Option<u32> {
        let bin = &mut self.bins[class & (COUNT - 1)];
        if bin.len == 0 && !bin.refill(class) {
            return None;
        }
        bin.len = bin.len.wrapping_sub(1);
        bin.slots.get(bin.len as usize).copied()
    }

    /// Takes a slot that may be given out again.
    #[inline(always)]
    pub(crate) fn keep(&mut self, class: usize, slot: u32) {
        let bin = &mut self.bins[class & (COUNT - 1)];
        if bin.len >= bin.cap {
            bin.overflow(class);
        }
        if let Some(place) = bin.slots.get_mut(bin.len as usize) {
            *place = slot;
            bin.len = bin.len.wrapping_add(1);
        }
    }

    /// Takes a block that was just freed.
    #[inline(always)]
    pub(crate) fn retire(&mut self, freed: Freed) {
        if self.len as usize >= RING {
            self.make_room();
        }
        let tail = (self.head.wrapping_add(self.len)) as usize & (RING - 1);
        self.ring[tail] = freed;
        self.len = self.len.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(freed.cost());
        if self.bytes > self.limit {
            self.make_room();
        }
    }

    #[inline]
    fn make_room(&mut self) {
        if self.shared {
            self.hand_over();
            return;
        }
        while let Some(oldest) = self.oldest() {
            release(self, oldest);
            if self.bytes <= self.limit {
                break;
            }
        }
    }

    #[inline(always)]
    fn oldest(&mut self) -> Option<Freed> {
        if self.len == 0 {
            return None;
        }
        let oldest = self.ring[self.head as usize & (RING - 1)];
        self.head = self.head.wrapping_add(1);
        self.len = self.len.wrapping_sub(1);
        self.bytes = self.bytes.wrapping_sub(oldest.cost());
        Some(oldest)
    }

    /// The whole ring goes to the process-wide quarantine.
    #[cold]
    #[inline(never)]
    fn hand_over(&mut self) {
        let mut out = [Freed::NONE; 128];
        loop {
            // The ring may wrap around: what lies up to its end first.
            let first = self.head as usize & (RING - 1);
            let end = (first + self.len as usize).min(RING);
            let (came, went) = quarantine::exchange(self.ring.get(first..end).unwrap_or(&[]), &mut out);
            for _ in 0..went {
                self.oldest();
            }
            out.iter().take(came).for_each(|&freed| release(self, freed));
            if came == 0 && self.len == 0 {
                break;
            }
        }
    }

    /// Memory is short: everything that waits goes back, and so does every free slot. False where nothing was waiting.
    #[cold]
    pub(crate) fn empty(&mut self) -> bool {
        let mut any = self.len > 0;
        while let Some(oldest) = self.oldest() {
            release(self, oldest);
        }
        let mut out = [Freed::NONE; 128];
        loop {
            let came = quarantine::drain(&mut out);
            if came == 0 {
                break;
            }
            any = true;
            out.iter().take(came).for_each(|&freed| release(self, freed));
        }
        self.bins_to_slabs();
        any
    }

    /// The thread ends: what it freed waits on in the process-wide quarantine, if there is one, and the rest is the slabs'.
    fn give_up(&mut self) {
        if self.shared {
            self.hand_over();
        }
        while let Some(oldest) = self.oldest() {
            release(self, oldest);
        }
        self.bins_to_slabs();
    }

    fn bins_to_slabs(&mut self) {
        for (class, bin) in self.bins.iter_mut().enumerate().skip(1) {
            if bin.len > 0 {
                slab::put(class, bin.slots.get(..bin.len as usize).unwrap_or(&[]));
                bin.len = 0;
            }
        }
    }
}

impl Bin {
    /// Half full, so that a program that frees next does not overflow at once.
    #[cold]
    fn refill(&mut self, class: usize) -> bool {
        let half = (self.cap / 2).max(1) as usize;
        let taken = slab::take(class, self.slots.get_mut(..half).unwrap_or(&mut []));
        self.len = taken as u32;
        taken > 0
    }

    /// The older half goes back.
    #[cold]
    fn overflow(&mut self, class: usize) {
        let len = (self.len as usize).min(BIN);
        let half = len.div_ceil(2);
        slab::put(class, self.slots.get(..half).unwrap_or(&[]));
        self.slots.copy_within(half..len, 0);
        self.len = (len - half) as u32;
    }
}

/// Holds the locks of this file: see `fork`.
pub(crate) fn hold() {
    COMMON.hold();
    IDLE.hold();
}

/// Lets go of them.
pub(crate) fn let_go() {
    IDLE.let_go();
    COMMON.let_go();
}
