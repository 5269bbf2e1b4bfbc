//! Threads: who is running, what happens when one ends, what happens when the process is copied.

use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};

thread_local! {
    /// Const and without a destructor: reading it never allocates and never fails.
    static ID: Cell<u32> = const { Cell::new(0) };
}

/// The number of the next thread to be seen.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Whether more than one thread was ever seen.
#[inline]
pub(crate) fn are_several() -> bool {
    NEXT.load(Ordering::Relaxed) > 2
}

/// A number for the calling thread, from 1 in the order in which threads were first seen, never used again.
///
/// Not the kernel's: that one is given to the next thread as soon as this one has ended, and a report about a block
/// freed long ago would name the wrong thread.
pub(crate) fn id() -> u32 {
    ID.try_with(|id| {
        if id.get() == 0 {
            id.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        id.get()
    })
    .unwrap_or(0)
}

/// Where C's library says whether the process has a single thread: a byte of its own, or one of ours that says no.
static ALONE: AtomicPtr<AtomicU8> = AtomicPtr::new((&raw const NOBODY_KNOWS).cast_mut());
static NOBODY_KNOWS: AtomicU8 = AtomicU8::new(0);

/// Whether the calling thread is certainly the only one of the process, C's threads counted: then what others could see half
/// done needs no instruction that locks the bus, at some five nanoseconds each. False where it is not known.
///
/// The only thread is the one that would make another, so the answer holds until it does: not across a call of code that is
/// not ours.
#[inline(always)]
pub(crate) fn is_alone() -> bool {
    // SAFETY: a byte of ours, or of C's library, which is never unloaded.
    unsafe { (*ALONE.load(Ordering::Relaxed)).load(Ordering::Relaxed) != 0 }
}

/// Asks C's library where it says so: once, with no lock held. glibc has it from 2.32 on.
pub(crate) fn ask_who_is_alone() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
    {
        // SAFETY: a name that ends with a NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
        if !found.is_null() {
            ALONE.store(found.cast(), Ordering::Relaxed);
        }
    }
}

/// The address that the processor keeps for the calling thread, and that the copies of thread-local variables lie around;
/// `None` on machines where it is not known how to ask.
pub(crate) fn pointer() -> Option<usize> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        let pointer: usize;
        // SAFETY: the word at the segment's start is its own address: the ABI's way to find it.
        unsafe {
            std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags));
        };
        Some(pointer)
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        let pointer: usize;
        // SAFETY: reads a register that every program may read.
        unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
        Some(pointer)
    }
    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    None
}

/// What has a hook run at the end of threads: one for each hook.
#[derive(Debug)]
pub(crate) struct AtExit {
    /// One more than the system's key; 0 while there is none.
    #[cfg_attr(not(unix), allow(dead_code))]
    key: AtomicU32,
}

impl AtExit {
    pub(crate) const fn new() -> AtExit {
        AtExit { key: AtomicU32::new(0) }
    }
}

#[cfg(unix)]
mod os {
    use super::{AtExit, AtomicU32, Ordering};

    /// Has `hook` run when the calling thread ends, after the destructors of Rust's thread-locals, with `value`, which is not
    /// null. All callers with the same `at_exit` give the same `hook`. False where the system has no key left.
    pub(crate) fn on_exit(
        at_exit: &'static AtExit,
        hook: unsafe extern "C" fn(*mut libc::c_void),
        value: *mut libc::c_void,
    ) -> bool {
        let mut key = at_exit.key.load(Ordering::Acquire);
        if key == 0 {
            let mut made: libc::pthread_key_t = 0;
            // SAFETY: writes the key into the place given.
            if unsafe { libc::pthread_key_create(&raw mut made, Some(hook)) } != 0 {
                return false;
            }
            let made_plus = made as u32 + 1;
            key = match at_exit.key.compare_exchange(0, made_plus, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => made_plus,
                Err(theirs) => {
                    // Another thread was first; ours was never given a value.
                    // SAFETY: made above and known to no one else.
                    unsafe { libc::pthread_key_delete(made) };
                    theirs
                }
            };
        }
        // SAFETY: the key was made by pthread_key_create and is never deleted.
        unsafe { libc::pthread_setspecific((key - 1) as libc::pthread_key_t, value) == 0 }
    }

    /// Has the three run around every `fork`: before it, and after it in the parent and in the child.
    pub(crate) fn at_fork(
        prepare: unsafe extern "C" fn(),
        parent: unsafe extern "C" fn(),
        child: unsafe extern "C" fn(),
    ) -> bool {
        // SAFETY: the three are functions of this program, which outlive every fork.
        unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) == 0 }
    }

    /// Whether the calling thread is the one that the process began with.
    pub(crate) fn is_first() -> bool {
        #[cfg(target_os = "linux")]
        // SAFETY: no precondition.
        unsafe {
            libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid())
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Sleeps while `word` is `value`. May return early.
    pub(crate) fn wait(word: &AtomicU32, value: u32) {
        #[cfg(target_os = "linux")]
        // SAFETY: the word outlives the call; the kernel only reads it.
        unsafe {
            let errno = libc::__errno_location();
            let kept = *errno;
            let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
            libc::syscall(libc::SYS_futex, word.as_ptr(), op, value, std::ptr::null::<libc::timespec>());
            // C reads errno after calls that free Rust memory through a callback: it is not ours to change.
            *errno = kept;
        }
        #[cfg(not(target_os = "linux"))]
        if word.load(Ordering::Relaxed) == value {
            // SAFETY: no preconditions.
            unsafe { libc::sched_yield() };
        }
    }

    /// Wakes one thread that sleeps in [`wait`].
    pub(crate) fn wake(word: &AtomicU32) {
        #[cfg(target_os = "linux")]
        // SAFETY: the address serves as a name only.
        unsafe {
            libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = word;
    }
}

#[cfg(not(unix))]
mod os {
    use super::{AtExit, AtomicU32};
    pub(crate) fn on_exit(
        _at_exit: &'static AtExit,
        _hook: unsafe extern "C" fn(*mut std::ffi::c_void),
        _value: *mut std::ffi::c_void,
    ) -> bool {
        false
    }
    pub(crate) fn at_fork(_: unsafe extern "C" fn(), _: unsafe extern "C" fn(), _: unsafe extern "C" fn()) -> bool {
        false
    }
    pub(crate) fn is_first() -> bool {
        false
    }
    pub(crate) fn wait(_word: &AtomicU32, _value: u32) {
        std::thread::yield_now();
    }
    pub(crate) fn wake(_word: &AtomicU32) {}
}

pub(crate) use os::*;

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn nobody_is_alone_among_threads() {
        super::ask_who_is_alone();
        // The tests' own threads are there already.
        let told = std::thread::spawn(super::is_alone).join().unwrap();
        assert!(!told);
    }

    #[test]
    fn a_thread_keeps_its_number_and_no_other_has_it() {
        let mine = id();
        let theirs = std::thread::spawn(id).join().unwrap();
        assert_ne!(mine, 0);
        assert_ne!(theirs, 0);
        assert_ne!(mine, theirs);
        assert_eq!(mine, id());
    }
}
