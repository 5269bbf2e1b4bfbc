//! Areas of the tests' own stand for C's heap, numbers that no pointer is for addresses in Rust's memory.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Ledger, Look, PAGE};
use crate::platform::memory::{self, Before};
use crate::platform::written::Tracking;
use crate::scan::{Hit, Wanted};

const RUST: Range<usize> = 0x5eed_0000_0000_0000..0x5eed_0000_1000_0000;

fn rust() -> Wanted {
    Wanted::new(std::iter::once(RUST))
}

fn block(number: usize) -> Wanted {
    Wanted::new(std::iter::once(word(number)..word(number) + 64))
}

fn word(number: usize) -> usize {
    RUST.start + number * 64
}

struct Area(Range<usize>);

impl Area {
    fn new(pages: usize) -> Area {
        let start = memory::reserve(pages * PAGE, PAGE, Before::Nothing).unwrap();
        let area = Area(start..start + pages * PAGE);
        assert!(memory::commit(area.0.clone()));
        area
    }

    fn location(&self, page: usize, slot: usize) -> usize {
        self.0.start + page * PAGE + slot * 8
    }

    /// Writes a word, and returns the hit that it is.
    fn store(&self, page: usize, slot: usize, word: usize) -> Hit {
        let location = self.location(page, slot);
        // SAFETY: a committed, aligned word of this test, which other threads reach as an atomic as well.
        unsafe { (*(location as *const AtomicUsize)).store(word, Ordering::Relaxed) };
        Hit { location, word }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        memory::release(self.0.clone());
    }
}

fn look(ledger: &mut Ledger, areas: &[&Area]) -> Look {
    // SAFETY: committed memory of the tests.
    unsafe { ledger.refresh(areas.iter().map(|area| area.0.clone()), &rust()) }
}

fn news(ledger: &mut Ledger, since: Look, wanted: &Wanted) -> Vec<Hit> {
    // SAFETY: as above.
    unsafe { ledger.news(since, wanted) }
}

/// Both ways to learn what was written; one where the kernel has no other.
fn ledgers() -> [Ledger; 2] {
    [Ledger::new(), Ledger::reading()]
}

#[test]
fn a_word_is_news_once_and_to_everybody() {
    for mut ledger in ledgers() {
        let area = Area::new(8);
        let old = area.store(1, 3, word(1));
        let first = look(&mut ledger, &[&area]);
        let (here, there) = (area.store(1, 4, word(1)), area.store(5, 0, word(2)));
        // Two threads that looked at the same time as this one did: each asks from its own look on.
        let second = look(&mut ledger, &[&area]);
        let third = look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, first, &rust()), [here, there]);
        assert_eq!(news(&mut ledger, first, &rust()), [here, there], "asking takes nothing away");
        assert_eq!(news(&mut ledger, first, &block(2)), [there]);
        assert_eq!(news(&mut ledger, second, &rust()), []);
        assert_eq!(news(&mut ledger, third, &rust()), []);
        assert_eq!(news(&mut ledger, 0, &block(1)), [old, here], "all that lead into a block");
    }
}

#[test]
fn a_word_keeps_its_age_while_its_page_changes_around_it() {
    for mut ledger in ledgers() {
        let area = Area::new(2);
        let stays = area.store(0, 100, word(1));
        area.store(0, 101, word(2));
        let first = look(&mut ledger, &[&area]);
        let new = area.store(0, 99, word(3));
        let other = area.store(0, 101, word(4));
        area.store(0, 102, 17);
        look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, first, &rust()), [new, other]);
        assert_eq!(news(&mut ledger, 0, &rust()), [new, stays, other]);
        area.store(0, 100, 0);
        let third = look(&mut ledger, &[&area]);
        area.store(0, 100, word(1));
        look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, third, &rust()), [stays], "gone, seen gone, and back");
    }
}

#[test]
fn what_vanished_is_forgotten_and_new_when_it_comes_again() {
    for mut ledger in ledgers() {
        let (one, other) = (Area::new(4), Area::new(4));
        let (in_one, in_other) = (one.store(2, 2, word(1)), other.store(3, 3, word(1)));
        let first = look(&mut ledger, &[&one, &other]);
        let second = look(&mut ledger, &[&other]);
        assert_eq!(news(&mut ledger, 0, &rust()), [in_other]);
        // Unwritten meanwhile, so that only its absence makes it new.
        look(&mut ledger, &[&one, &other]);
        assert_eq!(news(&mut ledger, second, &rust()), [in_one]);
        assert_eq!(news(&mut ledger, first, &rust()), [in_one]);
        // A part of an area, and one that grows.
        // SAFETY: committed memory of this test.
        let third = unsafe { ledger.refresh([one.0.start..one.location(1, 0), other.0.clone()], &rust()) };
        assert_eq!(news(&mut ledger, 0, &rust()), [in_other]);
        look(&mut ledger, &[&one, &other]);
        assert_eq!(news(&mut ledger, third, &rust()), [in_one]);
    }
}

#[test]
fn memory_that_was_given_back_holds_nothing() {
    for mut ledger in ledgers() {
        let area = Area::new(4);
        area.store(1, 1, word(1));
        let stays = area.store(2, 1, word(1));
        look(&mut ledger, &[&area]);
        memory::discard(area.location(1, 0)..area.location(2, 0));
        let second = look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, 0, &rust()), [stays]);
        let again = area.store(1, 1, word(1));
        look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, second, &rust()), [again]);
        // And mapped anew, which ends the tracking of these pages.
        memory::decommit(area.location(1, 0)..area.location(2, 0));
        assert!(memory::commit(area.location(1, 0)..area.location(2, 0)));
        let fourth = look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, 0, &rust()), [stays]);
        let again = area.store(1, 1, word(1));
        look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, fourth, &rust()), [again]);
    }
}

#[test]
fn what_becomes_interesting_is_looked_for_in_pages_that_nobody_wrote() {
    for mut ledger in ledgers() {
        let area = Area::new(4);
        let known = area.store(0, 0, word(1));
        let stack = 0x5eed_7000_0000_0000_usize..0x5eed_7000_0000_1000;
        let overlooked = area.store(1, 0, stack.start + 8);
        let first = look(&mut ledger, &[&area]);
        assert_eq!(news(&mut ledger, 0, &rust().joined(&Wanted::new([stack.clone()]))), [known]);
        // SAFETY: committed memory of this test.
        unsafe { ledger.refresh([area.0.clone()], &Wanted::new([stack.clone()])) };
        assert_eq!(news(&mut ledger, first, &Wanted::new([stack])), [overlooked]);
        assert_eq!(news(&mut ledger, first, &rust()), [], "what was known stays as old as it is");
        assert_eq!(news(&mut ledger, 0, &rust()), [known]);
    }
}

#[test]
fn it_agrees_with_a_list_of_everything_through_a_thousand_looks() {
    for mut ledger in ledgers() {
        let area = Area::new(6);
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % bound
        };
        // By place: the word, and the look that saw it first.
        let mut expected = vec![(0, 0); 6 * 64];
        let mut stored = expected.clone();
        for _ in 0..1000 {
            for _ in 0..below(40) {
                let place = below(stored.len());
                let word = if below(3) == 0 { 0 } else { word(below(50)) };
                area.store(place / 64, place % 64 * 8, word);
                stored[place].0 = word;
            }
            let now = look(&mut ledger, &[&area]);
            for (expected, stored) in expected.iter_mut().zip(&stored) {
                if expected.0 != stored.0 {
                    *expected = (stored.0, now);
                }
            }
            let since = now.saturating_sub(below(20) as u64);
            let wanted = if below(2) == 0 { rust() } else { block(below(50)) };
            let hits =
                expected.iter().enumerate().filter(|(_, (word, first))| *first > since && wanted.contains(*word));
            let hits =
                hits.map(|(place, &(word, _))| Hit { location: area.location(place / 64, place % 64 * 8), word });
            assert_eq!(news(&mut ledger, since, &wanted), hits.collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_store_that_races_with_looks_is_seen_by_the_next_one() {
    let mut ledger = Ledger::new();
    let area = Area::new(64);
    let stop = AtomicBool::new(false);
    let counts: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                let page = number * 7 % 64;
                area.store(page, number % 100, word(number % 0x1000));
                counts[page].store(number, Ordering::Release);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        for _ in 0..300 {
            // What was stored before this look began is in it, or was stored over since.
            let before: Vec<usize> = counts.iter().map(|count| count.load(Ordering::Acquire)).collect();
            look(&mut ledger, &[&area]);
            for (page, &number) in before.iter().enumerate().filter(|&(_, &number)| number != 0) {
                let location = area.location(page, number % 100);
                let seen = ledger.index.since(0, &rust()).into_iter().any(|hit| hit.location == location);
                assert!(seen, "page {page}, store {number}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_forked_child_and_a_program_that_closes_all_files_read_everything_again() {
    let mut ledger = Ledger::new();
    let area = Area::new(4);
    let stays = area.store(0, 0, word(1));
    let first = look(&mut ledger, &[&area]);
    if Tracking::start().is_none() {
        println!("not tested: no write tracking here");
        return;
    }
    assert!(ledger.is_tracking());
    // The guard's own memory, whose lock no fork of this test's catches: nobody else uses it.
    let in_child = |f: &mut dyn FnMut() -> bool| {
        // SAFETY: this crate's handlers hold the locks of the memory that the ledger uses; the child ends without destructors.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(if f() { 7 } else { 1 });
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status:x}");
        }
    };
    in_child(&mut || {
        let new = area.store(2, 2, word(2));
        look(&mut ledger, &[&area]);
        let of_child = news(&mut ledger, first, &rust()) == [new];
        // SAFETY: a child with nothing but this in it.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
        let newer = area.store(3, 3, word(3));
        let closed = look(&mut ledger, &[&area]);
        let newest = area.store(3, 4, word(3));
        look(&mut ledger, &[&area]);
        of_child
            && news(&mut ledger, first, &rust()) == [new, newer, newest]
            && news(&mut ledger, closed, &rust()) == [newest]
            && ledger.is_tracking()
    });
    let new = area.store(1, 1, word(4));
    look(&mut ledger, &[&area]);
    assert_eq!(news(&mut ledger, first, &rust()), [new]);
    assert_eq!(news(&mut ledger, 0, &rust()), [stays, new]);
}
