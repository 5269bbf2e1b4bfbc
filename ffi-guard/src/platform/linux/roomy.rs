//! A stack of the guard's own, for work that goes deeper than a thread of the program may have room
//! for.

use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Bytes of such a stack: reading debug information goes deep.
const STACK: usize = 512 << 10;
/// Bytes without access below it.
const BELOW: usize = 64 << 10;

/// A stack that no thread is using, or null.
static SPARE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

thread_local! {
    /// True if this thread is on such a stack.
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` on a stack with room for anything that the guard does: on another one than the
/// caller's, unless that is one already. On the caller's if there is no memory. Takes no lock, and
/// may be called in a signal handler.
///
/// Backtraces go on from one stack to the other, and so do panics; but addresses of frames say
/// nothing about depth while `f` runs.
pub(crate) fn with_room<R>(f: impl FnOnce() -> R) -> R {
    struct Work<F, R> {
        f: Option<F>,
        result: Option<std::thread::Result<R>>,
    }
    extern "sysv64" fn work<F: FnOnce() -> R, R>(work: *mut c_void) {
        // SAFETY: `with_room` passes its own `Work` of these types, which it leaves alone
        // meanwhile.
        let work = unsafe { &mut *work.cast::<Work<F, R>>() };
        work.result = work.f.take().map(|f| catch_unwind(AssertUnwindSafe(f)));
    }
    if IS_ON.get() {
        return f();
    }
    let Some(stack) = Stack::take() else { return f() };
    fn of<F: FnOnce() -> R, R>(_: &Work<F, R>) -> extern "sysv64" fn(*mut c_void) {
        work::<F, R>
    }
    let mut it = Work { f: Some(f), result: None };
    let run = of(&it);
    IS_ON.set(true);
    // SAFETY: the stack is this call's alone, and `run` takes what it is given, and does not
    // unwind.
    unsafe { ffi_guard_on_stack(run, (&raw mut it).cast(), stack.top()) };
    IS_ON.set(false);
    drop(stack);
    match it.result {
        Some(Ok(result)) => result,
        Some(Err(panic)) => resume_unwind(panic),
        None => unreachable!("`work` ran to its end"),
    }
}

/// A stack in use: the whole mapping.
struct Stack(*mut c_void);

impl Stack {
    fn take() -> Option<Stack> {
        let spare = SPARE.swap(null_mut(), Ordering::Acquire);
        if !spare.is_null() {
            return Some(Stack(spare));
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping.
        let at = unsafe { libc::mmap(null_mut(), BELOW + STACK, libc::PROT_NONE, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return None;
        }
        let stack = Stack(at);
        // SAFETY: inside the new mapping.
        let open = unsafe { libc::mprotect(at.wrapping_byte_add(BELOW), STACK, libc::PROT_READ | libc::PROT_WRITE) };
        (open == 0).then_some(stack)
    }

    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(BELOW + STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if SPARE.compare_exchange(null_mut(), self.0, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: mapped by `take`, and not in use.
            unsafe { libc::munmap(self.0, BELOW + STACK) };
        }
    }
}

// The description of the frame is by the frame pointer, so that an unwinder finds the caller on the
// other stack. Weak: of two copies of the crate in one program one is taken.
std::arch::global_asm!(
    ".pushsection .text.ffi_guard_on_stack,\"ax\",@progbits",
    ".weak ffi_guard_on_stack",
    ".hidden ffi_guard_on_stack",
    ".type ffi_guard_on_stack,@function",
    "ffi_guard_on_stack:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rsp, rdx",
    "mov rax, rdi",
    "mov rdi, rsi",
    "call rax",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    ".size ffi_guard_on_stack, . - ffi_guard_on_stack",
    ".popsection",
);

unsafe extern "sysv64" {
    /// Calls `run(with)` with the stack pointer at `top`, a multiple of 16.
    fn ffi_guard_on_stack(run: extern "sysv64" fn(*mut c_void), with: *mut c_void, top: *mut c_void);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_runs_elsewhere_and_comes_back() {
        fn here() -> usize {
            let local = 0_u8;
            (&raw const local).addr()
        }
        let text = "owned".to_owned();
        let (inner, length) = with_room(|| (here(), text.len() + with_room(|| 1)));
        assert!(inner.abs_diff(here()) > STACK / 4, "the same stack");
        assert_eq!(length, 6);
        let depth = with_room(|| {
            let room = std::hint::black_box([1_u8; STACK / 2]);
            room.iter().map(|&byte| usize::from(byte)).sum::<usize>()
        });
        assert_eq!(depth, STACK / 2);
        let panicked = catch_unwind(|| with_room(|| std::panic::resume_unwind(Box::new(7)))).unwrap_err();
        assert_eq!(panicked.downcast_ref::<i32>(), Some(&7));
        assert!(!IS_ON.get());
    }

    #[test]
    fn a_backtrace_goes_on_from_one_stack_to_the_other() {
        let mut frames = 0;
        let mut above = false;
        let own = crate::platform::stack::bounds();
        with_room(|| {
            // SAFETY: needs no synchronisation on this platform.
            unsafe {
                backtrace::trace_unsynchronized(|frame| {
                    frames += 1;
                    above |= own.contains(&frame.sp().addr());
                    true
                });
            }
        });
        assert!(above && frames > 5, "{frames}");
    }
}
