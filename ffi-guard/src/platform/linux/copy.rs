//! A copy of the process that does what a signal handler may not: allocate, take locks, read debug
//! information. Any damage is the copy's alone.
//!
//! The copy has one thread, so a lock that another thread held at that moment stays held in it. Our
//! own are passed through (`lock::pass_through`). Before the copy is made, the gate is closed
//! around those that other libraries own (`fork_gate`), if the threads inside leave it soon.
//! Whatever is left, such as the loader's lock held by a thread of the program, the copy would wait
//! for in vain: it is ended once it has only slept for a while.

use std::ffi::{c_int, c_void};
use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use libc::{SIGABRT, SIGALRM, SIGBUS, SIGKILL, SIGSEGV, pid_t};

use super::fault::{pause, set_default};
use crate::platform::process::Line;
use crate::platform::unix::process::errno;
use crate::platform::{fork_gate, lock};

/// Bytes of the copy's stack: reading debug information goes deep.
const STACK: usize = 8 << 20;
/// Moments that are waited for other threads to leave the gate: a first look into the debug
/// information of a large program takes seconds.
const GATE: u32 = 3000;
/// Moments without a break that the copy may sleep.
const ASLEEP: u32 = 4000;

/// Runs `work` in a copy of this process, which has this thread alone, and waits for it. `work` may
/// take `seconds` of the processor's time. True if it ended and returned true.
///
/// No handler of `fork` runs, and the program does not learn of the child.
pub(crate) fn in_a_copy(work: fn(*mut c_void) -> bool, with: *mut c_void, seconds: u32) -> bool {
    struct Order(fn(*mut c_void) -> bool, *mut c_void, u32);
    extern "C" fn child(order: *mut c_void) -> c_int {
        // SAFETY: the copy's own image of `order` below.
        let Order(work, with, seconds) = unsafe { &*order.cast::<Order>() };
        lock::pass_through();
        for signal in [SIGSEGV, SIGBUS, SIGABRT, SIGALRM, libc::SIGXCPU] {
            set_default(signal);
        }
        // SAFETY: this process is ours to end, by an alarm that no handler of the program's gets.
        unsafe {
            let mut none = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), null_mut());
            // On a busy machine the clock runs on while the copy does not: so it is its own time
            // that is limited, and the clock in case that it hangs in the kernel.
            let seconds = *seconds;
            let own = libc::rlimit { rlim_cur: seconds.into(), rlim_max: seconds.into() };
            libc::setrlimit(libc::RLIMIT_CPU, &raw const own);
            libc::alarm(seconds.saturating_mul(10));
            // Its end, whatever it is, leaves no core file: the program's own would look the same.
            let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
        }
        let well = work(*with);
        // SAFETY: ends the copy without the handlers that the program has registered for its end.
        unsafe { libc::_exit(if well { 0 } else { 1 }) }
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // Without it the copy may wait for a lock, and is ended.
    let closed = fork_gate::close_soon(GATE, pause);
    // SAFETY: the mapping is new; the child runs on it in its own copy of the memory.
    unsafe {
        let stack = libc::mmap(null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if stack == libc::MAP_FAILED {
            return false;
        }
        let mut order = Order(work, with, seconds);
        // Without a signal to the parent, so that no handler and no wait of the program's sees it.
        let copy = libc::clone(child, stack.wrapping_byte_add(STACK - 64), 0, (&raw mut order).cast());
        drop(closed);
        let well = copy > 0 && wait_for(copy);
        libc::munmap(stack, STACK);
        well
    }
}

/// Waits until the copy has ended, or ends it if it only sleeps. True if it ended well.
fn wait_for(copy: pid_t) -> bool {
    let (mut status, mut asleep) = (0, 0);
    loop {
        let flags = libc::__WALL | if asleep < ASLEEP { libc::WNOHANG } else { 0 };
        // SAFETY: writes into the word given. `errno` is the calling thread's own.
        let (ended, error) = unsafe { (libc::waitpid(copy, &raw mut status, flags), *errno()) };
        if ended == copy {
            return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        }
        if ended < 0 && error != libc::EINTR {
            return false;
        }
        pause();
        asleep = if may_be_asleep(copy) { asleep + 1 } else { 0 };
        if asleep >= ASLEEP {
            // SAFETY: a child of ours that was not waited for yet, so the number is still its own.
            unsafe { libc::kill(copy, SIGKILL) };
        }
    }
}

/// True if a process sleeps, as the kernel tells: it waits for a lock or for the reader of a pipe.
/// True if the kernel does not tell: without its files no names are found, either.
fn may_be_asleep(process: pid_t) -> bool {
    let mut path = Line::new();
    let _ = write!(path, "/proc/{process}/stat\0");
    let mut text = [0_u8; 128];
    // SAFETY: a C string; a live buffer and its length; closed once.
    let len = unsafe {
        let file = libc::open(path.as_bytes().as_ptr().cast(), libc::O_RDONLY | libc::O_CLOEXEC);
        let len = if file < 0 { 0 } else { libc::read(file, text.as_mut_ptr().cast(), text.len()) };
        libc::close(file);
        len
    };
    // `123 (name) S ..`, where the name may hold anything.
    let text = usize::try_from(len).ok().and_then(|len| text.get(..len)).unwrap_or_default();
    let name = text.iter().rposition(|&byte| byte == b')');
    name.and_then(|end| text.get(end + 2)).is_none_or(|&state| state == b'S')
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;
    use std::sync::Mutex;

    use super::*;
    use crate::platform::lock::Locked;

    static OURS: Locked<u32> = Locked::new(0);
    static THEIRS: Mutex<()> = Mutex::new(());

    #[test]
    fn the_copy_passes_our_locks_and_is_ended_at_others() {
        // A thread that holds both, until this test has ended.
        let (held, wait) = std::sync::mpsc::channel();
        let (let_go, until) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            OURS.with(|_| {
                let _theirs = THEIRS.lock();
                held.send(()).unwrap();
                let _ = until.recv();
            });
        });
        wait.recv().unwrap();
        assert!(in_a_copy(|_| true, null_mut(), 600));
        assert!(in_a_copy(|_| OURS.with(|n| *n == 0), null_mut(), 600), "a lock of ours keeps the copy");
        assert!(!in_a_copy(|_| THEIRS.lock().is_ok(), null_mut(), 600), "the lock was free");
        drop(let_go);
        holder.join().unwrap();
    }
}
