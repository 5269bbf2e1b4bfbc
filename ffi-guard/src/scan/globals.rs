//! The search of all memory that loaded modules may write.

use super::hit::Hit;
use super::search::search;
use super::wanted::Wanted;
use crate::platform::modules::{self, Segment};

/// Room for hits that a search starts with. If it needs more, it starts again with twice as much.
const ROOM: usize = 64;

/// Finds every aligned word that lies in a wanted range, in the writable segments of every loaded
/// module, and in the calling thread's copies of their thread-local variables.
///
/// The loader's lock is held meanwhile, so no module can be unmapped under the search. Nothing is
/// allocated under it: a thread that has the allocator's locks may be waiting for the loader's, as
/// every backtrace does.
///
/// Not searched: modules that `dlmopen` put into namespaces of their own. Not foreseen: a program
/// that makes pages of its own globals unreadable (`mprotect`); reading them is a fault.
pub(super) fn globals(wanted: &Wanted, hits: &mut Vec<Hit>) {
    if wanted.is_empty() {
        return;
    }
    let before = hits.len();
    let mut room = ROOM;
    loop {
        hits.truncate(before);
        hits.reserve(room);
        if fits(wanted, hits) {
            return;
        }
        room = room.saturating_mul(2);
    }
}

/// The number of bytes that [`globals`] reads.
pub(crate) fn globals_len() -> usize {
    let mut bytes = 0_usize;
    modules::each(&mut |module| {
        module.writable(&mut |segment| {
            bytes = bytes.saturating_add(segment.len);
            true
        })
    });
    bytes
}

/// Adds the hits to `hits` without growing it; false if there was not enough room.
fn fits(wanted: &Wanted, hits: &mut Vec<Hit>) -> bool {
    let mut fit = true;
    modules::each(&mut |module| {
        let mut visit = |segment: Segment| {
            let found = &mut |hit| {
                fit = hits.len() < hits.capacity();
                if fit {
                    hits.push(hit);
                }
                fit
            };
            // SAFETY: the loader mapped the segment writable, hence readable, and it stays so while
            // the loader's lock is held, as it is here; the calling thread's copy stays as long as
            // the thread and the module.
            unsafe { search(segment.start, segment.len, wanted, found) };
            fit
        };
        module.writable(&mut visit) && module.thread_locals().is_none_or(visit)
    });
    fit
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::{iter, thread};

    use super::*;
    use crate::platform::library::Library;
    use crate::platform::modules;
    use crate::scan::testing::{Folder, holders, unlikely};

    const KEEP: &str = "void *kept; void keep(void *p) { kept = p; }";

    #[test]
    fn a_library_counts_from_when_it_is_loaded() {
        let folder = Folder::new();
        let path = folder.library("libkeep.so", KEEP, &[]);
        let word = unlikely();
        assert_eq!(holders(word), []);
        let library = Library::open(&path);
        library.call("keep", word);
        assert_eq!(holders(word), [Hit { location: library.address("kept"), word }]);
        library.call("keep", 0);
        assert_eq!(holders(word), []);
        library.call("keep", word);
        drop(library);
        assert_eq!(holders(word), []);
    }

    #[test]
    fn what_is_sealed_after_relocation_is_not_read() {
        let folder = Folder::new();
        let c = "int target; int *const sealed[] = {&target}; int *open[] = {&target};";
        for flags in [&["-Wl,-z,relro,-z,now"][..], &["-Wl,-z,relro"], &["-Wl,-z,relro,-z,now", "-fuse-ld=lld"]] {
            if flags.len() == 2 && !has_lld() {
                continue;
            }
            let library = Library::open(&folder.library("libsealed.so", c, flags));
            let hits = holders(library.address("target"));
            let at: Vec<usize> = hits.iter().map(|hit| hit.location).collect();
            assert!(at.contains(&library.address("open")), "{flags:?}");
            assert!(!at.contains(&library.address("sealed")), "{flags:?}");
        }
    }

    fn has_lld() -> bool {
        std::process::Command::new("ld.lld").arg("--version").output().is_ok()
    }

    #[test]
    fn the_last_word_of_a_large_array_is_found() {
        let folder = Folder::new();
        let c = "void *table[100000]; void keep(void *p) { table[99999] = p; }";
        let library = Library::open(&folder.library("liblarge.so", c, &[]));
        let word = unlikely();
        library.call("keep", word);
        assert_eq!(holders(word), [Hit { location: library.address("table") + 99_999 * 8, word }]);
    }

    #[test]
    fn more_hits_than_there_is_room_for_are_all_found() {
        let folder = Folder::new();
        let c = "void *many[1000]; void keep(void *p) { for (int i = 0; i < 1000; i++) many[i] = p; }";
        let library = Library::open(&folder.library("libmany.so", c, &[]));
        let word = unlikely();
        library.call("keep", word);
        let earlier = Hit { location: 1, word: 2 };
        let mut hits = vec![earlier];
        globals(&Wanted::new(iter::once(word..word + 1)), &mut hits);
        assert_eq!((hits.len(), hits[0]), (1001, earlier));
        assert!(hits[1..].iter().zip(0..).all(|(hit, index)| hit.location == library.address("many") + index * 8));
    }

    #[test]
    fn a_library_may_be_unloaded_while_it_is_searched() {
        let folder = Folder::new();
        let path =
            folder.library("libbrief.so", "char big[1 << 20]; void *kept; void keep(void *p) { kept = p; }", &[]);
        let word = unlikely();
        let stop = AtomicBool::new(false);
        let searches = AtomicUsize::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert!(holders(word).len() <= 1);
                    searches.fetch_add(1, Ordering::Relaxed);
                }
            });
            for _ in 0..300 {
                let library = Library::open(&path);
                library.call("keep", word);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert!(searches.into_inner() > 0);
    }

    /// `cargo test -p ffi-guard --lib -- --ignored --nocapture globals_cost`
    #[test]
    #[ignore = "measures"]
    fn globals_cost() {
        let mut bytes = 0;
        modules::each(&mut |module| {
            let mut own = 0;
            module.writable(&mut |segment| {
                own += segment.len;
                true
            });
            println!("{:>9} bytes  {}", own, module.name().to_string_lossy());
            bytes += own;
            true
        });
        let heap = 0x10_0000_0000_usize..0x10_0000_0100;
        let stack = (&raw const bytes).addr() + 64;
        for (name, wanted) in [
            ("one range", Wanted::new(iter::once(heap.clone()))),
            ("heap and stack", Wanted::new([heap, stack..stack + 1])),
        ] {
            let mut hits = Vec::new();
            let mut times = Vec::new();
            for _ in 0..2001 {
                let begun = std::time::Instant::now();
                globals(&wanted, &mut hits);
                times.push(begun.elapsed().as_nanos());
                hits.clear();
            }
            times.sort_unstable();
            println!("{name}: {bytes} bytes in {} ns (median), {} ns (least)", times[1000], times[0]);
        }
    }

    /// `cargo test -p ffi-guard --lib -- --ignored --nocapture search_speed`
    #[test]
    #[ignore = "measures"]
    fn search_speed() {
        for size in [16 << 10, 256 << 10, 64 << 20] {
            let memory: Vec<usize> = (0..size / 8).collect();
            let mut copy = vec![0_usize; size / 8];
            let start = memory.as_ptr().addr();
            let rounds = ((256 << 20) / size).max(7);
            let best = |f: &mut dyn FnMut()| {
                let mut times: Vec<u128> = (0..rounds)
                    .map(|_| {
                        let begun = std::time::Instant::now();
                        f();
                        begun.elapsed().as_nanos()
                    })
                    .collect();
                times.sort_unstable();
                times[rounds / 2] as f64
            };
            let copying = best(&mut || copy.copy_from_slice(std::hint::black_box(&memory)));
            let mut hits = Vec::new();
            for (name, wanted) in [
                ("one envelope", Wanted::new(iter::once(1 << 40..(1 << 40) + 64))),
                ("two envelopes", Wanted::new([1 << 40..(1 << 40) + 64, 1 << 46..(1 << 46) + 64])),
            ] {
                // SAFETY: a live vector.
                let searching = best(&mut || unsafe { crate::scan::words(start, size, &wanted, &mut hits) });
                println!(
                    "{:>6} KiB, {name}: {:.3} ns a word, {:.1} GB/s; copying {:.1} GB/s; ratio {:.2}",
                    size >> 10,
                    searching / (size / 8) as f64,
                    size as f64 / searching,
                    size as f64 / copying,
                    copying / searching,
                );
            }
            assert!(hits.is_empty());
            for way in super::super::search::ways() {
                let mut hits = 0;
                let wanted = Wanted::new([1 << 40..(1 << 40) + 64, 1 << 46..(1 << 46) + 64]);
                let searching = best(&mut || hits += way.count(&memory, &wanted));
                let ratio = copying / searching;
                println!("{:>6} KiB, {way:?}: {:.1} GB/s; ratio {ratio:.2}", size >> 10, size as f64 / searching);
                assert_eq!(hits, 0);
            }
        }
    }
}
