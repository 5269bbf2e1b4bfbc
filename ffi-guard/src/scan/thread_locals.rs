//! Thread-local variables of threads other than the one that searches.
//!
//! The loader says where the calling thread's copies are, and only those. But the variables of the
//! modules that a program starts with lie at the same distance from every thread's own address
//! (`fs:0`), so that address is enough; so do those of a module loaded later whose code never asks
//! the loader where they are. Known are the threads that made a guarded call whose loan was noted.
//! Other modules loaded later have their copies anywhere, and C's threads that never call Rust are
//! not known: pointers that these hold are not seen.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::Once;

use super::hit::Hit;
use super::search::words;
use super::wanted::Wanted;
use crate::platform::lock::{HeldInFork, Locked};
use crate::platform::modules::{self, Segment};
use crate::platform::read;
use crate::platform::thread::{self, AtExit};
use crate::reentry::Reentry;

/// A thread that lives.
#[derive(Clone, Copy)]
struct Thread {
    /// The guard's number.
    id: u32,
    /// Its own address.
    pointer: usize,
}

/// The known threads. A thread that ends waits for the lock: while it is held, the memory of all
/// listed threads stays.
static KNOWN: Locked<Vec<Thread>> = Locked::new(Vec::new());

/// The largest distance from the thread's address to a copy that was laid out with the thread: one
/// further off came from `malloc`. (Blocks that `malloc` maps by themselves, perhaps nearby, are
/// larger than this.)
const NEAR: usize = 64 << 10;

thread_local! {
    static IS_KNOWN: Cell<bool> = const { Cell::new(false) };
}

/// Adds the calling thread to the known ones, for as long as it lives.
#[inline]
pub(crate) fn know_calling_thread() {
    if IS_KNOWN.try_with(|known| !known.replace(true)) == Ok(true) {
        add();
    }
}

#[cold]
fn add() {
    static FIRST: Once = Once::new();
    static AT_EXIT: AtExit = AtExit::new();
    unsafe extern "C" fn before() {
        KNOWN.hold();
    }
    unsafe extern "C" fn parent() {
        KNOWN.let_go();
    }
    // The child has one thread.
    unsafe extern "C" fn child() {
        KNOWN.let_go();
        let own = thread::pointer();
        KNOWN.with(|known| known.retain(|thread| Some(thread.pointer) == own));
    }
    unsafe extern "C" fn leave(pointer: *mut c_void) {
        let _inside = Reentry::enter();
        let _ = IS_KNOWN.try_with(|known| known.set(false));
        KNOWN.with(|known| known.retain(|thread| thread.pointer != pointer.addr()));
    }
    let Some(pointer) = thread::pointer() else { return };
    // Inside: a signal handler that calls C while the lock is held is not checked, and so does not
    // come here.
    let _inside = Reentry::enter();
    FIRST.call_once(|| {
        thread::at_fork(before, parent, child);
    });
    // Without a hook at the thread's end, it is not known when its memory goes.
    if !thread::on_exit(&AT_EXIT, leave, ptr::with_exposed_provenance_mut(pointer)) {
        return;
    }
    let id = thread::id();
    KNOWN.with(|known| {
        known.retain(|thread| thread.pointer != pointer);
        known.push(Thread { id, pointer });
    });
}

/// The threads at this moment, with the calling one.
pub(super) struct Threads {
    own: Thread,
    others: Vec<Thread>,
}

pub(super) fn threads() -> Threads {
    let own = Thread { id: thread::id(), pointer: thread::pointer().unwrap_or(0) };
    let mut others = KNOWN.with(|known| known.clone());
    others.retain(|thread| thread.pointer != own.pointer);
    Threads { own, others }
}

impl Threads {
    /// The thread whose copy of the module's thread-local variables has the address, and the offset
    /// in it. `copy` is the calling thread's.
    pub(super) fn holder(&self, copy: Option<Segment>, location: usize) -> Option<(u32, usize)> {
        let copy = copy?;
        let offset_in = |start: usize| Some(location.wrapping_sub(start)).filter(|&offset| offset < copy.len);
        if let Some(offset) = offset_in(copy.start) {
            return Some((self.own.id, offset));
        }
        let from = distance(copy.start, copy.len, self.own.pointer)?;
        self.others.iter().find_map(|other| Some((other.id, offset_in(other.pointer.wrapping_add_signed(from))?)))
    }
}

/// The distance of a copy from its thread's address, if it was laid out with the thread.
fn distance(start: usize, len: usize, pointer: usize) -> Option<isize> {
    let near = |address: usize| address.abs_diff(pointer) <= NEAR;
    (pointer != 0 && near(start) && near(start.saturating_add(len))).then(|| start.wrapping_sub(pointer).cast_signed())
}

/// Finds every aligned word that lies in a wanted range in the thread-local variables of known
/// threads, except the calling one's.
pub(crate) fn other_threads(wanted: &Wanted, hits: &mut Vec<Hit>) {
    let Some(own) = thread::pointer() else { return };
    if wanted.is_empty() || KNOWN.with(|known| known.iter().all(|thread| thread.pointer == own)) {
        return;
    }
    let copies = copies(own);
    let (Some(low), Some(high)) = (
        copies.iter().map(|copy| copy.0).min(),
        copies.iter().map(|&(from, len)| from.saturating_add_unsigned(len)).max(),
    ) else {
        return;
    };
    let mut bytes = vec![0_usize; high.abs_diff(low).div_ceil(size_of::<usize>())];
    let mut found = Vec::new();
    KNOWN.with(|known| {
        for thread in known.iter().filter(|thread| thread.pointer != own) {
            let start = thread.pointer.wrapping_add_signed(low);
            // The kernel copies: an address that is no thread's gives an error, not a fault.
            if read::read(start, as_bytes(&mut bytes)).is_none() {
                continue;
            }
            let copied_to = bytes.as_ptr().expose_provenance();
            for &(from, len) in &copies {
                let at = copied_to + from.abs_diff(low);
                // SAFETY: within `bytes`, which reaches from the lowest copy to the end of the
                // highest.
                unsafe { words(at, len, wanted, &mut found) };
            }
            let moved = |hit: &Hit| Hit { location: hit.location - copied_to + start, word: hit.word };
            hits.extend(found.iter().map(moved));
            found.clear();
        }
    });
}

fn as_bytes(words: &mut [usize]) -> &mut [u8] {
    // SAFETY: the words' own memory, exclusively borrowed; any bytes are valid words and any words
    // valid bytes.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// The calling thread's copies that were laid out with it: distance and length.
fn copies(own: usize) -> Vec<(isize, usize)> {
    let mut copies = Vec::new();
    loop {
        copies.clear();
        let mut fit = true;
        modules::each(&mut |module| {
            let copy = module.thread_locals().and_then(|copy| Some((distance(copy.start, copy.len, own)?, copy.len)));
            if let Some(copy) = copy {
                fit = copies.len() < copies.capacity();
                // Nothing is allocated under the loader's lock.
                if fit {
                    copies.push(copy);
                }
            }
            fit
        });
        if fit {
            return copies;
        }
        copies.reserve(16.max(copies.capacity() * 2));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::platform::library::Library;
    use crate::scan::testing::{Folder, holders, unlikely};
    use crate::scan::{Owner, owner};

    /// `volatile`, for a variable of the file's own that nothing reads is left out.
    const KEEP: &str =
        "__thread volatile long other; __thread void *volatile kept; void keep(void *p) { other = 1; kept = p; }";

    fn in_other_threads(word: usize) -> Vec<Hit> {
        let mut hits = Vec::new();
        other_threads(&Wanted::new(std::iter::once(word..word + 1)), &mut hits);
        hits
    }

    #[test]
    fn the_calling_threads_copies_are_searched() {
        // By asking the loader, at a distance that it wrote, and by descriptors; with the names of
        // variables and without.
        let models: [&[&str]; 3] = [&["-O1"], &["-O1", "-ftls-model=initial-exec"], &["-O1", DESCRIPTORS]];
        for (index, flags) in models.into_iter().enumerate() {
            for (kind, keep) in [("exported", KEEP.to_owned()), ("own", KEEP.replace("__thread", "static __thread"))] {
                the_calling_threads_copy_is_searched(&format!("lib{kind}{index}.so"), &keep, flags);
            }
        }
    }

    const DESCRIPTORS: &str = if cfg!(target_arch = "x86_64") { "-mtls-dialect=gnu2" } else { "-mtls-dialect=desc" };

    fn the_calling_threads_copy_is_searched(name: &str, keep: &str, flags: &[&str]) {
        let folder = Folder::new();
        let library = Library::open(&folder.library(name, keep, flags));
        let word = unlikely();
        assert_eq!(holders(word), []);
        library.call("keep", word);
        let hits = holders(word);
        assert_eq!(hits.len(), 1);
        match owner(hits[0].location) {
            Owner::C(global) => {
                assert_eq!((global.symbol.as_deref(), global.offset), (Some("kept"), 0));
                assert_eq!((global.module.as_str(), global.thread), (name, Some(thread::id())));
            }
            other => panic!("{other:?}"),
        }
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(holders(word), [], "another thread has a copy of its own, or none yet"));
        });
        library.call("keep", 0);
        assert_eq!(holders(word), []);
    }

    #[test]
    fn a_known_threads_copies_are_searched_while_it_lives() {
        thread_local! {
            static HELD: Cell<usize> = const { Cell::new(0) };
        }
        let word = unlikely();
        let (told, hears) = channel();
        let (go_on, wait) = channel::<()>();
        let other = std::thread::spawn(move || {
            // Nothing reads it by name: without this the compiler may leave it out.
            HELD.with(|held| std::hint::black_box(held).set(word));
            told.send(()).unwrap();
            wait.recv().unwrap();
            know_calling_thread();
            know_calling_thread();
            told.send(()).unwrap();
            wait.recv().unwrap();
        });
        hears.recv().unwrap();
        assert_eq!(in_other_threads(word), [], "nothing is known of a thread whose loans were never noted");
        go_on.send(()).unwrap();
        hears.recv().unwrap();
        let hits = in_other_threads(word);
        assert_eq!(hits.len(), 1);
        assert_eq!(owner(hits[0].location), Owner::Rust);
        assert_eq!(holders(word), [], "it is not the calling thread's");
        go_on.send(()).unwrap();
        other.join().unwrap();
        assert_eq!(in_other_threads(word), []);
        // The owner of the variable there is not known any more.
        assert_eq!(owner(hits[0].location), Owner::Nowhere);
    }

    #[test]
    fn rusts_thread_locals_are_rusts() {
        thread_local! {
            static OURS: Cell<usize> = const { Cell::new(0) };
            static OURS_DATA: Cell<usize> = const { Cell::new(1) };
        }
        for local in [&OURS, &OURS_DATA] {
            let word = unlikely();
            local.with(|local| std::hint::black_box(local).set(word));
            let hits = holders(word);
            assert_eq!(hits.len(), 1);
            assert_eq!(owner(hits[0].location), Owner::Rust);
            local.set(0);
        }
    }
}
