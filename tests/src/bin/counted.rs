//! A program that crosses the border in every way that is counted: `tests/stats.rs` runs it with
//! statistics on.
//!
//! Each word of the command line is a step; `say` prints what was counted so far, a line a
//! function.

use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use c_fixtures::callbacks::each;
use c_fixtures::robust::{catch_jump, jump, jump_inside, read_one, take};
use c_fixtures::slides::{process_big_data, slow_func};
use ffi_guard::{Callback, Level};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    fn strlen(#[guard(cstr)] text: *const c_char) -> usize;
    safe fn abs(n: c_int) -> c_int;
    /// Does not return before a signal comes.
    safe fn pause() -> c_int;
    safe fn exit(status: c_int) -> !;
    /// Keeps the number.
    #[link_name = "ffg_use_slot"]
    fn keep_slot(#[guard(retained)] value: *const i32, slot: usize) -> i32;
    /// Calls `fork`, from C.
    #[link_name = "fork"]
    safe fn guarded_fork() -> c_int;
}

mod elsewhere {
    use super::c_int;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Another declaration of a function above.
        pub(super) safe fn abs(n: c_int) -> c_int;
    }
}

fn main() {
    for step in std::env::args().skip(1) {
        match step.as_str() {
            "say" => say(),
            "table" => println!("{}", ffi_guard::stats()),
            "threads" => threads(),
            "callbacks" => callbacks(),
            "closures" => closures(),
            "lent" => lent(),
            "kept" => kept(),
            "signals" => signals(),
            "jumps" => jumps(),
            "panics" => panics(),
            "refused" => refused(),
            "fork" => fork(),
            "stays" => stays(),
            "deep" => deep(),
            "namesakes" => println!("{}", abs(-1) + elsewhere::abs(-2)),
            "often" => often(),
            "long" => println!("{}", slow_func(300_000)),
            "lower" => println!("{:?}", ffi_guard::set_level(Level::Off)),
            "exit" => exit(0),
            other => panic!("no step is called {other}"),
        }
    }
    println!("the end, level {}", ffi_guard::level() as u8);
}

fn say() {
    let stats = ffi_guard::stats();
    for it in stats.functions() {
        let (bytes, callbacks, retained, pinned) = (it.bytes_lent(), it.callbacks(), it.retained(), it.pinned());
        println!(
            "{}: {} calls, {} unfinished, {bytes} lent, {callbacks} callbacks, {retained} retained, {pinned} pinned",
            it.name(),
            it.calls(),
            it.unfinished()
        );
    }
    let sums = stats.functions().iter().all(|it| {
        it.time_crossing() >= it.time_in_checks() && (it.time_in_c().is_zero() || it.time_in_rust().is_zero())
    });
    assert!(sums && stats.call_cost() >= 0.0);
    println!("on: {}", stats.are_on());
}

/// 40,000 calls by four threads at once, and 10,000 by four more that come when those have gone.
fn threads() {
    let run = |calls: u32| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    let value = Box::new(5);
                    // SAFETY: the box outlives the call.
                    (0..calls).for_each(|_| assert_eq!(unsafe { read_one(&raw const *value) }, 5));
                });
            }
        });
    };
    run(10_000);
    run(2_500);
}

#[ffi_guard::guard]
unsafe extern "C" fn step(_: *mut c_void, number: i32) -> i32 {
    abs(-number);
    0
}

/// A hundred callbacks, each of which calls C.
fn callbacks() {
    // SAFETY: the callback does not look at its user data.
    assert_eq!(unsafe { each(step, std::ptr::null_mut(), 100) }, 100);
}

fn closures() {
    let mut sum = 0;
    let callback = Callback::new(move |number: i32| -> i32 {
        sum += abs(number);
        i32::from(sum > 1000)
    });
    // SAFETY: the pair belongs together, and the callback outlives the call.
    let made = unsafe { each(callback.function().expect("a function"), callback.data(), 7) };
    println!("{made} closures");
}

/// Rust's bytes count, up to the end of the stated extent; a C string up to its NUL.
fn lent() {
    static STATIC: [u8; 64] = [1; 64];
    let (mut heap, mut stack) = (vec![1_u8; 1000], [1_u8; 10]);
    let (ours, text) = (CString::new("twelve bytes").expect("no NUL"), c"a literal");
    // SAFETY: the lengths are the slices' own; the texts end with a NUL. `calloc` gives as much as
    // is asked for.
    unsafe {
        process_big_data(heap.as_mut_ptr(), 1000);
        process_big_data(heap.as_mut_ptr().add(990), 10);
        process_big_data(stack.as_mut_ptr(), 10);
        process_big_data(heap.as_mut_ptr(), 0);
        let foreign = libc::calloc(1, 64);
        process_big_data(foreign.cast(), 64);
        libc::free(foreign);
        black_box(&STATIC);
        strlen(ours.as_ptr());
        strlen(text.as_ptr());
        strlen(std::ptr::from_ref(b"on the stack\0").cast());
    }
}

fn kept() {
    let (value, other) = (Box::new(1), Box::new(2));
    let _pin = ffi_guard::pin(&*other);
    // SAFETY: both outlive the calls.
    unsafe {
        keep_slot(&raw const *value, 0);
        keep_slot(&raw const *value, 1);
        read_one(&raw const *other);
        read_one(&raw const *value);
    }
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(_: c_int) {
    abs(-1);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Signals that arrive wherever this thread is, whose handler calls C.
fn signals() {
    // SAFETY: no precondition.
    let target = unsafe {
        libc::alarm(60);
        libc::signal(libc::SIGUSR1, handler as extern "C" fn(c_int) as usize);
        libc::pthread_self() as usize
    };
    let done = AtomicBool::new(false);
    let mut calls = 0_u32;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let before = HANDLED.load(Ordering::Relaxed);
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(target as libc::pthread_t, libc::SIGUSR1) };
                while HANDLED.load(Ordering::Relaxed) == before && !done.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        });
        let value = Box::new(3);
        while HANDLED.load(Ordering::Relaxed) < 300 {
            // SAFETY: the box outlives the call.
            unsafe { read_one(&raw const *value) };
            calls += 1;
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("main made {calls} calls, the handler {}", HANDLED.load(Ordering::Relaxed));
}

#[ffi_guard::guard]
unsafe extern "C" fn jumps_out(user: *mut c_void) {
    // SAFETY: C waits for it.
    unsafe { jump(user.cast()) };
}

/// C leaves calls by `longjmp`, over Rust's frames and within one call.
fn jumps() {
    let value = Box::new(1);
    for _ in 0..10 {
        // SAFETY: no frame that is left has anything to drop; the box outlives the calls.
        unsafe {
            assert_eq!(catch_jump(jumps_out, std::ptr::from_ref(&*value).cast_mut().cast()), 1);
            jump_inside(&raw const *value);
            read_one(&raw const *value);
        }
    }
}

#[ffi_guard::guard(on_panic = 1)]
unsafe extern "C" fn says_no(_: *mut c_void, number: i32) -> i32 {
    if number == 3 {
        std::panic::panic_any("no");
    }
    0
}

fn panics() {
    std::panic::set_hook(Box::new(|_| ()));
    for _ in 0..5 {
        // SAFETY: the callback does not look at its user data.
        let outcome = std::panic::catch_unwind(|| unsafe { each(says_no, std::ptr::null_mut(), 10) });
        assert!(outcome.is_err());
    }
}

/// A call that the guard stops does not count.
fn refused() {
    let mut short = vec![1_u8; 10];
    // SAFETY: none: the length is wrong, and C is not called.
    let outcome = ffi_guard::catch(|| unsafe { process_big_data(short.as_mut_ptr(), 11) });
    println!("{:?}", outcome.map_err(|violation| violation.rule()));
}

/// The child makes three calls and ends like any process, with its own table.
fn fork() {
    abs(-1);
    // The child has the thread that forks, and no other; but others may have been counting.
    let (stop, counting) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                elsewhere::abs(-1);
                counting.store(true, Ordering::Relaxed);
            }
        });
        while !counting.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        match guarded_fork() {
            0 => {
                (0..3).for_each(|_| _ = abs(-1));
                say();
                std::process::exit(0);
            }
            child => {
                let mut status = 0;
                // SAFETY: writes into the place given.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                assert_eq!(status, 0, "the child ends well");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// A thread that C does not come back to before the process ends.
fn stays() {
    std::thread::spawn(pause);
    while ffi_guard::stats().function("pause").is_none() {
        std::thread::yield_now();
    }
}

#[ffi_guard::guard]
unsafe extern "C" fn deeper(user: *mut c_void, number: i32) -> i32 {
    let left = user.addr();
    if number == 0 && left > 0 {
        // SAFETY: the user data is a number.
        unsafe { each(deeper, std::ptr::without_provenance_mut(left - 1), 1) };
    }
    0
}

/// Calls within calls, more than are timed.
fn deep() {
    let run = || {
        // SAFETY: the user data is a number.
        unsafe { each(deeper, std::ptr::without_provenance_mut(999), 1) };
    };
    let big = std::thread::Builder::new().stack_size(64 << 20).spawn(run).expect("a thread");
    big.join().expect("it ends");
}

/// Often calls a function that does nothing, but whose check takes long: the pointee has no type,
/// so that all of it is searched for pointers.
fn often() {
    let block = vec![0_u64; 8 << 10];
    (0..110_000).for_each(|_| take(block.as_ptr().cast()));
}
