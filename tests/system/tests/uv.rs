//! Real libuv behind the guard: a loop keeps the timers that its user owns. The loop lies in C's
//! heap, so that what it keeps is found with the feature `c-heap`. Without the feature there must
//! be no false report.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[cfg(not(has_libuv))]
#[test]
fn libuv_is_not_there() {
    assert!(!ffi_guard_tests_system::has_libuv());
}

#[cfg(has_libuv)]
mod there {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicU32, Ordering};

    use ffi_guard::{Place, Rule, Violation, catch, checkpoint, expect_violation};
    use ffi_guard_tests_system::uv::{self, Loop, Timer};

    unsafe extern "C" {
        fn calloc(count: usize, size: usize) -> *mut c_void;
        fn free(block: *mut c_void);
    }

    /// A loop in C's heap, as `uv_loop_new` made it.
    fn new_loop() -> *mut Loop {
        // SAFETY: memory for a loop, which libuv fills in.
        unsafe {
            let made = calloc(1, uv::uv_loop_size()).cast();
            assert_eq!(uv::uv_loop_init(made), 0);
            made
        }
    }

    fn end_loop(made: *mut Loop) {
        // SAFETY: a loop that is not used any more.
        unsafe {
            assert_eq!(uv::uv_loop_close(made), 0, "the loop has handles still");
            free(made.cast());
        }
    }

    /// Memory for a timer, on Rust's heap.
    fn new_timer() -> Box<[u64]> {
        vec![0; uv::uv_handle_size(uv::TIMER).div_ceil(8)].into()
    }

    fn timer(memory: &mut [u64]) -> *mut Timer {
        memory.as_mut_ptr().cast()
    }

    fn is_in_cs_heap(violation: &Violation) -> bool {
        matches!(violation.place(), Some(Place::CHeap { .. }))
    }

    #[test]
    fn a_timer_that_is_only_lent_is_kept_by_the_loop() {
        let (made, mut memory) = (new_loop(), new_timer());
        // SAFETY: memory for a timer, which outlives the loop.
        let outcome = catch(|| unsafe { uv::lent::uv_timer_init(made, timer(&mut memory)) });
        if cfg!(feature = "c-heap") {
            let violation = outcome.expect_err("the loop keeps it");
            assert_eq!(
                (violation.rule(), violation.parameter()),
                (Rule::RetainedPointer, Some("timer")),
                "{violation}"
            );
            assert!(is_in_cs_heap(&violation), "{violation}");
        } else {
            outcome.expect("C's heap is not searched");
        }
        // Both stay as they are: a test's worth of memory.
        Box::leak(memory);
    }

    static FIRED: AtomicU32 = AtomicU32::new(0);
    static CLOSED: AtomicU32 = AtomicU32::new(0);

    unsafe extern "C" fn on_timer(timer: *mut Timer) {
        FIRED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: libuv's own timer, which it hands back.
        unsafe { uv::uv_close(timer, Some(on_close)) };
    }

    unsafe extern "C" fn on_close(_timer: *mut Timer) {
        CLOSED.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn declared_retained_it_fires_and_is_closed_and_may_be_freed() {
        catch(|| {
            let (made, mut memory) = (new_loop(), new_timer());
            // SAFETY: the memory stays where it is until the loop has let go of it.
            unsafe {
                assert_eq!(uv::uv_timer_init(made, timer(&mut memory)), 0);
                assert_eq!(uv::uv_timer_start(timer(&mut memory), Some(on_timer), 1, 0), 0);
                assert_eq!(uv::uv_run(made, uv::RUN_DEFAULT), 0 as c_int);
            }
            drop(memory);
            checkpoint();
            end_loop(made);
        })
        .expect("clean");
        assert_eq!((FIRED.load(Ordering::Relaxed), CLOSED.load(Ordering::Relaxed)), (1, 1));
    }

    #[test]
    fn a_timer_that_is_freed_while_the_loop_has_it_is_found() {
        if !cfg!(feature = "c-heap") {
            eprintln!("skipped: C's heap is searched with the feature c-heap");
            return;
        }
        let made = new_loop();
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            let mut memory = new_timer();
            // SAFETY: none: the loop is not run after the memory is gone.
            assert_eq!(unsafe { uv::uv_timer_init(made, timer(&mut memory)) }, 0);
            drop(memory);
        });
        assert_eq!((violation.function(), violation.parameter()), (Some("uv_timer_init"), Some("timer")));
        assert!(is_in_cs_heap(&violation), "{violation}");
    }
}
