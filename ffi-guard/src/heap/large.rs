//! Blocks too large for a slot: a run of units each, committed to the page.
//!
//! ```text
//!  | unit               | unit        | unit         |
//!  | header | block ............ | slack | no access  |
//!  base     start         start + size   page
//! ```
//! The rest of a run, one page at least, has no access: a long overrun faults at once. A freed
//! block gives its pages back and reads as zero until it leaves the quarantine; zeros are its
//! poison. After that it has no access, unless it waits for the next one ([`warm`]).
//!
//! The header is a cache line that ends in the block's canary. It is there for C's `free`, which
//! reads a size before what it is given: from the canary, as before every small block. glibc
//! refuses that size, while a page without access would make it fault. It costs next to nothing: it
//! lies on the block's first page, which a freed block keeps.

use std::ops::Range;

use super::class::{self, SLACK};
use super::placement::{HEADER, Placement};
use super::redzone::{self, Damage};
use super::region::{self, UNIT};
use super::table::{Entry, Event, Extent};
use super::{run, spare, warm};
use crate::platform::memory::{self, PAGE};

/// Requests from here on are refused: more than any address space has, and sizes stay within 48
/// bits.
const TOO_LARGE: usize = 1 << 46;

/// The page of a block's header, with which its memory begins.
fn first_page(start: usize) -> usize {
    (start - HEADER) & !(PAGE - 1)
}

/// The end of the memory of a block: its slack is at least `SLACK` and less than a page more.
pub(crate) fn end(start: usize, size: usize) -> usize {
    (start + size + SLACK).next_multiple_of(PAGE)
}

pub(super) fn units(size: usize, align: usize) -> u32 {
    ((Placement::AfterHeader.offset(size, align) + size + SLACK).next_multiple_of(PAGE) + PAGE).div_ceil(UNIT) as u32
}

/// Gives out a run. Its memory is zero, unless its entry says that it is used. `None` where there
/// is no address space or no memory left.
pub(crate) fn give(side: usize, size: usize, align: usize, birth: Event) -> Option<usize> {
    if size >= TOO_LARGE || align >= TOO_LARGE {
        return None;
    }
    warm::give(side, size, align, birth).or_else(|| give_with_room(side, (size, align), birth, 0))
}

/// Gives out a new run, long enough for a block of `room` bytes. Its memory is zero.
pub(super) fn give_with_room(side: usize, (size, align): (usize, usize), birth: Event, room: usize) -> Option<usize> {
    let units = units(size.max(room), align);
    let first = run::take(side, units, align)?;
    let (run, start) =
        (first..first + units, region::unit_start(first as usize) + Placement::AfterHeader.offset(size, align));
    if !memory::commit(first_page(start)..end(start, size)) {
        run::put(side, run);
        return None;
    }
    run::set_committed(first, (end(start, size) - region::unit_start(first as usize)) / PAGE);
    run::set_small(first, false);
    if side == 0 {
        take_pages(first, start, size);
    }
    // SAFETY: committed just now, and no other code knows of it yet.
    unsafe {
        redzone::write_last(start, start);
        // Read from level 2 on.
        if !warm::is_on() {
            redzone::write_exact(start, size, end(start, size));
        }
    }
    run::map_units(run);
    region::run_entry(first as usize).give(Extent::new(size, align).placed(Placement::AfterHeader), birth, || ());
    Some(start)
}

/// Has a freed block read as zero from here on. Its pages are taken away, but for the one of its
/// header; or they are kept for the next block ([`offer_pages`]) if they may be, which is what true
/// says. At level 1 nothing is done, since no rule reads a freed block.
pub(crate) fn clear(start: usize, size: usize, may_be_kept: bool) -> bool {
    if warm::is_on() {
        return false;
    }
    let second = first_page(start) + PAGE;
    let kept = may_be_kept && spare::clear(after_header(start, size));
    if !kept {
        memory::discard(second..end(start, size));
    }
    // SAFETY: the block's part of the first page: committed, and no longer in use.
    unsafe { (start as *mut u8).write_bytes(0, second.saturating_sub(start)) };
    kept
}

/// The pages of a block after that of its header.
fn after_header(start: usize, size: usize) -> (usize, usize) {
    (first_page(start) + PAGE, end(start, size))
}

/// Offers the pages of a block of Rust's that was freed just now to the next one.
pub(super) fn offer_pages(first: u32, start: usize, size: usize) {
    spare::offer(first, after_header(start, size));
}

/// Gives a block of Rust's that is about to be given out the pages of a freed one, if there are
/// any: they are zero, as those are that it has.
pub(super) fn take_pages(first: u32, start: usize, size: usize) {
    let (second, end) = after_header(start, size);
    spare::move_in(second, end.saturating_sub(second), || warm::may_get_spare_pages(first));
}

/// Takes a block of Rust's back at level 1, if it is one that lies in a run and live with this
/// extent, and its run with it.
pub(super) fn take_back(address: usize, extent: Extent, death: Event) -> bool {
    let Some(spot) = region::spot(address).filter(|spot| spot.start == address) else { return false };
    let is_large = class::is_run(spot.class) && !spot.placement.is_on_pages();
    let is_ours = is_large && spot.entry.take_back_once(extent.placed(spot.placement), death, || ()).is_ok();
    if is_ours {
        release(0, spot.index);
    }
    is_ours
}

/// Gives a freed block's run back for others.
pub(crate) fn release(side: usize, first: u32) {
    if side == 0 {
        spare::withdraw(first);
    }
    if !warm::keep(side, first) {
        give_back(side, first);
    }
}

/// Gives a run and its memory back.
pub(super) fn give_back(side: usize, first: u32) {
    warm::ends(first);
    let start = region::unit_start(first as usize);
    let run = run::at(first);
    run::take_access(side, || memory::decommit(start..start + run.len() * UNIT));
    run::put(side, run);
}

static ZEROS: [u8; PAGE] = [0; PAGE];

/// What was written into a freed block since its pages went. Pages that were never touched are not
/// looked at; a page that `copy` cannot read counts as untouched.
pub(crate) fn poison_damage(
    start: usize,
    size: usize,
    copy: impl Fn(usize, &mut [u8; PAGE]) -> bool,
) -> Option<Damage> {
    let mut found: Option<(usize, usize)> = None;
    let mut first_bytes = [0; 16];
    let mut bytes = [0; PAGE];
    memory::for_each_touched(start & !(PAGE - 1)..end(start, size), |page| {
        if !copy(page, &mut bytes) {
            return true;
        }
        // The header is no part of the block.
        if let Some(header) = bytes.get_mut(..start.saturating_sub(page)) {
            header.fill(0);
        }
        // The first page is always there, and in a debug build the search below takes longer than
        // all else.
        if bytes == ZEROS {
            return true;
        }
        let written = |byte: &u8| *byte != 0;
        if let (Some(first), Some(last)) = (bytes.iter().position(written), bytes.iter().rposition(written)) {
            if found.is_none() {
                first_bytes.iter_mut().zip(bytes.iter().skip(first)).for_each(|(to, from)| *to = *from);
            }
            found = Some((found.map_or(page + first, |(first, _)| first), page + last + 1));
        }
        true
    });
    let (first, last) = found?;
    Some(Damage { before: false, offset: first - start, len: last - first, first_bytes })
}

/// Reads a page.
///
/// # Safety
/// - It is committed, and no one else uses it.
pub(crate) unsafe fn read_page(page: usize, into: &mut [u8; PAGE]) -> bool {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy_nonoverlapping(page as *const u8, into.as_mut_ptr(), PAGE) };
    true
}

/// Makes a run long enough for a block of this size. False if something is in the way.
pub(super) fn has_units(side: usize, first: u32, size: usize, align: usize) -> bool {
    let (run, needed) = (run::at(first), units(size, align));
    if needed > run.len() as u32 {
        if !run::extend(side, run.clone(), needed) {
            return false;
        }
        run::map_units(run.start..run.start + needed);
    }
    true
}

/// Makes a block larger or smaller where it is. False if it cannot stay.
pub(crate) fn resize(side: usize, first: u32, entry: &Entry, old: Extent, size: usize) -> bool {
    if size >= TOO_LARGE {
        return false;
    }
    if warm::is_on() {
        return warm::resize(side, first, entry, old, size);
    }
    let start = region::unit_start(first as usize) + old.offset();
    let (old_end, new_end) = (end(start, old.size()), end(start, size));
    if !has_units(side, first, size, old.align()) {
        return false;
    }
    if new_end > old_end && !memory::commit(old_end..new_end) {
        // The run stays longer than it need be: it is given back whole.
        return false;
    }
    entry.resize(Extent::new(size, old.align()).placed(old.placement()), || {
        // SAFETY: between the two sizes nothing is the program's any more.
        unsafe { redzone::cover(start, size, old.size().min(new_end - start)) };
        // SAFETY: the block is the caller's, and ends 16 bytes before `new_end` at the latest.
        unsafe { redzone::write_exact(start, size, new_end) };
        false
    });
    run::set_committed(first, (new_end - region::unit_start(first as usize)) / PAGE);
    if new_end < old_end {
        run::take_access(side, || memory::decommit(new_end..old_end));
    }
    true
}

/// Moves the content of one large block to another without copying where whole pages can be
/// remapped.
pub(crate) fn move_content(from: usize, to: usize, size: usize) -> bool {
    let pages: Range<usize> = from.next_multiple_of(PAGE)..(from + size) & !(PAGE - 1);
    let (head, tail) = (pages.start - from, pages.end.saturating_sub(from));
    // A block that C resizes may lose the alignment that it lay by.
    let alike = from % PAGE == to % PAGE;
    if !alike || pages.start >= pages.end || !memory::move_pages(pages.clone(), to + head) {
        return false;
    }
    // SAFETY: the rest of the two pages at the edges, in two blocks that do not overlap.
    unsafe {
        std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, head);
        std::ptr::copy_nonoverlapping(pages.end as *const u8, (to + tail) as *mut u8, size - tail);
    }
    true
}
