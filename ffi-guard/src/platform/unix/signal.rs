//! Signals that tests send.

use std::ffi::c_int;

/// A thread that lives until the test ends.
#[derive(Clone, Copy)]
pub(crate) struct Receiver(libc::pthread_t);

impl Receiver {
    /// The calling thread, with `handler` for `SIGUSR2`.
    pub(crate) fn here(handler: extern "C" fn(c_int)) -> Receiver {
        // SAFETY: the tests' handlers use atomics and the functions under test.
        unsafe {
            libc::signal(libc::SIGUSR2, handler as *const () as libc::sighandler_t);
            Receiver(libc::pthread_self())
        }
    }

    /// Sends the signal.
    ///
    /// # Safety
    /// - The thread lives.
    pub(crate) unsafe fn send(self) {
        // SAFETY: the caller says that the thread lives.
        unsafe { libc::pthread_kill(self.0, libc::SIGUSR2) };
    }
}
