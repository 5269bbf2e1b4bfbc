//! wrong_thread: an object that belongs to a thread is used on another.

use std::ptr;

use c_fixtures::wrong_thread::{Window, bad_window_draw, ok_window_draw, window_close, window_open, window_open_into};
use ffi_guard::{Rule, catch, expect_violation};

/// A pointer that goes from thread to thread, as wrappers make them by hand.
#[derive(Clone, Copy)]
struct Sent(*mut Window);
// SAFETY: not sound in general; the tests decide which thread uses the window when.
unsafe impl Send for Sent {}

impl Sent {
    fn get(self) -> *mut Window {
        self.0
    }
}

fn on_another_thread<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("painter".into()).spawn_scoped(scope, body);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn a_window_of_another_thread_is_found() {
    let window = Sent(window_open());
    let violation = on_another_thread(move || {
        expect_violation!(Rule::WrongThread, {
            // SAFETY: an open window.
            unsafe { bad_window_draw(window.get()) }
        })
    });
    assert_eq!((violation.function(), violation.parameter()), (Some("bad_window_draw"), Some("window")));
    assert_eq!(violation.thread_name(), Some("painter"));
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[wrong_thread]: `window` of `bad_window_draw` is thread "));
    assert!(report.contains("window_open"), "names the call that handed it out:\n{report}");
    // SAFETY: its own thread.
    unsafe { window_close(window.get()) };
}

#[test]
fn on_its_own_thread_it_is_clean() {
    let window = window_open();
    // SAFETY: an open window, on its own thread.
    let drawn = catch(|| unsafe {
        bad_window_draw(window);
        bad_window_draw(window)
    });
    assert_eq!(drawn.expect("clean"), 2);
    // SAFETY: as above.
    unsafe { window_close(window) };
}

#[test]
fn repaired_by_telling_of_the_move() {
    let window = Sent(window_open());
    let drawn = on_another_thread(move || {
        ffi_guard::rebind(window.get());
        // SAFETY: an open window, handed over.
        catch(|| unsafe { bad_window_draw(window.get()) })
    });
    assert_eq!(drawn.expect("clean"), 1);
    let violation = expect_violation!(Rule::WrongThread, {
        // SAFETY: an open window.
        unsafe { bad_window_draw(window.get()) }
    });
    assert!(violation.to_string().contains("`ffi_guard::rebind` gave it to thread "), "{violation}");
    ffi_guard::rebind(window.get());
    // SAFETY: as above.
    unsafe { window_close(window.get()) };
}

#[test]
fn repaired_by_taking_the_attribute_off() {
    let window = Sent(window_open());
    // SAFETY: an open window.
    let drawn = on_another_thread(move || catch(|| unsafe { ok_window_draw(window.get()) }));
    assert_eq!(drawn.expect("clean"), 1);
    // SAFETY: its own thread.
    unsafe { window_close(window.get()) };
}

#[test]
fn an_out_pointer_is_recorded_when_c_fills_it() {
    let mut window = ptr::null_mut();
    // SAFETY: a place for a pointer.
    assert_eq!(unsafe { window_open_into(&raw mut window) }, 0);
    let sent = Sent(window);
    on_another_thread(move || {
        // SAFETY: an open window.
        expect_violation!(Rule::WrongThread, { unsafe { bad_window_draw(sent.get()) } });
    });
    // SAFETY: its own thread.
    unsafe { window_close(window) };
}

#[test]
fn an_address_that_c_gives_out_again_is_its_new_owners() {
    // C's allocator gives the same memory out again, sooner or later.
    let old = Sent(window_open());
    // SAFETY: an open window.
    unsafe { window_close(old.get()) };
    on_another_thread(move || {
        let windows: Vec<_> = (0..100).map(|_| window_open()).collect();
        for &window in &windows {
            // SAFETY: open windows of this thread's.
            catch(|| unsafe { bad_window_draw(window) }).expect("this thread's");
            // SAFETY: as above.
            unsafe { window_close(window) };
        }
    });
}

mod given_back {
    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Draws a window for the last time. C frees nothing, so that the test may go on using it.
        #[link_name = "ffg_window_draw"]
        pub(super) fn draw(#[guard(thread_bound, owned)] window: *mut super::Window) -> i32;
    }
}

#[test]
fn an_object_that_is_given_back_to_c_is_forgotten() {
    let window = Sent(window_open());
    on_another_thread(move || {
        // SAFETY: an open window.
        let violation = expect_violation!(Rule::WrongThread, { unsafe { given_back::draw(window.get()) } });
        assert_eq!(violation.function(), Some("draw"));
        // SAFETY: as above. The call that was refused gave nothing back.
        expect_violation!(Rule::WrongThread, { unsafe { bad_window_draw(window.get()) } });
    });
    // SAFETY: an open window, on its own thread.
    catch(|| unsafe { given_back::draw(window.get()) }).expect("clean");
    on_another_thread(move || {
        // SAFETY: an open window, by C's code.
        catch(|| unsafe { bad_window_draw(window.get()) }).expect("not known any more");
        // SAFETY: as above; for the last time.
        unsafe { window_close(window.get()) };
    });
}

#[test]
fn what_was_never_seen_to_come_from_c_is_not_judged() {
    let unknown = Sent(Box::into_raw(Box::new(0_u64)).cast());
    // SAFETY: C counts in the first four bytes, which are there.
    let draw = move || catch(|| unsafe { bad_window_draw(unknown.get()) });
    draw().expect("unknown");
    on_another_thread(draw).expect("unknown");
    // SAFETY: from `Box::into_raw`.
    drop(unsafe { Box::from_raw(unknown.get().cast::<u64>()) });
}
