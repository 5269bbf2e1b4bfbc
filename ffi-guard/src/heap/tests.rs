//! The heap as its users in this crate see it. The tests run at the full level, in one region that
//! they share.

use std::sync::atomic::Ordering;

use super::*;

fn block(size: usize, align: usize) -> usize {
    let start = allocate(size, align).addr();
    assert!(start != 0 && start.is_multiple_of(align));
    start
}

fn give_back(start: usize, size: usize, align: usize) {
    // SAFETY: the tests use no block after this.
    assert_eq!(unsafe { free(start, size, align) }, Ok(()));
}

fn write(address: usize, byte: u8) {
    // SAFETY: an address in or next to a block of the test.
    unsafe { (address as *mut u8).write_volatile(byte) };
}

const SIZES: [usize; 12] = [1, 15, 16, 17, 100, 1000, 1009, 5000, 200_000, 262_128, 262_129, 3 << 20];

#[test]
fn every_address_of_a_block_leads_to_it() {
    for size in SIZES {
        for align in [1, 16, 64, 4096, 1 << 20] {
            let start = block(size, align);
            let found = lookup(start).unwrap();
            assert_eq!((found.start, found.size, found.align, found.live), (start, size, align, true));
            for at in (0..size).step_by(size / 50 + 1).chain([size - 1, size, size + class::SLACK - 1]) {
                let inside = lookup(start + at).unwrap();
                assert_eq!((inside.start, inside.generation), (start, found.generation), "{size} at {at}");
            }
            assert!(contains(start) && contains(start + size) && region().contains(&start));
            assert_ne!(lookup(start - 1).map(|block| block.start), Some(start));
            give_back(start, size, align);
        }
    }
}

#[test]
fn a_freed_block_is_found_with_its_death() {
    for size in SIZES {
        let start = block(size, 8);
        let born = lookup(start).unwrap();
        assert!(born.live && born.freed == trace::TraceId(0) && !trace::frames(born.allocated).is_empty());
        assert_eq!(born.allocated_by, crate::platform::thread::id());
        std::thread::spawn(move || give_back(start, size, 8)).join().unwrap();
        let dead = lookup(start + size / 2).unwrap();
        assert_eq!((dead.start, dead.size, dead.live), (start, size, false));
        assert_eq!((dead.generation, dead.allocated), (born.generation, born.allocated));
        assert!(!trace::frames(dead.freed).is_empty() && dead.freed != dead.allocated);
        assert!(dead.freed_by != 0 && dead.freed_by != born.allocated_by);
    }
}

#[test]
fn addresses_that_are_no_block_lead_nowhere() {
    ready();
    let local = 0u8;
    let region = region();
    for address in [0, 1, usize::MAX, (&raw const local).addr(), region.start - 1, region.end] {
        assert!(!contains(address) && lookup(address).is_none(), "{address:#x}");
    }
    // In the region, where nothing was ever given out: the red zone, and the far end.
    for address in [region.start, region.start + 12345, region.end - 1] {
        assert!(contains(address) && lookup(address).is_none(), "{address:#x}");
    }
    // Everywhere, in steps that meet every class: a lookup never faults.
    let mut address = region.start;
    while address < region.end {
        let _ = lookup(address);
        address += (region.end - region.start) / 100_003;
    }
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    for size in [40usize, 3 << 20] {
        let start = block(size, 8);
        // SAFETY: refused, so nothing is freed.
        unsafe {
            assert_eq!(free(start + 8, size, 8), Err(FreeError::Interior));
            assert_eq!(free(start, size + 1, 8), Err(FreeError::OtherLayout));
            assert_eq!(free(start, size, 16), Err(FreeError::OtherLayout));
            assert_eq!(reallocate(start, size + 1, 8, 100), Err(FreeError::OtherLayout));
            assert_eq!(reallocate(start + 8, size, 8, 100), Err(FreeError::Interior));
            assert_eq!(free(region().start + 64, size, 8), Err(FreeError::NotABlock));
        }
        assert!(lookup(start).unwrap().live);
        give_back(start, size, 8);
        // SAFETY: as above.
        unsafe {
            assert_eq!(free(start, size, 8), Err(FreeError::AlreadyFreed));
            assert_eq!(reallocate(start, size, 8, 100), Err(FreeError::AlreadyFreed));
        }
    }
}

#[test]
fn two_threads_that_free_one_block_free_it_once() {
    for _ in 0..2000 {
        let start = block(48, 8);
        let gate = &std::sync::Barrier::new(2);
        let freed: usize = std::thread::scope(|scope| {
            let one = || {
                gate.wait();
                // SAFETY: the block is used no more; one of the two is refused.
                usize::from(unsafe { free(start, 48, 8) }.is_ok())
            };
            let (one, other) = (scope.spawn(one), scope.spawn(one));
            one.join().unwrap() + other.join().unwrap()
        });
        assert_eq!(freed, 1);
    }
}

#[test]
fn damage_next_to_a_block_is_found_and_renewed() {
    for size in SIZES {
        let start = block(size, 16);
        let found = lookup(start).unwrap();
        assert_eq!(canary_damage(&found), None, "{size}");
        write(start + size, 1);
        write(start + size + 2, 2);
        let damage = canary_damage(&found).unwrap();
        assert_eq!((damage.before, damage.offset, damage.first_bytes[0]), (false, 0, 1), "{size}");
        assert_eq!((damage.len, damage.first_bytes[2]), (3, 2));
        renew_canary(&found);
        assert_eq!(canary_damage(&found), None);
        write(start - 1, 9);
        let damage = canary_damage(&found).unwrap();
        assert_eq!((damage.before, damage.offset, damage.len, damage.first_bytes[0]), (true, 1, 1, 9));
        let mut seen = false;
        each_damaged(&mut |damaged| seen |= damaged.block.start == start && damaged.damage == damage);
        assert!(seen, "{size}: a look at every block misses it");
        renew_canary(&found);
        assert_eq!(canary_damage(&found), None);
        give_back(start, size, 16);
    }
}

#[test]
fn canaries_stay_whole_through_every_resize() {
    let mut random = 7u64;
    let (mut start, mut size) = (block(10, 8), 10);
    for _ in 0..3000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let new = 1 + (random >> 33) as usize % if random >> 60 == 0 { 3 << 20 } else { 2000 };
        // SAFETY: the test's own block with its layout; its content is written up to its end.
        start = unsafe {
            let moved = reallocate(start, size, 8, new).unwrap().addr();
            (moved as *mut u8).write_bytes(0xEE, new);
            moved
        };
        let found = lookup(start).unwrap();
        assert_eq!((found.start, found.size, found.live), (start, new, true));
        assert_eq!(canary_damage(&found), None, "{size} to {new}");
        size = new;
    }
    give_back(start, size, 8);
}

#[test]
fn a_write_after_free_is_seen() {
    for size in [24usize, 1000, 100_000] {
        let start = block(size, 8);
        give_back(start, size, 8);
        // SAFETY: freed, and in quarantine for the next 64 MiB.
        unsafe {
            assert_eq!(redzone::poison_damage(start, size, fresh::poison()), None);
            write(start + size / 2, 3);
            let damage = redzone::poison_damage(start, size, fresh::poison()).unwrap();
            assert_eq!((damage.offset, damage.len, damage.first_bytes[0]), (size / 2, 1, 3));
            redzone::poison_again(start, size);
        }
    }
    let start = block(1 << 20, 8);
    write(start + 5000, 1);
    give_back(start, 1 << 20, 8);
    // SAFETY: the block is in quarantine.
    let read = |page, into: &mut [u8; crate::platform::memory::PAGE]| unsafe { large::read_page(page, into) };
    assert_eq!(large::poison_damage(start, 1 << 20, read), None, "the pages of a freed run were kept");
    write(start + 300_001, 7);
    let damage = large::poison_damage(start, 1 << 20, read).unwrap();
    assert_eq!((damage.offset, damage.first_bytes[0]), (300_001, 7));
    write(start + 300_001, 0);
}

#[test]
fn notes_are_the_blocks_own() {
    let start = block(64, 8);
    let found = lookup(start).unwrap();
    assert!(note_loan(&found, 3));
    assert_eq!((noted(&found), may_be_retained(&found)), (3, false));
    assert!(retain(&found) && may_be_retained(&found));
    give_back(start, 64, 8);
}

#[test]
fn a_lookup_that_races_sees_whole_blocks() {
    let stop = &std::sync::atomic::AtomicBool::new(false);
    let recent = &std::sync::atomic::AtomicUsize::new(block(16, 8));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..20_000usize {
                let size = 16 + round % 64;
                let start = block(size, 8);
                recent.store(start, Ordering::Relaxed);
                give_back(start, size, 8);
            }
            stop.store(true, Ordering::Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let start = recent.load(Ordering::Relaxed);
                    let Some(found) = lookup(start + 8) else { continue };
                    assert_eq!(found.start, start);
                    assert!((16..80).contains(&found.size) && found.align == 8);
                    assert_eq!(found.live, found.freed_by == 0);
                }
            });
        }
    });
}

#[test]
fn runs_come_back_as_one() {
    // Three neighbours, freed in the order that needs both merges; then their room is one again.
    let unit = region::UNIT as u32;
    let units = 40;
    let first = run::take(0, units * 3, 1).unwrap();
    run::put(0, first..first + units * 3);
    let runs: Vec<u32> = (0..3).filter_map(|_| run::take(0, units, 1)).collect();
    assert_eq!(runs.len(), 3);
    for at in [0, 2, 1] {
        run::put(0, runs[at]..runs[at] + units);
    }
    let whole = run::take(0, units * 3, unit as usize * 4).unwrap();
    assert_eq!(region::unit_start(whole as usize) % (unit as usize * 4), 0);
    run::put(0, whole..whole + units * 3);
}

#[test]
fn a_block_found_once_answers_for_itself_alone() {
    for size in [24, 400_000] {
        let start = block(size, 8);
        let seen = FoundBlock::at(start + 5).unwrap();
        assert_eq!((seen.start, seen.size, seen.live), (start, size, true));
        let found = seen.reference().unwrap();
        assert!(found.is_still() && found.is_whole() && seen.is_whole());
        assert_eq!((found.is_run(), BlockRef::in_slot(start).is_some()), (size > 24, size == 24));
        let record = found.block().unwrap();
        assert_eq!((record.start, record.size, record.live), (start, size, true));

        assert!(found.lend() && found.lend() && found.unlend() && found.note(7) && found.retain());
        assert_eq!((found.loans(), loans(&record), found.noted()), (1, 1, 7));
        assert!(found.may_be_retained() && !found.is_exempt() && found.unlend());

        let last = size.next_multiple_of(8);
        write(start + last, 1);
        assert!(!found.is_whole());
        assert_eq!(found.damage().map(|damage| damage.offset), Some(last - size));
        found.renew_canary();
        assert!(found.is_whole() && found.damage().is_none());

        give_back(start, size, 8);
        assert!(!found.is_still() && found.damage().is_none());
        assert!(!found.block().unwrap().live, "who freed it is known as long as the place is no other's");
        assert!(!FoundBlock::at(start).unwrap().live && seen.live, "what was found is as of then");
        let next = Block { generation: record.generation + 1, ..record };
        assert!(BlockRef::of(&record).is_some() && BlockRef::of(&next).is_none());
    }
}
