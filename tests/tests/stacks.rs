//! Calls on stacks other than the system's: coroutines, and threads whose stack their creator
//! brought. Such a stack lies in a `Vec`, in what `malloc` returned, or in a mapping of its own.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::{CString, c_void};
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use c_fixtures::nested_pointer::{Node, bad_sum_list, ok_sum_array};
use c_fixtures::robust;
use c_fixtures::stacks::{Body, coroutine_resume, coroutine_start, coroutine_yield, smallest_stack, thread_on};
use ffi_guard::{Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_checked_levels, at_level, at_levels, is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const SIZE: usize = 256 << 10;
const PAGE: usize = 4096;

/// Where a stack lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Vec,
    Malloc,
    Mapping,
}

const KINDS: [Kind; 3] = [Kind::Vec, Kind::Malloc, Kind::Mapping];

/// Memory for a stack.
struct Stack {
    kind: Kind,
    at: *mut c_void,
    size: usize,
    owner: Vec<u8>,
}

impl Stack {
    fn new(kind: Kind, size: usize) -> Stack {
        let mut owner = Vec::new();
        // SAFETY: new memory in each case.
        let at = unsafe {
            match kind {
                Kind::Vec => {
                    owner = vec![0; size];
                    owner.as_mut_ptr().cast()
                }
                Kind::Malloc => libc::malloc(size),
                Kind::Mapping => {
                    // Below it lies a page without access, as below any stack of the system's.
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                    let at = libc::mmap(ptr::null_mut(), PAGE + size, libc::PROT_NONE, flags, -1, 0);
                    let at = at.wrapping_byte_add(PAGE);
                    assert_eq!(libc::mprotect(at, size, libc::PROT_READ | libc::PROT_WRITE), 0);
                    at
                }
            }
        };
        Stack { kind, at, size, owner }
    }

    /// Runs a body on it to its end; `between` runs on the caller's stack at each yield.
    fn run(&self, body: Body, user: *mut c_void, mut between: impl FnMut()) {
        // SAFETY: the stack outlives the coroutine, which ends here.
        unsafe {
            let mut done = coroutine_start(body, user, self.at, self.size);
            while done == 0 {
                between();
                done = coroutine_resume();
            }
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: as it was made; nothing runs on it any more.
        unsafe {
            match self.kind {
                Kind::Vec => self.owner.clear(),
                Kind::Malloc => libc::free(self.at),
                Kind::Mapping => _ = libc::munmap(self.at.wrapping_byte_sub(PAGE), PAGE + self.size),
            }
        }
    }
}

/// A round of guarded calls that are all right, with variables on the stack and on the heap.
fn clean(n: i64) {
    let local = [n, 1, 2];
    let boxed = vec![n; 30];
    let text = CString::new("a text").expect("no NUL");
    // SAFETY: live arrays.
    unsafe {
        assert_eq!(ok_sum_array(local.as_ptr(), 3), n + 3);
        assert_eq!(ok_sum_array(boxed.as_ptr(), 30), 30 * n);
        assert_eq!(robust::read_one((&raw const local).cast()), i32::try_from(n).expect("small"));
    }
    robust::take(text.as_ptr().cast());
}

/// Makes clean calls, yields, and keeps pointers to Rust memory on its stack meanwhile.
unsafe extern "C" fn calls(_: *mut c_void) {
    for n in 0..30 {
        let boxed = Box::new(n);
        let local = std::hint::black_box([&raw const *boxed, ptr::null()]);
        clean(n);
        // SAFETY: on a coroutine.
        unsafe { coroutine_yield() };
        // SAFETY: the box is alive.
        assert_eq!(unsafe { *std::hint::black_box(&local)[0] }, n);
    }
}

#[test]
fn coroutines_that_call_c_are_quiet() {
    at_checked_levels("coroutines_that_call_c_are_quiet", || {
        for kind in KINDS {
            for size in [SIZE, 24 << 10] {
                if size < SIZE && cfg!(debug_assertions) {
                    continue;
                }
                let stack = Stack::new(kind, size);
                stack.run(calls, ptr::null_mut(), || {
                    clean(7);
                    checkpoint();
                });
            }
        }
        checkpoint();
    });
}

static SHARED: AtomicPtr<i64> = AtomicPtr::new(ptr::null_mut());

/// Makes no guarded call: it has a block of Rust's on its stack, which the other stack lends.
unsafe extern "C" fn only_rust(_: *mut c_void) {
    let mut boxed = Box::new([1_i64, 2, 3, 4]);
    for _ in 0..20 {
        let local = std::hint::black_box([boxed.as_mut_ptr(), ptr::null_mut()]);
        SHARED.store(boxed.as_mut_ptr(), Ordering::Relaxed);
        // SAFETY: on a coroutine.
        unsafe { coroutine_yield() };
        std::hint::black_box(&local);
    }
}

#[test]
fn a_coroutine_without_guarded_calls_is_quiet() {
    at_checked_levels("a_coroutine_without_guarded_calls_is_quiet", || {
        for kind in KINDS {
            let stack = Stack::new(kind, SIZE);
            stack.run(only_rust, ptr::null_mut(), || {
                // SAFETY: the coroutine's box is alive until it ends.
                unsafe { assert_eq!(ok_sum_array(SHARED.load(Ordering::Relaxed), 4), 10) };
                checkpoint();
            });
            // Its last variables are there still.
            clean(3);
            checkpoint();
        }
    });
}

/// Lends a local of its own to the other stack.
unsafe extern "C" fn lends_its_local(_: *mut c_void) {
    for n in 0..20_i64 {
        let mut local = [n, 1, 2, 3];
        SHARED.store(local.as_mut_ptr(), Ordering::Relaxed);
        // SAFETY: on a coroutine.
        unsafe { coroutine_yield() };
        std::hint::black_box(&local);
    }
}

#[test]
fn a_local_of_a_coroutine_may_be_lent_by_another_stack() {
    at_checked_levels("a_local_of_a_coroutine_may_be_lent_by_another_stack", || {
        for kind in KINDS {
            let stack = Stack::new(kind, SIZE);
            let mut n = 0;
            stack.run(lends_its_local, ptr::null_mut(), || {
                // SAFETY: the coroutine's local is alive until it goes on.
                unsafe { assert_eq!(ok_sum_array(SHARED.load(Ordering::Relaxed), 4), n + 6) };
                robust::take(SHARED.load(Ordering::Relaxed).cast());
                n += 1;
                checkpoint();
            });
        }
    });
}

unsafe extern "C" fn on_a_thread(_: *mut c_void) {
    let mut boxed = Box::new([1_i64, 2]);
    let local = std::hint::black_box([boxed.as_mut_ptr(), ptr::null_mut()]);
    for n in 0..30 {
        clean(n);
        // SAFETY: a live array.
        unsafe { assert_eq!(ok_sum_array(boxed.as_ptr(), 2), 3) };
        checkpoint();
    }
    std::hint::black_box(&local);
}

#[test]
fn a_thread_on_a_stack_of_its_creators_is_quiet() {
    at_checked_levels("a_thread_on_a_stack_of_its_creators_is_quiet", || {
        for kind in KINDS {
            for _ in 0..3 {
                let stack = Stack::new(kind, SIZE);
                // SAFETY: the stack outlives the thread.
                assert_eq!(unsafe { thread_on(on_a_thread, ptr::null_mut(), stack.at, stack.size) }, 0);
                clean(1);
                checkpoint();
            }
        }
    });
}

/// Lends a list of two nodes of this stack.
fn nested() {
    let mut end = Node { value: 2, next: ptr::null_mut() };
    let first = Node { value: 1, next: &raw mut end };
    // SAFETY: a live list.
    unsafe { bad_sum_list(&raw const first) };
}

unsafe extern "C" fn nests(_: *mut c_void) {
    expect_violation!(Rule::NestedPointer, { nested() });
}

#[test]
fn what_is_wrong_on_such_a_stack_is_found() {
    at_levels("what_is_wrong_on_such_a_stack_is_found", &["1", "2"], || {
        for kind in [Kind::Vec, Kind::Malloc] {
            let stack = Stack::new(kind, SIZE);
            // In the heap its bounds are known.
            if kind == Kind::Vec || cfg!(feature = "c-heap") {
                stack.run(nests, ptr::null_mut(), || ());
            }
            // SAFETY: the stack outlives the thread.
            assert_eq!(unsafe { thread_on(nests, ptr::null_mut(), stack.at, stack.size) }, 0);
        }
        let stack = Stack::new(Kind::Vec, SIZE);
        stack.run(lends_its_local, ptr::null_mut(), || ());
        drop(stack);
        // SAFETY: the violation is found before C runs.
        let sum = || unsafe { ok_sum_array(SHARED.load(Ordering::Relaxed), 4) };
        expect_violation!(Rule::DanglingPointer, { sum() });
    });
}

unsafe extern "C" fn one_call(_: *mut c_void) {
    clean(1);
}

#[test]
fn a_first_call_on_a_coroutine_teaches_no_wrong_stack() {
    at_levels("a_first_call_on_a_coroutine_teaches_no_wrong_stack", &["1", "2"], || {
        fn on_this_thread() {
            for kind in KINDS {
                let stack = Stack::new(kind, SIZE);
                stack.run(one_call, ptr::null_mut(), || ());
            }
            for _ in 0..3 {
                expect_violation!(Rule::NestedPointer, { nested() });
            }
        }
        // Each on a thread whose first call it is; the mapping of the coroutine's stack may touch
        // the record of the first thread, on which this runs with `--test-threads=1` alone.
        on_this_thread();
        std::thread::spawn(on_this_thread).join().expect("no panic");
    });
}

#[test]
fn a_child_of_another_thread_knows_its_stack() {
    at_level("a_child_of_another_thread_knows_its_stack", "1", || {
        std::thread::spawn(|| {
            // SAFETY: the child ends by `_exit`.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let found = catch(nested).is_err();
                // SAFETY: no precondition.
                unsafe { libc::_exit(if found { 7 } else { 1 }) };
            }
            let mut status = 0;
            // SAFETY: a child of this process, and room for its status.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(libc::WEXITSTATUS(status), 7);
        })
        .join()
        .expect("no panic");
    });
}

// Declared here, since the wrapper's frame is the caller's to have room for.
#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "ffg_ok_sum_array"]
    fn sum(#[guard(counted_by = count)] values: *const i64, count: usize) -> i64;
}

unsafe extern "C" fn on_a_small_thread(user: *mut c_void) {
    let local = [1_i64, 2];
    let boxed = [1_i64; 10].to_vec();
    // SAFETY: live arrays, and the address of a flag, from the test.
    unsafe {
        assert_eq!(sum(local.as_ptr(), 2), 3);
        assert_eq!(sum(boxed.as_ptr(), 10), 10);
        *user.cast::<bool>() = true;
    }
}

#[test]
fn the_smallest_thread_has_room_for_a_call_and_an_allocation() {
    at_levels("the_smallest_thread_has_room_for_a_call_and_an_allocation", &["1", "2"], || {
        for _ in 0..5 {
            let mut ran = false;
            let user = (&raw mut ran).cast();
            // SAFETY: the flag outlives the thread.
            let failed = unsafe { thread_on(on_a_small_thread, user, ptr::null_mut(), smallest_stack()) };
            assert!(failed == 0 && ran);
        }
    });
}

/// What a thread does with the guard, each on a thread of its own.
static DEEDS: [(&str, fn()); 4] = [
    ("an allocation", || drop(std::hint::black_box(Box::new([1_u64; 4])))),
    ("a call with a local", || {
        let local = [1_i64, 2];
        // SAFETY: a live array.
        unsafe { sum(local.as_ptr(), 2) };
    }),
    ("a call with a block", || {
        let boxed = [1_i64; 10].to_vec();
        // SAFETY: a live array.
        unsafe { sum(boxed.as_ptr(), 10) };
    }),
    ("a violation", || {
        let boxed = [1_i64; 10].to_vec();
        // SAFETY: found before C runs.
        assert!(catch(|| unsafe { sum(boxed.as_ptr(), 100) }).is_err());
    }),
];

/// Bytes of the stack that a deed took, on a thread that does it for the first time.
fn taken(deed: fn()) -> usize {
    const PAINT: u64 = 0x5AFE_5AFE_5AFE_5AFE;
    struct Order {
        deed: fn(),
        from: usize,
    }
    unsafe extern "C" fn run(order: *mut c_void) {
        let here = 0_u8;
        // SAFETY: the address of an order, from below.
        let order = unsafe { &mut *order.cast::<Order>() };
        order.from = (&raw const here).addr();
        (order.deed)();
    }
    let stack = Stack::new(Kind::Mapping, 96 << 10);
    let words = stack.size / size_of::<u64>();
    // SAFETY: the stack's memory, on which nothing runs yet.
    unsafe { std::slice::from_raw_parts_mut(stack.at.cast::<u64>(), words) }.fill(PAINT);
    let mut order = Order { deed, from: 0 };
    // SAFETY: the stack and the order outlive the thread.
    assert_eq!(unsafe { thread_on(run, (&raw mut order).cast(), stack.at, stack.size) }, 0);
    // SAFETY: as above; the thread has ended.
    let left = unsafe { std::slice::from_raw_parts(stack.at.cast::<u64>(), words) };
    let untouched = left.iter().take_while(|&&word| word == PAINT).count() * size_of::<u64>();
    order.from - (stack.at.addr() + untouched)
}

#[test]
fn what_the_guard_takes_of_a_stack_is_as_documented() {
    at_levels("what_the_guard_takes_of_a_stack_is_as_documented", &["1", "2"], || {
        for (name, deed) in DEEDS {
            let first = taken(deed);
            println!("{name}: {first} bytes, then {}", taken(deed));
            // As docs/src/limits.md says.
            let most = match name {
                "an allocation" => 3 << 10,
                "a violation" => 8 << 10,
                _ => 6 << 10,
            };
            assert!(first <= most, "{name}: {first}");
        }
    });
}

#[inline(never)]
fn deep(n: u64) -> u64 {
    let here = std::hint::black_box([n; 100]);
    if n == u64::MAX { 0 } else { deep(n + 1) + here[5] }
}

/// Expects the process to end as Rust's runtime ends it when a stack overflows.
#[track_caller]
fn overflows(test: &str, body: impl Fn()) {
    if is_child() {
        // SAFETY: no core files from a test.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
        return body();
    }
    for level in ["0", "1", "2", "3"] {
        let output = run_self(test, &[("GUARD", level)]);
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "level {level}: {said}");
        assert!(said.contains("has overflowed its stack"), "level {level}: {said}");
    }
}

#[test]
fn a_stack_overflow_of_the_first_thread_ends_as_without_the_guard() {
    overflows("a_stack_overflow_of_the_first_thread_ends_as_without_the_guard", || {
        clean(1);
        println!("{}", deep(0));
    });
}

#[test]
fn a_stack_overflow_of_another_thread_ends_as_without_the_guard() {
    overflows("a_stack_overflow_of_another_thread_ends_as_without_the_guard", || {
        let thread = std::thread::spawn(|| {
            clean(1);
            println!("{}", deep(0));
        });
        thread.join().expect("it does not come to that");
    });
}

#[test]
fn a_stack_overflow_in_a_callback_ends_as_without_the_guard() {
    unsafe extern "C" fn overflow(_: *mut c_void) {
        println!("{}", deep(0));
    }
    overflows("a_stack_overflow_in_a_callback_ends_as_without_the_guard", || {
        // SAFETY: does not return.
        unsafe { robust::call(overflow, ptr::null_mut()) };
    });
}
