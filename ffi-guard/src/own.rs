//! The guard's own memory, apart from the program's, which it checks, and from C's `malloc`.
//!
//! It is apart for two reasons. A signal may arrive while its thread is inside C's `malloc`; a
//! guarded call in the handler must not go there again. And with the feature `c-heap`, C's `malloc`
//! is ours: it cannot be what ours is built on.
//!
//! One reserved range, blocks of a power of two each, one free list for each size, threaded through
//! the free blocks themselves. The guard allocates rarely (a violation, a symbol table, a list that
//! outgrew its place), so one lock is enough.

use std::alloc::Layout;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::platform::lock::Locked;
use crate::platform::memory;
use crate::reentry::Reentry;

/// Smallest block: room for the link of the free list.
const SMALLEST: usize = 16;
/// Number of sizes, from 16 bytes to 4 GiB.
const SIZES: usize = 29;
/// Bytes of address space requested, halved until the request succeeds.
const MOST: usize = 1 << 36;
const LEAST: usize = 1 << 24;
/// Bytes that are committed at a time.
const STEP: usize = 1 << 18;

/// First address; 0 while nothing is reserved. Written once, under the lock.
static START: AtomicUsize = AtomicUsize::new(0);
/// Bytes reserved.
static LEN: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Own {
    /// Bytes given out from the start.
    used: usize,
    /// Bytes committed from the start, a multiple of `STEP`.
    committed: usize,
    /// Address of the first free block of each size; 0 for none. Each free block begins with the
    /// address of the next.
    free: [usize; SIZES],
}

pub(crate) static OWN: Locked<Own> = Locked::new(Own { used: 0, committed: 0, free: [0; SIZES] });

/// True if an address is in the guard's own memory.
#[inline]
pub(crate) fn contains(address: usize) -> bool {
    // The length is stored before the start: a start that is not 0 comes with its length.
    let start = START.load(Ordering::Acquire);
    start != 0 && address.wrapping_sub(start) < LEN.load(Ordering::Relaxed)
}

/// Allocates for the guard itself; null if no memory is left.
pub(crate) fn alloc(layout: Layout) -> *mut u8 {
    let Some(size) = size_of_block(layout) else { return null_mut() };
    // Inside the guard while the lock is held: a signal handler's calls are not checked then, and
    // so do not come here.
    let _inside = Reentry::enter();
    OWN.with(|own| own.take(size))
}

/// Allocates for the guard itself, with every byte zero; null if no memory is left.
pub(crate) fn alloc_zeroed(layout: Layout) -> *mut u8 {
    let block = alloc(layout);
    if !block.is_null() {
        // SAFETY: `alloc` gave at least `layout.size()` bytes, which may have been used before.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    block
}

/// Makes a block larger or smaller: in place if its power of two has room, else in another place.
///
/// # Safety
/// - `block` came from [`alloc`] with the same layout, and is not used afterwards; a layout of this
///   alignment can have `new_size`.
pub(crate) unsafe fn realloc(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else { return null_mut() };
    if size_of_block(layout) == size_of_block(new_layout) {
        return block;
    }
    let moved = alloc(new_layout);
    if !moved.is_null() {
        // SAFETY: two blocks, each with room for the smaller of the sizes; the caller gives the old
        // one up.
        unsafe {
            moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
            dealloc(block, layout);
        }
    }
    moved
}

/// Frees memory of the guard.
///
/// # Safety
/// - `block` came from [`alloc`] with the same layout, and is no longer used.
pub(crate) unsafe fn dealloc(block: *mut u8, layout: Layout) {
    let Some(size) = size_of_block(layout) else { return };
    let _inside = Reentry::enter();
    OWN.with(|own| {
        let Some(first) = own.free.get_mut(class(size)) else { return };
        // SAFETY: the block has at least SMALLEST bytes, is aligned to that, and the caller gives
        // it up.
        unsafe { block.cast::<usize>().write(*first) };
        *first = block.expose_provenance();
    });
}

/// Header before a block that C's `malloc` gave out of this memory: `free` gets only an address.
#[cfg(feature = "c-heap")]
#[repr(C, align(16))]
struct Header {
    /// Bytes that were requested.
    size: usize,
    /// log2 of the alignment; the block begins that many bytes before the address, but at least a
    /// header's size.
    align: usize,
}

#[cfg(feature = "c-heap")]
impl Header {
    fn layout(&self) -> Option<(usize, Layout)> {
        let before = (1_usize << self.align).max(size_of::<Header>());
        Some((before, Layout::from_size_align(self.size.checked_add(before)?, before).ok()?))
    }
}

/// Allocates what the guard makes C allocate, and what the loader needs before the heap is there.
/// Null if there is no memory.
#[cfg(feature = "c-heap")]
pub(crate) fn alloc_c(size: usize, align: usize) -> *mut u8 {
    let header = Header { size, align: align.trailing_zeros() as usize };
    let Some((before, layout)) = header.layout() else { return null_mut() };
    let block = alloc(layout);
    if block.is_null() {
        return block;
    }
    let given = block.wrapping_add(before);
    // SAFETY: `before` is the size of a header or more, and a multiple of its alignment.
    unsafe { given.cast::<Header>().sub(1).write(header) };
    given
}

/// Bytes that were requested for a block.
///
/// # Safety
/// - `given` is a live block of [`alloc_c`].
#[cfg(feature = "c-heap")]
pub(crate) unsafe fn size_c(given: *mut u8) -> usize {
    // SAFETY: the caller promises a live block of `alloc_c`, which has a header before it.
    unsafe { (*given.cast::<Header>().sub(1)).size }
}

/// Frees a block of [`alloc_c`].
///
/// # Safety
/// - `given` is a live block of [`alloc_c`], and is no longer used.
#[cfg(feature = "c-heap")]
pub(crate) unsafe fn free_c(given: *mut u8) {
    // SAFETY: the caller promises a live block of `alloc_c`, which has a header before it.
    let header = unsafe { given.cast::<Header>().sub(1).read() };
    if let Some((before, layout)) = header.layout() {
        // SAFETY: the block and the layout that `alloc_c` got from `alloc`; the caller gives it up.
        unsafe { dealloc(given.wrapping_sub(before), layout) };
    }
}

fn size_of_block(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(SMALLEST).checked_next_power_of_two()?;
    // The range begins at a multiple of STEP, so no block is aligned to more.
    (class(size) < SIZES && layout.align() <= STEP).then_some(size)
}

fn class(size: usize) -> usize {
    (size.trailing_zeros() - SMALLEST.trailing_zeros()) as usize
}

impl Own {
    fn take(&mut self, size: usize) -> *mut u8 {
        let class = class(size);
        if let Some(first) = self.free.get_mut(class)
            && *first != 0
        {
            let block = std::ptr::with_exposed_provenance_mut::<usize>(*first);
            // SAFETY: a block in the free list is committed, aligned, and begins with the next
            // one's address.
            *first = unsafe { block.read() };
            return block.cast();
        }
        let split = self.split(class);
        if split.is_null() { self.fresh(size) } else { split }
    }

    /// Takes the first half of the smallest larger block that is free, halved as often as need be;
    /// the other halves become free. Null if there is none. A list that has grown leaves a free
    /// block of each size that it had: without this, a look into debug information takes twice the
    /// memory.
    fn split(&mut self, class: usize) -> *mut u8 {
        let larger = self.free.iter().enumerate().skip(class + 1).find(|&(_, &first)| first != 0);
        let Some((larger, &address)) = larger else { return null_mut() };
        let block = std::ptr::with_exposed_provenance_mut::<u8>(address);
        for (class, first) in self.free.iter_mut().enumerate().take(larger + 1).skip(class).rev() {
            if class == larger {
                // SAFETY: a block in the free list begins with the next one's address.
                *first = unsafe { block.cast::<usize>().read() };
            } else {
                let half = block.wrapping_add(SMALLEST << class);
                // SAFETY: the second half of what is left of the free block: committed, aligned to
                // its own size, and in no list.
                unsafe { half.cast::<usize>().write(*first) };
                *first = half.expose_provenance();
            }
        }
        block
    }

    /// Takes a block that was never given out, aligned to its own size as far as the range's start
    /// is.
    fn fresh(&mut self, size: usize) -> *mut u8 {
        if START.load(Ordering::Relaxed) == 0 && !reserve() {
            return null_mut();
        }
        let (start, len) = (START.load(Ordering::Relaxed), LEN.load(Ordering::Relaxed));
        let Some(at) = self.used.checked_next_multiple_of(size) else { return null_mut() };
        let Some(end) = at.checked_add(size).filter(|&end| end <= len) else { return null_mut() };
        if end > self.committed {
            let committed = end.next_multiple_of(STEP).min(len);
            if !memory::commit(start + self.committed..start + committed) {
                return null_mut();
            }
            self.committed = committed;
        }
        self.used = end;
        std::ptr::with_exposed_provenance_mut(start + at)
    }
}

fn reserve() -> bool {
    // Debug information takes much, and a program's report is worth a quarter.
    let Some((start, len)) = memory::reserve_up_to(MOST, LEAST, STEP, 4) else { return false };
    LEN.store(len, Ordering::Relaxed);
    START.store(start, Ordering::Release);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_apart_aligned_and_used_again() {
        let layout = Layout::from_size_align(100, 64).unwrap();
        let (a, b) = (alloc(layout), alloc(layout));
        assert!(!a.is_null() && !b.is_null() && a.addr().abs_diff(b.addr()) >= 100);
        assert!(a.addr().is_multiple_of(64) && contains(a.addr()));
        // SAFETY: 100 bytes from `alloc`, freed once.
        unsafe {
            a.write_bytes(7, 100);
            dealloc(a, layout);
        }
        assert_eq!(alloc(layout), a);
        assert!(!contains(&raw const layout as usize));
    }

    #[test]
    fn a_large_block_that_is_free_serves_small_ones() {
        let mut own = Own { used: 0, committed: 0, free: [0; SIZES] };
        let mut room = vec![0_u64; 128];
        let start = (&raw mut room[0]).expose_provenance();
        own.free[class(1024)] = start;
        let mut taken: Vec<_> = [16, 512, 128, 256, 16, 64, 32].map(|size| (own.take(size).addr(), size)).to_vec();
        taken.sort_unstable();
        let mut end = start;
        for (at, size) in taken {
            assert!(at >= end && (at - start).is_multiple_of(size), "{at:#x}, {size}");
            end = at + size;
        }
        assert_eq!((end, own.free), (start + 1024, [0; SIZES]), "all of it was taken, and nothing more");
    }

    #[test]
    fn a_size_that_cannot_be_had_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize & !7, 8).unwrap();
        assert!(alloc(layout).is_null());
    }
}
