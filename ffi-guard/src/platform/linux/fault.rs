//! The handler of faults, and the stacks that it runs on.
//!
//! Everything here may run in a signal handler: nothing is allocated, no lock is taken.

use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};

use libc::{SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_SIGINFO, SIG_DFL, SIG_IGN, SIGBUS, SIGSEGV};

pub(crate) use super::copy::in_a_copy;
use super::loaded;
use crate::platform::fault::{Access, Answer, Fault};
use crate::platform::process::Errno;
use crate::platform::thread::{self, AtExit};

/// The `fn(&Fault) -> Answer` of each owner, or null.
static OWNERS: [AtomicPtr<()>; 6] = [const { AtomicPtr::new(null_mut()) }; 6];

/// Has `owner` asked about every fault, in a signal handler. Adding it twice is the same as once.
pub(crate) fn add_owner(owner: fn(&Fault) -> Answer) {
    let new = owner as *mut ();
    for place in &OWNERS {
        match place.compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(there) if there == new => return,
            Err(_) => {}
        }
    }
}

fn ask(fault: &Fault) -> Answer {
    for place in &OWNERS {
        let owner = place.load(Ordering::Acquire);
        if owner.is_null() {
            break;
        }
        // SAFETY: not null, so it is what `add_owner` stored, a `fn(&Fault) -> Answer`.
        let answer = unsafe { std::mem::transmute::<*mut (), fn(&Fault) -> Answer>(owner)(fault) };
        if answer != Answer::NotMine {
            return answer;
        }
    }
    Answer::NotMine
}

/// `ABSENT` -> `COMING` -> `THERE`.
static STATE: AtomicU8 = AtomicU8::new(ABSENT);
const ABSENT: u8 = 0;
const COMING: u8 = 1;
const THERE: u8 = 2;

/// The handler that had a signal before us. Written once, before our handler can run.
struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: only the thread that moved `STATE` to `COMING` writes it, before it installs the handler
// that reads it.
unsafe impl Sync for Before {}

static BEFORE_SEGV: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));
static BEFORE_BUS: Before = Before(UnsafeCell::new(MaybeUninit::uninit()));

/// The number of Rust's blocks after which a program is taken not to begin in Rust.
const PATIENCE: u32 = 256;
/// The number of C's blocks after which a program is taken not to begin in Rust: it may have C
/// libraries whose constructors allocate thousands.
const PATIENCE_WITH_C: u32 = 1 << 16;

/// Installs the handler if Rust's runtime has installed its own, or never will. Called for every
/// block of Rust's or of C's: one load once it is there.
#[inline]
pub(crate) fn install_after_rust(is_rusts: bool) {
    if STATE.load(Ordering::Relaxed) != THERE {
        install_if_due(is_rusts);
    }
}

#[cold]
fn install_if_due(is_rusts: bool) {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    static ASKED_BY_C: AtomicU32 = AtomicU32::new(0);
    let is_late = match is_rusts {
        true => ASKED.fetch_add(1, Ordering::Relaxed) >= PATIENCE,
        // This heap was loaded before everything else, by a program of C's: some have few blocks.
        false if !loaded::is_in_executable() => true,
        false => ASKED_BY_C.fetch_add(1, Ordering::Relaxed) >= PATIENCE_WITH_C,
    };
    if is_late || handler_of(SIGSEGV).is_some_and(|it| it != SIG_DFL) {
        install();
    }
}

fn handler_of(signal: c_int) -> Option<usize> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks, and writes into the struct given, which is read if that succeeded.
    unsafe { (libc::sigaction(signal, null(), action.as_mut_ptr()) == 0).then(|| action.assume_init().sa_sigaction) }
}

/// Installs the handler, once for the life of the process.
pub(crate) fn install() {
    if STATE.compare_exchange(ABSENT, COMING, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return;
    }
    for (signal, before) in [(SIGSEGV, &BEFORE_SEGV), (SIGBUS, &BEFORE_BUS)] {
        // SAFETY: the handler reads the former action, which this thread alone writes first. Zero
        // is a valid `sigaction`; all fields that count are set.
        unsafe {
            let before = (*before.0.get()).as_mut_ptr();
            if libc::sigaction(signal, null(), before) != 0 {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK;
            // No other signal comes in between while a fault is looked into.
            libc::sigfillset(&raw mut action.sa_mask);
            libc::sigaction(signal, &raw const action, null_mut());
        }
    }
    STATE.store(THERE, Ordering::Release);
}

unsafe extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = Errno::keep();
    // SAFETY: the kernel passes both, as the handler was installed with `SA_SIGINFO`.
    let (sent, fault) = unsafe { ((*info).si_code <= 0, fault(info, context.cast())) };
    match if sent { Answer::NotMine } else { ask(&fault) } {
        Answer::GoOn => {}
        Answer::End => end(signal),
        // SAFETY: the arguments are those that the kernel passed to this handler.
        Answer::NotMine => unsafe { pass_on(signal, info, context) },
    }
}

/// The facts of a fault.
///
/// # Safety
/// - The arguments are those that the kernel passed to a handler.
unsafe fn fault(info: *mut libc::siginfo_t, context: *const libc::ucontext_t) -> Fault {
    // SAFETY: the caller passes the kernel's arguments; the signal is one with an address.
    let (address, machine) = unsafe { ((*info).si_addr() as usize, &(*context).uc_mcontext) };
    #[cfg(target_arch = "x86_64")]
    {
        let register = |number: c_int| machine.gregs.get(number as usize).map_or(0, |&value| value as usize);
        // The page fault's error code: bit 1 a write, bit 4 an instruction fetch.
        let code = register(libc::REG_ERR);
        let access = match code {
            _ if code & 16 != 0 => Access::Execute,
            _ if code & 2 != 0 => Access::Write,
            _ => Access::Read,
        };
        let [ip, sp, bp] = [libc::REG_RIP, libc::REG_RSP, libc::REG_RBP].map(register);
        Fault { address, access, ip, sp, bp, argument: register(libc::REG_RDI) }
    }
    #[cfg(target_arch = "aarch64")]
    {
        let (ip, sp, bp) = (machine.pc as usize, machine.sp as usize, machine.regs[29] as usize);
        Fault { address, access: Access::Unknown, ip, sp, bp, argument: machine.regs[0] as usize }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = machine;
        Fault { address, access: Access::Unknown, ip: 0, sp: 0, bp: 0, argument: 0 }
    }
}

/// Ends the process by this signal once the handler has returned: with the registers of the fault
/// in the core file, and the exit status that it would have had.
fn end(signal: c_int) {
    set_default(signal);
    // The signal is blocked while the handler runs, so it comes when the handler returns.
    // SAFETY: no precondition.
    unsafe { libc::raise(signal) };
}

pub(super) fn set_default(signal: c_int) {
    // SAFETY: a zeroed `sigaction` is the default action with an empty mask.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, null_mut());
    }
}

/// Passes a signal on to the handler that had it before, under the mask that it asked for.
///
/// # Safety
/// - The arguments are those that the kernel passed to our handler.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = if signal == SIGBUS { &BEFORE_BUS } else { &BEFORE_SEGV };
    // SAFETY: written before this handler was installed, and never again.
    let before = unsafe { (*before.0.get()).assume_init_ref() };
    // SAFETY: the caller passes the kernel's arguments.
    let sent = unsafe { (*info).si_code <= 0 };
    match before.sa_sigaction {
        SIG_IGN if sent => return,
        SIG_DFL | SIG_IGN => {
            // A fault comes again when the instruction runs again; a signal that was sent does not.
            set_default(signal);
            if sent {
                // SAFETY: no precondition.
                unsafe { libc::raise(signal) };
            }
            return;
        }
        _ => {}
    }
    if before.sa_flags & SA_RESETHAND != 0 {
        set_default(signal);
    }
    let mut kept = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the context is the kernel's; its mask is the interrupted code's. The handler has the
    // type that its flags say.
    unsafe {
        let mut mask = (*context.cast::<libc::ucontext_t>()).uc_sigmask;
        for number in 1..64 {
            if libc::sigismember(&raw const before.sa_mask, number) == 1 {
                libc::sigaddset(&raw mut mask, number);
            }
        }
        if before.sa_flags & SA_NODEFER == 0 {
            libc::sigaddset(&raw mut mask, signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, kept.as_mut_ptr());
        if before.sa_flags & SA_SIGINFO != 0 {
            type Long = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Long>(before.sa_sigaction)(signal, info, context);
        } else {
            type Short = unsafe extern "C" fn(c_int);
            std::mem::transmute::<usize, Short>(before.sa_sigaction)(signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, kept.as_ptr(), null_mut());
    }
}

// --- stacks ---

/// Bytes of the stack that a thread's faults are looked into on. Rust's runtime gives its threads
/// some 8 KiB, too few for an unwinder.
const STACK: usize = 128 << 10;
/// Bytes without access below it.
const BELOW: usize = 64 << 10;

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Gives the calling thread a stack for its faults, if it has none that is large enough. Once for
/// each thread.
///
/// A thread that Rust code never ran on goes without: its faults are looked into on the stack that
/// it has.
pub(crate) fn give_stack() {
    if ASKED.try_with(|asked| asked.replace(true)) != Ok(false) {
        return;
    }
    let mut there = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: the first call only asks, and its answer is read if it succeeded. The new stack is
    // mapped for the thread, and unmapped after the thread has given it up.
    unsafe {
        if libc::sigaltstack(null(), there.as_mut_ptr()) != 0 {
            return;
        }
        let there = there.assume_init();
        let is_on_it = there.ss_flags & libc::SS_ONSTACK != 0;
        let is_enough = there.ss_flags & libc::SS_DISABLE == 0 && there.ss_size >= STACK;
        if is_on_it || is_enough {
            return;
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let at = libc::mmap(null_mut(), BELOW + STACK, libc::PROT_NONE, flags, -1, 0);
        if at == libc::MAP_FAILED {
            return;
        }
        let low = at.wrapping_byte_add(BELOW);
        let stack = libc::stack_t { ss_sp: low, ss_flags: 0, ss_size: STACK };
        let given = libc::mprotect(low, STACK, libc::PROT_READ | libc::PROT_WRITE) == 0
            && libc::sigaltstack(&raw const stack, null_mut()) == 0;
        static AT_EXIT: AtExit = AtExit::new();
        // The first thread's stack stays: no hook of its keys runs at the end of the process.
        if !given || !thread::on_exit(&AT_EXIT, take_stack, at) {
            let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            if given {
                libc::sigaltstack(&raw const none, null_mut());
            }
            libc::munmap(at, BELOW + STACK);
        }
    }
}

/// Unmaps the thread's stack for faults when it ends.
unsafe extern "C" fn take_stack(at: *mut c_void) {
    let mut there = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: `at` is what `give_stack` mapped. If it is still the thread's, the thread gives it up
    // first.
    unsafe {
        if libc::sigaltstack(null(), there.as_mut_ptr()) == 0
            && there.assume_init_ref().ss_sp == at.wrapping_byte_add(BELOW)
        {
            let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            if libc::sigaltstack(&raw const none, null_mut()) != 0 {
                // A handler is running on it.
                return;
            }
        }
        libc::munmap(at, BELOW + STACK);
    }
}

/// Sleeps for a moment.
pub(crate) fn pause() {
    let moment = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // SAFETY: reads the struct given.
    unsafe { libc::nanosleep(&raw const moment, null_mut()) };
}
