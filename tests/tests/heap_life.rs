//! Before `main`, after a thread's end, in a forked child.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use ffi_guard::{__bench, GuardAlloc};
use ffi_guard_tests::process::{at_levels, unless_emulated};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

static EARLY: AtomicPtr<[u64; 100]> = AtomicPtr::new(std::ptr::null_mut());

extern "C" fn before_main() {
    EARLY.store(Box::into_raw(Box::new([7; 100])), Ordering::Relaxed);
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

#[test]
fn blocks_from_before_main_are_blocks() {
    at_levels("blocks_from_before_main_are_blocks", &["0", "1", "2", "3"], || {
        let early = EARLY.swap(std::ptr::null_mut(), Ordering::Relaxed);
        assert!(!early.is_null(), "the initialiser did not run");
        assert_eq!(__bench::contains(early.addr()), std::env::var("GUARD").unwrap() != "0");
        // SAFETY: made by `before_main`, taken out of its place once.
        assert_eq!(*unsafe { Box::from_raw(early) }, [7; 100]);
    });
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Allocates, reallocates and frees when its thread ends.
struct Late(RefCell<Vec<String>>);

impl Drop for Late {
    fn drop(&mut self) {
        let mut words = self.0.take();
        for i in 0..500 {
            words.push(format!("the end {i}"));
        }
        assert!(words.iter().all(|word| __bench::lookup(word.as_ptr().addr())));
        DROPPED.fetch_add(words.len(), Ordering::Relaxed);
    }
}

thread_local! {
    static LATE: Late = const { Late(RefCell::new(Vec::new())) };
}

extern "C" fn late_key(value: *mut libc::c_void) {
    // After Rust's destructors, and maybe after the heap's own: pthread keys go in no promised
    // order.
    // SAFETY: the value is a box that `set_late_key` gave away.
    let words = unsafe { Box::from_raw(value.cast::<Vec<String>>()) };
    let more: Vec<String> = words.iter().map(|word| format!("{word}, later")).collect();
    DROPPED.fetch_add(more.len(), Ordering::Relaxed);
}

fn set_late_key() {
    static KEY: std::sync::OnceLock<libc::pthread_key_t> = std::sync::OnceLock::new();
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: writes the key.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(late_key_raw)) }, 0);
        key
    });
    let words = Box::new(vec![String::from("kept for the end"); 100]);
    // SAFETY: a key made above.
    assert_eq!(unsafe { libc::pthread_setspecific(key, Box::into_raw(words).cast()) }, 0);
}

unsafe extern "C" fn late_key_raw(value: *mut libc::c_void) {
    late_key(value);
}

#[test]
fn a_thread_may_allocate_until_its_very_end() {
    at_levels("a_thread_may_allocate_until_its_very_end", &["1", "2", "3"], || {
        for _ in 0..40 {
            std::thread::spawn(|| {
                LATE.with(|late| late.0.borrow_mut().push(String::from("at first")));
                set_late_key();
            })
            .join()
            .unwrap();
        }
        assert_eq!(DROPPED.load(Ordering::Relaxed), 40 * (501 + 100));
    });
}

#[test]
fn a_forked_child_allocates_and_frees() {
    at_levels("a_forked_child_allocates_and_frees", &["1", "2", "3"], || {
        let stop = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            for seed in 0..unless_emulated(8usize, 3) {
                scope.spawn(move || {
                    let mut size = seed;
                    while !stop.load(Ordering::Relaxed) {
                        size = (size * 31 + 7) % 400_000;
                        let blocks: Vec<Vec<u8>> = (0..20).map(|i| vec![i; size / 20 * usize::from(i) + 1]).collect();
                        std::hint::black_box(&blocks);
                    }
                });
            }
            let before = vec![String::from("from the parent"); 100];
            let patience = unless_emulated(60, 600);
            for _ in 0..unless_emulated(25, 6) {
                // SAFETY: the child allocates, which is what this is about, and ends by _exit.
                match unsafe { libc::fork() } {
                    0 => {
                        // A child that waits for a lock for ever is ended by the alarm, and the
                        // parent sees it.
                        // SAFETY: no preconditions.
                        unsafe { libc::alarm(patience) };
                        let all: Vec<String> = (0..2000).map(|i| format!("{} {i}", before[i % 100])).collect();
                        let large: Vec<Vec<u8>> = (0..20).map(|i| vec![1; i << 16]).collect();
                        let fine = all.iter().all(|word| __bench::lookup(word.as_ptr().addr()))
                            && large.iter().map(Vec::len).sum::<usize>() == 190 << 16;
                        drop((all, large));
                        let end = if fine { 0 } else { 1 };
                        // SAFETY: ends the child without running the parent's destructors.
                        unsafe { libc::_exit(end) };
                    }
                    child => {
                        assert!(child > 0);
                        let mut status = 0;
                        // SAFETY: waits for our own child.
                        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                        assert_eq!(status, 0, "the child ended with wait status {status:#x}");
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}
