//! Threads: facts from the kernel and from glibc.

use std::sync::atomic::{AtomicU8, AtomicU32};

pub(crate) use crate::platform::unix::thread::{at_fork, on_exit};

/// The byte in which C's library says whether the process has a single thread. glibc has it since
/// 2.32.
pub(crate) fn single_threaded() -> Option<*mut AtomicU8> {
    if cfg!(any(not(target_env = "gnu"), target_feature = "crt-static")) {
        return None;
    }
    // SAFETY: a name that ends with a NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    (!found.is_null()).then(|| found.cast())
}

/// The address that the processor keeps for the calling thread, around which its thread-local
/// variables lie; `None` on machines where the way to ask is not known.
pub(crate) fn pointer() -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        let pointer: usize;
        // SAFETY: the word at the segment's start is its own address: the ABI's way to find it.
        unsafe {
            std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags));
        };
        Some(pointer)
    }
    #[cfg(target_arch = "aarch64")]
    {
        let pointer: usize;
        // SAFETY: reads a register that every program may read.
        unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
        Some(pointer)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    crate::platform::other::thread::pointer()
}

/// True if the calling thread is the one that the process began with.
pub(crate) fn is_first() -> bool {
    // SAFETY: no precondition.
    unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) }
}

/// Sleeps while `word` is `value`. May return early.
pub(crate) fn wait(word: &AtomicU32, value: u32) {
    // SAFETY: the word outlives the call; the kernel only reads it.
    unsafe {
        let errno = libc::__errno_location();
        let kept = *errno;
        let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        libc::syscall(libc::SYS_futex, word.as_ptr(), op, value, std::ptr::null::<libc::timespec>());
        // C reads errno after calls that free Rust memory through a callback, so it must not
        // change.
        *errno = kept;
    }
}

/// Wakes one thread that sleeps in [`wait`].
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: the address only serves as a name.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, 1);
    }
}
