//! The handler of `SIGABRT`.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use libc::{SA_SIGINFO, SIG_DFL, SIG_IGN, SIGABRT};

use crate::platform::abort::Abort;
use crate::platform::process::Errno;

/// The handler that had the signal before us. Written once, before our handler can run.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: `install` lets one thread through, which writes it before it installs the handler that
// reads it.
unsafe impl Sync for Before {}

static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));
/// A `fn(&Abort)` or null; null again after the first call.
static TELL: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// Has `tell` called before the process ends by `abort`. Once for the life of the process; one
/// system call.
pub(crate) fn install(tell: fn(&Abort)) {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if INSTALLED.swap(true, Ordering::AcqRel) {
        return;
    }
    TELL.store(tell as *mut (), Ordering::Release);
    // SAFETY: the handler reads the former action, which is written first. Zero is a valid
    // `sigaction`; all fields that count are set.
    unsafe {
        let before = (*BEFORE.0.get()).as_mut_ptr();
        if libc::sigaction(SIGABRT, null(), before) != 0 {
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        // On the thread's own stack, which has room, since `abort` was called on it.
        action.sa_flags = SA_SIGINFO;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(SIGABRT, &raw const action, null_mut());
    }
}

unsafe extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = Errno::keep();
    // SAFETY: the kernel passes both, as the handler was installed with `SA_SIGINFO`. `raise` comes
    // from this thread itself.
    let (raised, machine) = unsafe {
        let own = (*info).si_code == libc::SI_TKILL && (*info).si_pid() == libc::getpid();
        (own, &(*context.cast::<libc::ucontext_t>()).uc_mcontext)
    };
    // An abort while `tell` runs is not reported. On an alternate stack there is no room for
    // `tell`, and what aborts there is a handler of another signal, as Rust's is when a stack
    // overflows: no function of the C allocator's.
    let tell = if raised && !is_on_alternate_stack() { TELL.swap(null_mut(), Ordering::AcqRel) } else { null_mut() };
    if !tell.is_null() {
        let mut registers = [0; 16];
        for (to, from) in registers.iter_mut().zip(machine.gregs) {
            *to = from as usize;
        }
        let sp = machine.gregs.get(libc::REG_RSP as usize).map_or(0, |&sp| sp as usize);
        // SAFETY: not null, so it is what `install` stored, a `fn(&Abort)`.
        unsafe { std::mem::transmute::<*mut (), fn(&Abort)>(tell)(&Abort { registers, sp }) };
    }
    // SAFETY: the arguments are those that the kernel passed to this handler.
    unsafe { pass_on(signal, info, context) };
}

/// True if the calling thread runs on its stack for signals.
fn is_on_alternate_stack() -> bool {
    let mut there = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: only asks, and the answer is read if there is one.
    unsafe {
        libc::sigaltstack(null(), there.as_mut_ptr()) == 0 && there.assume_init().ss_flags & libc::SS_ONSTACK != 0
    }
}

/// Passes the signal on to the handler that had it before. By default the process ends by it, once
/// our handler has returned.
///
/// # Safety
/// - The arguments are those that the kernel passed to our handler.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: written before this handler was installed, and never again.
    let before = unsafe { (*BEFORE.0.get()).assume_init_ref() };
    match before.sa_sigaction {
        SIG_IGN => {}
        // SAFETY: a zeroed `sigaction` is the default action with an empty mask.
        SIG_DFL => unsafe {
            let action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, &raw const action, null_mut());
            libc::raise(signal);
        },
        // SAFETY: the handler has the type that its flags say, and the caller passes the kernel's
        // arguments.
        handler if before.sa_flags & SA_SIGINFO != 0 => unsafe {
            type Long = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Long>(handler)(signal, info, context);
        },
        // SAFETY: without `SA_SIGINFO` the handler takes the signal's number alone.
        handler => unsafe {
            type Short = unsafe extern "C" fn(c_int);
            std::mem::transmute::<usize, Short>(handler)(signal);
        },
    }
}
