//! What a thread keeps for itself: slots of every class, in the order in which they were freed.
//!
//! Level 1: the bin itself is the quarantine. A slot comes out of it only after `delay` younger
//! ones have come in.
//! ```text
//!            refill (fresh slots)           give            take back
//!  slab  ---------------------------> bin -------> program ----------+
//!   ^  <---------------------------  ^                               |
//!         overflow (oldest half)     +-------------------------------+
//! ```
//! With a process-wide quarantine (level 2 and up, or `GUARD_QUARANTINE`) what is freed takes the
//! long way round, and the bin gives out at once what it has:
//! ```text
//!  bin -------> program -------> ring -------> quarantine -------> bin
//!        give         take back   full: all of it     over the limit
//! ```
//! A block is freed into the cache of the thread that frees it: the thread that allocated it may
//! have ended.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use super::class::{self, ALL};
use super::quarantine::{self, Freed};
use super::region::SIDES;
use super::resting;
use super::reuse;
use super::sampled::Countdown;
use super::slab;
use super::stacks;
use super::table::Event;
use crate::platform::fault;
use crate::platform::lock::Locked;
use crate::platform::memory::{self, PAGE};
use crate::platform::thread::{self, AtExit};
use crate::reentry::Reentry;

/// Places of a bin, a power of two.
const BIN: usize = 256;
/// Bytes of slots that a bin may hold, where more than three are.
const BIN_BYTES: usize = 64 * 1024;
/// How many blocks ahead of the one that leaves the quarantine memory is asked for.
const AHEAD: usize = 8;
/// Places of a ring, a power of two.
const RING: usize = 1024;

/// Slots of one class, the first put in the first out.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Bin {
    /// Slots ever taken out, and ever put in.
    head: u32,
    tail: u32,
    /// Slots that stay in, for as long as the slab has others.
    delay: u32,
    /// Slots it may hold, at most `BIN`.
    cap: u32,
    slots: [u32; BIN],
}

/// The slots and the freed blocks of one thread.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Cache {
    /// What entries note of a free or an allocation by the thread.
    pub(crate) alive: Event,
    /// Blocks until one is put on pages of its own.
    pub(crate) countdown: Countdown,
    /// Level 1 without a process-wide quarantine: nothing but bins.
    pub(crate) no_quarantine: bool,
    /// Level 2 and up: canaries are checked, traces recorded.
    pub(crate) checks_blocks: bool,
    /// Level 3: blocks have pages of their own.
    pub(crate) paged: bool,
    /// Level 2, and no block has pages of its own: the common path of `level2` applies.
    pub(crate) fast_level2: bool,
    /// Blocks of each half on pages of their own that this thread was given.
    pub(crate) on_pages: [u32; SIDES],
    /// The oldest place of the ring, and how many are taken.
    head: u32,
    len: u32,
    /// Cost of what is in the ring, and what it may be.
    bytes: usize,
    limit: usize,
    /// The next idle cache.
    next: *mut Cache,
    bins: [Bin; ALL],
    ring: [Freed; RING],
}

const LEN: usize = size_of::<Cache>().next_multiple_of(PAGE);

thread_local! {
    /// The thread's cache; null before its first allocation, `ENDED` after its end. Const and
    /// without a destructor, as all that an allocator may use.
    static CURRENT: Cell<*mut Cache> = const { Cell::new(ptr::null_mut()) };
    /// The thread's cache if it has no quarantine (see [`Cache::no_quarantine`]), else null. The
    /// hot paths read this.
    static NO_QUARANTINE: Cell<*mut Cache> = const { Cell::new(ptr::null_mut()) };
    /// The thread's cache if no block of C's gets pages of its own, else null. The hot path of C's
    /// `malloc` reads this.
    #[cfg(feature = "c-heap")]
    static NONE_ON_PAGES: Cell<*mut Cache> = const { Cell::new(ptr::null_mut()) };
}

/// The thread is ending: destructors that still allocate use the cache that all share.
const ENDED: *mut Cache = ptr::without_provenance_mut(64);

/// What every cache is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// See [`Cache::checks_blocks`].
    pub(crate) checks_blocks: bool,
    /// See [`Cache::paged`].
    pub(crate) paged: bool,
    /// One block in n gets pages of its own; 0 for none.
    pub(crate) sample: u32,
    /// Bytes that wait in each bin, at level 1 without a process-wide quarantine.
    pub(crate) delay: Option<usize>,
    /// Bytes that wait in each bin of C's, at every level.
    pub(crate) c_delay: usize,
    /// Bytes of the ring.
    pub(crate) ring: usize,
}

/// Caches that have no thread, and the one for threads that have no cache.
#[derive(Debug)]
pub(super) struct Idle {
    plan: Plan,
    free: *mut Cache,
}

// SAFETY: an idle cache is reached through this list alone.
unsafe impl Send for Idle {}

pub(super) static IDLE: Locked<Idle> = Locked::new(Idle {
    plan: Plan { checks_blocks: false, paged: false, sample: 0, delay: None, c_delay: 0, ring: 0 },
    free: ptr::null_mut(),
});

/// The cache of threads without one.
#[derive(Debug)]
pub(super) struct Common(*mut Cache);

// SAFETY: reached under its lock alone.
unsafe impl Send for Common {}

pub(super) static COMMON: Locked<Common> = Locked::new(Common(ptr::null_mut()));

/// Settles what caches are like, and makes the one that all share. False without memory for it.
pub(crate) fn set_up(plan: Plan) -> bool {
    IDLE.with(|idle| idle.plan = plan);
    let cache = make();
    COMMON.with(|common| common.0 = cache);
    !cache.is_null()
}

/// The calling thread's cache, if it has one without a quarantine: all that the hot paths need to
/// ask.
///
/// # Safety
/// - The thread holds no other reference to it.
#[inline(always)]
pub(crate) unsafe fn no_quarantine<'a>() -> Option<&'a mut Cache> {
    // SAFETY: null, or the cache of this thread; the caller's promise.
    unsafe { NO_QUARANTINE.with(Cell::get).as_mut() }
}

/// The calling thread's cache, if it has one and no block of C's gets pages of its own.
///
/// # Safety
/// - The thread holds no other reference to it.
#[cfg(feature = "c-heap")]
#[inline(always)]
pub(super) unsafe fn none_on_pages<'a>() -> Option<&'a mut Cache> {
    // SAFETY: null, or the cache of this thread; the caller's promise.
    unsafe { NONE_ON_PAGES.with(Cell::get).as_mut() }
}

/// The calling thread's cache, if it has one.
///
/// # Safety
/// - The thread holds no other reference to it.
#[inline(always)]
pub(crate) unsafe fn current<'a>() -> Option<&'a mut Cache> {
    let cache = CURRENT.with(Cell::get);
    // SAFETY: neither null nor `ENDED`, so the cache of this thread, which it has until its end;
    // the caller's promise.
    (cache.addr() > ENDED.addr()).then(|| unsafe { &mut *cache })
}

/// Runs `f` with the calling thread's cache, as [`with_ready`] does, in a heap that is set up:
/// there are blocks.
pub(super) fn with<R>(f: impl FnOnce(&mut Cache) -> R) -> Option<R> {
    with_ready(|| true, f)
}

/// Runs `f` with the calling thread's cache, made now if need be, or with the common one after the
/// end of the thread. If the thread has none, `ready` sets the heap up first; `None` if that fails,
/// since the heap has no memory at all. `f` must not come back here.
pub(super) fn with_ready<R>(ready: impl FnOnce() -> bool, f: impl FnOnce(&mut Cache) -> R) -> Option<R> {
    // SAFETY: `f` does not come back here, and nothing else runs while it does.
    if let Some(cache) = unsafe { current() } {
        return Some(f(cache));
    }
    if !ready() {
        return None;
    }
    if CURRENT.with(Cell::get).is_null() && attach() {
        // SAFETY: as above.
        return unsafe { current() }.map(f);
    }
    COMMON.with(|common| {
        // SAFETY: made by `set_up`, which `ready` has seen through; used under this lock alone.
        let cache = unsafe { &mut *common.0 };
        cache.alive = Event::of(thread::id());
        Some(f(cache))
    })
}

fn attach() -> bool {
    // The C library may allocate to keep the hook, and with c-heap that comes back here.
    let _inside = Reentry::enter();
    let cache = make();
    if cache.is_null() {
        return false;
    }
    CURRENT.with(|current| current.set(cache));
    let local = 0_u8;
    stacks::mark((&raw const local).addr());
    // SAFETY: as below.
    let on_pages = unsafe { (*cache).paged || (*cache).countdown.is_on() };
    if on_pages {
        fault::give_stack();
    }
    #[cfg(feature = "c-heap")]
    NONE_ON_PAGES.with(|cell| cell.set(if on_pages { ptr::null_mut() } else { cache }));
    // SAFETY: made for this thread just now.
    NO_QUARANTINE.with(|cell| cell.set(if unsafe { (*cache).no_quarantine } { cache } else { ptr::null_mut() }));
    // Without a hook the cache is lost with the thread: some slots less, no harm.
    static AT_EXIT: AtExit = AtExit::new();
    thread::on_exit(&AT_EXIT, detach, cache.cast());
    true
}

/// The thread has run the destructors of Rust's thread-locals and ends.
unsafe extern "C" fn detach(cache: *mut c_void) {
    let cache: *mut Cache = cache.cast();
    CURRENT.with(|current| current.set(ENDED));
    NO_QUARANTINE.with(|cell| cell.set(ptr::null_mut()));
    #[cfg(feature = "c-heap")]
    NONE_ON_PAGES.with(|cell| cell.set(ptr::null_mut()));
    // SAFETY: the hook's value is the cache that `attach` made for this thread, and no one else has
    // it.
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
            let Some(at) = memory::reserve(LEN, PAGE) else { return ptr::null_mut() };
            if !memory::commit(at..at + LEN) {
                memory::release(at..at + LEN);
                return ptr::null_mut();
            }
            cache = at as *mut Cache;
        } else {
            // SAFETY: on the idle list, so complete and no one else's.
            idle.free = unsafe { (*cache).next };
        }
        // SAFETY: ours; all fields of a cache may be zero, which new memory is.
        let made = unsafe { &mut *cache };
        (made.alive, made.checks_blocks, made.limit) = (Event::of(thread::id()), plan.checks_blocks, plan.ring);
        made.no_quarantine = plan.delay.is_some() && !plan.checks_blocks;
        made.paged = plan.paged;
        made.fast_level2 = plan.checks_blocks && !plan.paged && plan.sample == 0;
        made.countdown = Countdown::new(plan.sample);
        for (class, bin) in made.bins.iter_mut().enumerate().filter(|(class, _)| !class::is_run(*class)) {
            let size = class::size(class);
            bin.cap = (BIN_BYTES / size).clamp(4, BIN) as u32;
            // What C frees takes the short way at every level.
            let delay = if class < class::COUNT { plan.delay } else { Some(plan.c_delay) };
            // One at least: a block is never the next one that its class gives out.
            bin.delay = delay.map_or(0, |bytes| (bytes / size).clamp(1, bin.cap as usize / 2) as u32);
        }
        cache
    })
}

impl Cache {
    /// The bin of a class.
    #[inline(always)]
    pub(crate) fn bin(&mut self, class: usize) -> &mut Bin {
        &mut self.bins[class & (ALL - 1)]
    }

    /// A free slot of a class, wherever there is one.
    pub(crate) fn slot(&mut self, class: usize) -> Option<u32> {
        let bin = self.bin(class);
        if let Some(slot) = bin.pop(bin.delay) {
            return Some(slot);
        }
        // Rather a slot that has not waited long enough than none.
        bin.refill(class);
        bin.pop(0)
    }

    /// Takes a block that was just freed.
    #[inline]
    pub(crate) fn retire(&mut self, freed: Freed) {
        if self.no_quarantine {
            if freed.is_on_pages() {
                resting::rest(freed.index());
            } else {
                self.release(freed);
            }
            return;
        }
        self.put_in_ring(freed);
        if self.bytes > self.limit || self.len as usize >= RING {
            self.hand_over();
        }
    }

    /// Ends the wait of a freed block: its slot goes into a bin.
    pub(super) fn release(&mut self, freed: Freed) {
        if reuse::release(self.checks_blocks, freed) {
            self.bin(freed.class()).keep(freed.class(), freed.index());
        }
    }

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
        // Few: blocks that calls still running have freed.
        let mut held = [Freed::NONE; 16];
        let mut holding = 0;
        loop {
            // The ring may wrap around: what lies up to its end first.
            let first = self.head as usize & (RING - 1);
            let end = (first + self.len as usize).min(RING);
            let (came, went) = quarantine::exchange(self.ring.get(first..end).unwrap_or(&[]), &mut out);
            for _ in 0..went {
                self.oldest();
            }
            for (i, &freed) in out.iter().take(came).enumerate() {
                // Those that leave have long been out of the processor's caches, and each is read
                // in three places.
                if let Some(&soon) = out.get(..came).and_then(|out| out.get(i + AHEAD)) {
                    reuse::prefetch(soon);
                }
                match held.get_mut(holding).filter(|_| reuse::must_wait(self.checks_blocks, freed)) {
                    Some(place) => {
                        *place = freed;
                        holding += 1;
                    }
                    None => self.release(freed),
                }
            }
            if came == 0 && self.len == 0 {
                break;
            }
        }
        // The ring is empty now.
        for &freed in held.iter().take(holding) {
            self.put_in_ring(freed);
        }
    }

    /// There is room.
    #[inline]
    fn put_in_ring(&mut self, freed: Freed) {
        let tail = (self.head.wrapping_add(self.len)) as usize & (RING - 1);
        self.ring[tail] = freed;
        self.len = self.len.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(freed.cost());
    }

    /// Memory is short: everything that waits goes back, and so does every free slot. False if
    /// nothing was waiting.
    #[cold]
    pub(crate) fn empty(&mut self) -> bool {
        let mut any = self.len > 0;
        while let Some(oldest) = self.oldest() {
            self.release(oldest);
        }
        let mut out = [Freed::NONE; 128];
        loop {
            let came = quarantine::drain(&mut out);
            if came == 0 {
                break;
            }
            any = true;
            out.iter().take(came).for_each(|&freed| self.release(freed));
        }
        self.bins_to_slabs();
        super::spare::empty();
        super::warm::empty() || any
    }

    /// The thread ends: what it freed waits on in the process-wide quarantine, if there is one, and
    /// the rest is the slabs'.
    fn give_up(&mut self) {
        self.hand_over();
        self.bins_to_slabs();
    }

    fn bins_to_slabs(&mut self) {
        for (class, bin) in self.bins.iter_mut().enumerate().skip(1) {
            bin.give_back(class, bin.len());
        }
    }
}

/// Room for one slot at the young end of a bin.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    slot: &'a mut u32,
    tail: &'a mut u32,
    /// The tail once the place is taken.
    next: u32,
}

impl Place<'_> {
    /// Puts a slot there.
    #[inline(always)]
    pub(crate) fn fill(self, slot: u32) {
        *self.slot = slot;
        *self.tail = self.next;
    }
}

impl Bin {
    #[inline(always)]
    fn len(&self) -> u32 {
        self.tail.wrapping_sub(self.head)
    }

    /// The oldest slot, if `more` younger ones stay.
    #[inline(always)]
    fn pop(&mut self, more: u32) -> Option<u32> {
        if self.len() <= more {
            return None;
        }
        let slot = self.slots[self.head as usize & (BIN - 1)];
        self.head = self.head.wrapping_add(1);
        Some(slot)
    }

    /// The oldest slot, if it has waited long enough.
    #[inline(always)]
    pub(crate) fn rested(&mut self) -> Option<u32> {
        self.pop(self.delay)
    }

    /// The place for one more slot. `None` where there is no room.
    #[inline(always)]
    pub(crate) fn place(&mut self) -> Option<Place<'_>> {
        (self.len() < self.cap).then(|| Place {
            next: self.tail.wrapping_add(1),
            slot: &mut self.slots[self.tail as usize & (BIN - 1)],
            tail: &mut self.tail,
        })
    }

    /// Takes a slot in; if there is no room, the older half goes back to the slab first.
    pub(crate) fn keep(&mut self, class: usize, slot: u32) {
        if self.len() >= self.cap {
            self.give_back(class, self.len().div_ceil(2));
        }
        if let Some(place) = self.place() {
            place.fill(slot);
        }
    }

    /// Brings in new slots as the oldest ones, so that the waiting ones wait on. A quarter of what
    /// it may hold.
    #[cold]
    fn refill(&mut self, class: usize) {
        let mut new = [0; BIN / 4];
        let wanted = (self.cap.saturating_sub(self.len()) / 2).clamp(1, BIN as u32 / 4) as usize;
        let taken = slab::take(class, new.get_mut(..wanted).unwrap_or(&mut []));
        for &slot in new.iter().take(taken) {
            self.head = self.head.wrapping_sub(1);
            self.slots[self.head as usize & (BIN - 1)] = slot;
        }
    }

    /// Gives the oldest `count` slots back to the slab.
    #[cold]
    fn give_back(&mut self, class: usize, count: u32) {
        let mut old = [0; BIN];
        let mut len = 0;
        for place in old.iter_mut().take(count as usize) {
            let Some(slot) = self.pop(0) else { break };
            *place = slot;
            len += 1;
        }
        if len > 0 {
            slab::put(class, old.get(..len).unwrap_or(&[]));
        }
    }
}
