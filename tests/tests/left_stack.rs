//! Variables of functions that have returned: C that is handed their addresses, gets them back, or
//! keeps them by right. And the stacks that look so and are not: coroutines that lie in a variable,
//! signal handlers, frames that were jumped over.

#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use c_fixtures::dangling_field::{Label, bad_label_length};
use c_fixtures::left_stack::{self as c, Cell};
use c_fixtures::nested_pointer::ok_sum_array;
use c_fixtures::stacks::{coroutine_resume, coroutine_start, coroutine_yield};
use ffi_guard::{Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, at_levels};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// The address of a variable of a function that has returned. `deep`: how far down it was.
#[inline(never)]
fn left(deep: usize) -> *mut i64 {
    let mut room = black_box([7_i64; 16]);
    if deep > 0 {
        return black_box(left(deep - 1));
    }
    black_box(room.as_mut_ptr())
}

#[test]
fn an_argument_that_leads_there_is_found() {
    at_levels("an_argument_that_leads_there_is_found", &["1", "2", "3"], || {
        // Below the frames of `catch`.
        for deep in [30, 50, 200] {
            let gone = left(deep);
            // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
            let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::read(gone) } });
            let report = violation.to_string();
            assert!(report.contains("`value` of `read` points to a stack frame that is gone"), "{report}");
            assert!(!report.contains("freed"), "{report}");
            // Often enough that a call may take the fast path.
            for _ in 0..100 {
                let live = 3;
                // SAFETY: a live variable.
                assert_eq!(unsafe { c::read(&raw const live) }, 3);
            }
            // SAFETY: as above.
            expect_violation!(Rule::DanglingPointer, { unsafe { c::read(gone) } });
        }
    });
}

#[test]
fn a_field_that_leads_there_is_found() {
    at_levels("a_field_that_leads_there_is_found", &["1", "2"], || {
        let cell = Cell { value: left(40), count: ptr::null_mut() };
        // SAFETY: not sound: stopped before C reads.
        let violation = expect_violation!(Rule::DanglingField, { unsafe { c::read_cell(&raw const cell) } });
        assert!(violation.to_string().contains("`value`"), "{violation}");
        let boxed = Box::new(cell);
        // SAFETY: as above.
        expect_violation!(Rule::DanglingField, { unsafe { c::read_cell(&raw const *boxed) } });
        // SAFETY: as above.
        expect_violation!(Rule::DanglingPointer, { unsafe { c::read_cell_by_value(cell) } });
        let label = Label { width: 3, text: left(40).cast() };
        // SAFETY: as above.
        expect_violation!(Rule::DanglingField, { unsafe { bad_label_length(&raw const label) } });

        let live = [1_i64, 2];
        let cell = Cell { value: &raw const live[1], count: ptr::null_mut() };
        // SAFETY: live variables.
        unsafe {
            assert_eq!(catch(|| c::read_cell(&raw const cell)).expect("clean"), 2);
            assert_eq!(catch(|| c::read_cell_by_value(cell)).expect("clean"), 2);
        }
    });
}

#[inline(never)]
fn keep_a_local() {
    let mut local = black_box([9_i64; 20]);
    // SAFETY: not sound: C keeps it longer than the variable lives.
    unsafe { c::ok_keep(&raw mut local[10]) };
    black_box(&local);
}

#[inline(never)]
fn keep_an_untyped_local() {
    let mut local = black_box([9_i64; 20]);
    // SAFETY: not sound, as above.
    unsafe { c::ok_keep_untyped((&raw mut local[10]).cast()) };
    black_box(&local);
}

/// Calls from far down, so that what is called from here then has its frames above.
#[inline(never)]
fn from_below(deep: usize, call: fn()) {
    let room = black_box([7_i64; 32]);
    if deep > 0 {
        from_below(deep - 1, call)
    } else {
        call()
    }
    black_box(room);
}

#[test]
fn what_c_returns_or_hands_in_from_there_is_found() {
    unsafe extern "C" fn unguarded(_: *mut i64) {}
    #[ffi_guard::guard]
    unsafe extern "C" fn handed(value: *mut i64) {
        black_box(value);
    }
    at_level("what_c_returns_or_hands_in_from_there_is_found", "1", || {
        from_below(40, keep_a_local);
        // SAFETY: only the address is looked at.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { c::kept() } });
        assert!(violation.to_string().contains("returned a pointer to a stack frame that is gone"), "{violation}");
        // SAFETY: the address is only looked at.
        unsafe { c::notify(unguarded) };
        // SAFETY: as above.
        expect_violation!(Rule::DanglingPointer, { unsafe { c::notify(handed) } });
        c::forget();
        // A variable of C's own, further up, is alive.
        // SAFETY: C's own.
        assert_eq!(catch(|| unsafe { c::own(handed) }).expect("clean"), 10);
    });
}

#[test]
fn c_still_holds_what_it_may_keep_when_the_frame_is_left() {
    at_level("c_still_holds_what_it_may_keep_when_the_frame_is_left", "2", || {
        for keep in [keep_a_local as fn(), keep_an_untyped_local] {
            from_below(40, keep);
            let violation = expect_violation!(Rule::FreedWhileRetained, { c::nothing() });
            let report = violation.to_string();
            assert!(report.contains("left while C holds it"), "{report}");
            assert!(report.contains("ffg_stack_value"), "{report}");
            // Told once.
            assert_eq!(c::nothing(), 0);
            // At the end of `catch`, and at a checkpoint.
            expect_violation!(Rule::FreedWhileRetained, { keep() });
            from_below(40, keep);
            expect_violation!(Rule::FreedWhileRetained, { checkpoint() });
            c::forget();
        }
    });
}

#[test]
fn c_that_lets_go_in_time_is_quiet() {
    #[inline(never)]
    fn keep_and_forget() {
        let mut local = black_box([9_i64; 20]);
        // SAFETY: C lets go in time.
        unsafe { c::ok_keep(&raw mut local[10]) };
        for _ in 0..200 {
            assert_eq!(c::nothing(), 0);
        }
        c::forget();
    }
    #[inline(never)]
    fn below(deep: usize) {
        let local = black_box([3_i64; 8]);
        // SAFETY: a live variable.
        assert_eq!(unsafe { c::read(local.as_ptr()) }, 3);
        if deep > 0 {
            below(deep - 1);
        }
        checkpoint();
    }
    at_level("c_that_lets_go_in_time_is_quiet", "2", || {
        for _ in 0..100 {
            keep_and_forget();
            assert_eq!(c::nothing(), 0);
        }
        // Held by right for long, with calls from below and from the same function.
        let mut local = black_box([9_i64; 20]);
        // SAFETY: C lets go in time.
        unsafe { c::ok_keep(&raw mut local[10]) };
        for _ in 0..100 {
            below(3);
            assert_eq!(c::nothing(), 0);
            // SAFETY: a live variable.
            assert_eq!(unsafe { *c::kept() }, 9);
            catch(|| below(1)).expect("clean");
        }
        c::forget();
        checkpoint();
        // Repaired: it is not on the stack.
        let value = ffi_guard::Pinned::new(5_i64);
        // SAFETY: C lets go in time.
        unsafe { c::ok_keep(value.as_ptr().cast_mut()) };
        assert_eq!(c::nothing(), 0);
        c::forget();
    });
}

#[test]
fn an_untyped_variable_that_c_keeps_is_found() {
    at_level("an_untyped_variable_that_c_keeps_is_found", "2", || {
        let mut local = black_box([1_i64; 4]);
        // SAFETY: alive until it is forgotten.
        let mut keep = || unsafe { c::bad_keep_untyped((&raw mut local).cast()) };
        let violation = expect_violation!(Rule::RetainedPointer, { keep() });
        assert!(violation.to_string().contains("`value`"), "{violation}");
        c::forget();
    });
}

/// Calls C with a variable that has others on both sides, and gives back what is told of it.
macro_rules! surrounded {
    ($local:ident: $ty:ty = $value:expr, $call:expr) => {{
        #[inline(never)]
        fn call() -> Option<ffi_guard::Violation> {
            let mut above = black_box([0x5555_5555_u32; 32]);
            let mut $local: $ty = $value;
            let mut below = black_box([0x5555_5555_u32; 32]);
            black_box((&mut above, &mut $local, &mut below));
            // SAFETY: what C overwrites are the other two, which are not read after it.
            let violation = catch(|| unsafe { $call }).err();
            black_box((&mut above, &mut $local, &mut below));
            violation
        }
        call()
    }};
}

#[test]
#[cfg(debug_assertions)]
fn c_that_writes_behind_a_variable_is_found() {
    at_level("c_that_writes_behind_a_variable_is_found", "2", || {
        let violation = surrounded!(info: c::Info = c::Info::default(), c::bad_fill(&raw mut info)).expect("longer");
        let report = violation.to_string();
        assert_eq!(violation.rule(), Rule::BufferOverflow, "{report}");
        assert!(report.contains("C wrote 16 bytes past the end of `info` on the stack"), "{report}");
        assert!(report.contains("the variable `info`"), "{report}");
        let violation = surrounded!(count: i32 = 0, c::bad_count(&raw mut count)).expect("wider");
        assert!(violation.to_string().contains("4 bytes past the end of `count`"), "{violation}");
        let text = surrounded!(text: [std::ffi::c_char; 8] = [0; 8], c::write((&raw mut text).cast(), 25));
        let violation = text.expect("too much");
        // Where there are several threads as well.
        let on_another = || surrounded!(count: i32 = 0, c::bad_count(&raw mut count)).map(|it| it.rule());
        let told = std::thread::spawn(on_another).join().expect("a violation is a value");
        assert_eq!(told, Some(Rule::BufferOverflow));
        assert!(violation.to_string().contains("17 bytes past the end of `to`"), "{violation}");
        assert!(violation.to_string().contains("the variable `text`"), "{violation}");
    });
}

#[test]
fn c_that_stays_within_a_variable_is_quiet() {
    #[inline(never)]
    fn counts() {
        let mut counts = [0_i64; 1];
        let mut info = c::Info::default();
        let mut count = 0_i64;
        for cell in [&raw mut counts[0], &raw mut count] {
            let cell = Cell { value: ptr::null(), count: cell };
            // SAFETY: live variables.
            unsafe { c::count_and_fill(&raw const cell, &raw mut info) };
        }
        assert_eq!((counts[0], count, info.id), (1, 1, 1));
    }
    at_level("c_that_stays_within_a_variable_is_quiet", "2", || {
        for _ in 0..3 {
            assert!(surrounded!(info: c::Info = c::Info::default(), c::ok_fill(&raw mut info)).is_none());
            assert!(surrounded!(count: i32 = 0, c::ok_count(&raw mut count)).is_none());
            assert!(
                surrounded!(text: [std::ffi::c_char; 64] = [0; 64], c::write((&raw mut text).cast(), 64)).is_none()
            );
            assert!(
                surrounded!(all: [c::Info; 3] = [c::Info::default(); 3], c::bad_fill((&raw mut all).cast())).is_none()
            );
            assert!(surrounded!(pair: (i32, i32) = (1, -1), c::bad_count(&raw mut pair.0)).is_none());
            counts();
        }
    });
}

/// Lends one of two variables, one right behind the other, while another thread writes the second.
#[inline(never)]
fn write_beside_another_thread() {
    let (mut one, mut other) = ([0_u8; 16], [0_u8; 16]);
    let (first, second) = match one.as_ptr() < other.as_ptr() {
        true => (&mut one, &mut other),
        false => (&mut other, &mut one),
    };
    assert_eq!(first.as_ptr().addr() + 16, second.as_ptr().addr(), "one lies right behind the other");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while c::is_waiting() == 0 {
                std::thread::yield_now();
            }
            second[0] = 1;
            c::go_on();
        });
        // SAFETY: as many bytes as the variable has.
        unsafe { c::write_and_wait(first.as_mut_ptr().cast(), first.len()) };
    });
    assert_eq!((first[15], second[0]), (b'w', 1));
}

#[test]
fn what_another_thread_writes_behind_a_variable_is_its_own() {
    at_level("what_another_thread_writes_behind_a_variable_is_its_own", "2", write_beside_another_thread);
}

/// Calls with variables of each frame on the way down, and of the frames above.
#[inline(never)]
fn go_down(deep: usize, above: &[i64; 4]) {
    let own = black_box([deep as i64, 1, 2, 3]);
    let cell = Cell { value: &raw const above[1], count: ptr::null_mut() };
    // SAFETY: live variables.
    unsafe {
        assert_eq!(ok_sum_array(own.as_ptr(), 4), deep as i64 + 6);
        assert_eq!(c::read(above.as_ptr()), above[0]);
        assert_eq!(c::read_cell(&raw const cell), above[1]);
        assert_eq!(c::read_cell_by_value(cell), above[1]);
    }
    if deep > 0 {
        go_down(deep - 1, &own);
    }
}

#[test]
fn live_frames_are_quiet() {
    at_levels("live_frames_are_quiet", &["1", "2"], || {
        for _ in 0..50 {
            go_down(5, &[1, 2, 3, 4]);
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..50).for_each(|_| go_down(5, &[1, 2, 3, 4])));
            }
        });
        checkpoint();
    });
}

static SHARED: AtomicPtr<i64> = AtomicPtr::new(ptr::null_mut());

/// On a coroutine: uses what whoever resumed it has on its stack, which may lie below.
unsafe extern "C" fn uses_the_resumers(_: *mut c_void) {
    for _ in 0..20 {
        let there = SHARED.load(Ordering::Relaxed);
        let cell = Cell { value: there, count: ptr::null_mut() };
        // SAFETY: a variable of the resumer's, which waits.
        unsafe {
            assert_eq!(c::read(there), 5);
            assert_eq!(c::read_cell(&raw const cell), 5);
            assert_eq!(c::read_cell_by_value(cell), 5);
            c::ok_keep(there);
            assert_eq!(c::kept(), there);
            c::forget();
        }
        go_down(2, &[1, 2, 3, 4]);
        // SAFETY: on a coroutine.
        unsafe { coroutine_yield() };
    }
}

/// Resumes it from a frame with a variable that it uses.
#[inline(never)]
fn resume_from(deep: usize, first: Option<&mut [u8]>) -> c_int {
    let mut local = black_box([5_i64; 8]);
    SHARED.store(local.as_mut_ptr(), Ordering::Relaxed);
    match first {
        _ if deep > 0 => resume_from(deep - 1, first),
        // SAFETY: the stack outlives the coroutine.
        Some(stack) => unsafe {
            coroutine_start(uses_the_resumers, ptr::null_mut(), stack.as_mut_ptr().cast(), stack.len())
        },
        // SAFETY: it has yielded.
        None => unsafe { coroutine_resume() },
    }
}

#[test]
fn a_coroutine_whose_stack_is_a_variable_is_quiet() {
    static mut STATIC: [u8; 256 << 10] = [0; 256 << 10];
    #[inline(never)]
    fn run(stack: &mut [u8]) {
        let mut done = resume_from(3, Some(stack));
        let mut n = 0;
        while done == 0 {
            n += 1;
            go_down(1, &[1, 2, 3, 4]);
            done = resume_from(n % 7, None);
        }
        checkpoint();
    }
    at_levels("a_coroutine_whose_stack_is_a_variable_is_quiet", &["1", "2"], || {
        let mut stack = [0_u8; 256 << 10];
        run(&mut stack);
        let fixed: *mut [u8; 256 << 10] = &raw mut STATIC;
        // SAFETY: used here alone.
        run(unsafe { &mut *fixed });
        std::thread::spawn(|| run(&mut [0_u8; 256 << 10])).join().expect("clean");
    });
}

#[test]
fn frames_that_were_jumped_over_are_quiet() {
    #[inline(never)]
    fn deeper(n: usize, first: &i64) {
        let local = black_box([n as i64; 8]);
        // SAFETY: live variables; the frames that are jumped over own nothing.
        unsafe {
            c::read(local.as_ptr());
            c::read(first);
        }
        match n {
            // SAFETY: `catch_jump` is under way.
            0 => unsafe { c::jump() },
            _ => deeper(n - 1, first),
        }
    }
    unsafe extern "C" fn jump(user: *mut c_void) {
        // SAFETY: a live variable.
        deeper(3, unsafe { &*user.cast::<i64>() });
    }
    at_levels("frames_that_were_jumped_over_are_quiet", &["1", "2"], || {
        for _ in 0..50 {
            let mut local = black_box(8_i64);
            // SAFETY: a live variable.
            assert_eq!(unsafe { c::catch_jump(jump, (&raw mut local).cast()) }, 1);
            go_down(2, &[local, 2, 3, 4]);
        }
        // What lay there is gone all the same.
        let gone = left(40);
        // SAFETY: not sound: stopped before C reads.
        expect_violation!(Rule::DanglingPointer, { unsafe { c::read(gone) } });
    });
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn on_signal(_: c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
    let there = SHARED.load(Ordering::Relaxed);
    // SAFETY: a variable of the function that was interrupted.
    unsafe {
        assert_eq!(c::read(there), 5);
        let cell = Cell { value: there, count: ptr::null_mut() };
        assert_eq!(c::read_cell(&raw const cell), 5);
    }
}

#[test]
fn signal_handlers_are_quiet() {
    #[inline(never)]
    fn raise_from(deep: usize) {
        let mut local = black_box([5_i64; 8]);
        SHARED.store(local.as_mut_ptr(), Ordering::Relaxed);
        if deep > 0 {
            raise_from(deep - 1);
        } else {
            // SAFETY: the handler may run at any time.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        }
        black_box(&local);
    }
    /// With the handler's stack in a variable above, or in none.
    fn with_handler(flags: c_int, stack: &mut [u8]) {
        // SAFETY: the stack outlives the signals; the handler is a function of this signature.
        unsafe {
            let alternative = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
            assert_eq!(libc::sigaltstack(&raw const alternative, ptr::null_mut()), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = flags;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()), 0);
        }
        for deep in 0..20 {
            raise_from(deep);
        }
        let off = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: takes the stack away again.
        assert_eq!(unsafe { libc::sigaltstack(&raw const off, ptr::null_mut()) }, 0);
    }
    at_levels("signal_handlers_are_quiet", &["1", "2"], || {
        let run = || {
            with_handler(0, &mut [0; 128 << 10]);
            with_handler(libc::SA_ONSTACK, &mut [0; 128 << 10]);
            let mut vec = vec![0; 128 << 10];
            with_handler(libc::SA_ONSTACK, &mut vec);
        };
        run();
        std::thread::spawn(run).join().expect("clean");
        assert_eq!(SIGNALS.load(Ordering::Relaxed), 120);
    });
}

/// Gives way once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

#[test]
fn futures_are_quiet() {
    async fn inner(n: i64) -> i64 {
        let local = [n, 1, 2, 3];
        Yield(false).await;
        // SAFETY: a live variable, which lies where the future does.
        let sum = unsafe { ok_sum_array(local.as_ptr(), 4) };
        Yield(false).await;
        // SAFETY: as above.
        sum + unsafe { c::read(local.as_ptr()) }
    }
    async fn outer() -> i64 {
        let mut all = 0;
        for n in 0..10 {
            all += inner(n).await;
            let boxed: Pin<Box<dyn Future<Output = i64>>> = Box::pin(inner(n));
            all += boxed.await;
        }
        all
    }
    #[inline(never)]
    fn poll_deeper<T>(deep: usize, future: Pin<&mut dyn Future<Output = T>>) -> Poll<T> {
        let room = black_box([0_u64; 16]);
        let polled = match deep {
            0 => future.poll(&mut Context::from_waker(Waker::noop())),
            _ => poll_deeper(deep - 1, future),
        };
        black_box(room);
        polled
    }
    at_levels("futures_are_quiet", &["1", "2"], || {
        let mut future = pin!(outer());
        let mut n = 0;
        let all = loop {
            n += 1;
            if let Poll::Ready(all) = poll_deeper(n % 9, future.as_mut()) {
                break all;
            }
        };
        assert_eq!(all, 2 * (2 * 45 + 60));
        checkpoint();
    });
}
