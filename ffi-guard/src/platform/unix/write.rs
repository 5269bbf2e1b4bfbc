//! Writing, so that nothing the guard writes waits for a reader or ends the process.
//!
//! A write beyond the file size that the process may have, or into a pipe that has lost its reader,
//! sends a signal (`SIGXFSZ`, `SIGPIPE`) whose default is the end of the process: the program did
//! not ask for that write, so here it is an error and no more. Nothing here allocates or takes a
//! lock: the allocator and signal handlers write.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;

use super::process::errno;

/// Writes bytes to standard error in one call if the system allows, without a lock or a buffer.
pub(crate) fn write_stderr(bytes: &[u8]) {
    let _quiet = Quiet::begin();
    // Closed or full: there is nowhere left to say so.
    let _ = write_all(libc::STDERR_FILENO, bytes, 0);
}

/// Appends bytes to a file in one call, if the system allows. It is opened each time: a daemon that
/// closed all files and went on with their numbers must not find our lines in its sockets, and a
/// forked child shares nothing with us but the name.
///
/// A FIFO is opened only if something reads it, and its reader gets `patience` milliseconds to make
/// room.
pub(crate) fn append(path: &Path, bytes: &[u8], patience: c_int) -> io::Result<()> {
    const ROOM: usize = 4097;
    let path = path.as_os_str().as_bytes();
    let mut name = [0_u8; ROOM];
    let Some(room) = name.get_mut(..path.len()).filter(|room| room.len() < ROOM) else {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    };
    room.copy_from_slice(path);
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: the name ends in a NUL.
    let file = unsafe { libc::open(name.as_ptr().cast(), flags, 0o666) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // O_APPEND and one `write`: lines of processes that share the file do not mix.
    let quiet = Quiet::begin();
    let written = write_all(file, bytes, patience);
    drop(quiet);
    // SAFETY: opened above, and closed once.
    unsafe { libc::close(file) };
    written
}

/// True if a file could not be opened because it is a FIFO without a reader, or a socket.
pub(crate) fn has_no_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}

/// Writes all bytes. If a file that does not block has no room, waits for at most `patience`
/// milliseconds each time.
fn write_all(file: c_int, mut bytes: &[u8], patience: c_int) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of a live slice.
        let written = unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(n) if n > 0 => {
                bytes = bytes.get(n..).unwrap_or_default();
                continue;
            }
            Ok(_) => return Err(ErrorKind::WriteZero.into()),
            Err(_) => {}
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            // A signal came first; nothing was written.
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => {
                let mut room = libc::pollfd { fd: file, events: libc::POLLOUT, revents: 0 };
                // SAFETY: one live struct.
                if unsafe { libc::poll(&raw mut room, 1, patience) } == 0 {
                    return Err(error);
                }
            }
            _ => return Err(error),
        }
    }
    Ok(())
}

/// The signals of a write that fails.
const SIGNALS: [c_int; 2] = [libc::SIGXFSZ, libc::SIGPIPE];

/// While it lives, a write of this thread that fails sends no signal that the program sees.
struct Quiet {
    /// The thread's mask before.
    mask: libc::sigset_t,
    /// Which of the signals waited already: those are the program's.
    waited: [bool; 2],
}

impl Quiet {
    fn begin() -> Quiet {
        let waited = waiting();
        let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are initialised by these calls; the signals exist.
        unsafe {
            let mut ours = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(ours.as_mut_ptr());
            for signal in SIGNALS {
                libc::sigaddset(ours.as_mut_ptr(), signal);
            }
            libc::sigemptyset(mask.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, ours.as_ptr(), mask.as_mut_ptr());
            Quiet { mask: mask.assume_init(), waited }
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the calling thread's own `errno`.
        let kept = unsafe { *errno() };
        for ((signal, waits), waited) in SIGNALS.into_iter().zip(waiting()).zip(self.waited) {
            if waits && !waited {
                take(signal);
            }
        }
        // SAFETY: the mask that `begin` read; the calling thread's own `errno`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.mask, null_mut());
            *errno() = kept;
        }
    }
}

/// Which of the signals wait for this thread.
fn waiting() -> [bool; 2] {
    let mut waiting = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised before it is asked.
    unsafe {
        libc::sigemptyset(waiting.as_mut_ptr());
        libc::sigpending(waiting.as_mut_ptr());
        SIGNALS.map(|signal| libc::sigismember(waiting.as_ptr(), signal) == 1)
    }
}

/// Takes a signal that waits for this thread, which blocks it.
fn take(signal: c_int) {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised before it is used; no result is asked for.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        #[cfg(target_os = "linux")]
        {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(set.as_ptr(), null_mut(), &raw const at_once);
        }
        #[cfg(not(target_os = "linux"))]
        libc::sigwait(set.as_ptr(), &mut 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_a_signal_that_waited_before_stays() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let file = std::os::fd::AsRawFd::as_raw_fd(&writer);
        let write = || {
            let _quiet = Quiet::begin();
            write_all(file, b"to no reader", 0)
        };
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the set is initialised; the signal is blocked for this thread, which gets it.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), null_mut());
        }
        assert_eq!(write().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(waiting(), [false; 2]);
        // SAFETY: as above.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
        assert_eq!(write().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(waiting(), [false, true]);
        take(libc::SIGPIPE);
        assert_eq!(waiting(), [false; 2]);
    }
}
