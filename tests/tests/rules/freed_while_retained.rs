//! freed_while_retained: Rust frees or moves what is pinned, or what C was allowed to keep and
//! still holds.
//!
//! The tests of a binary share its C globals: each test here has a slot of its own, or a variable
//! that it is `serial` by, and clears it.

use c_fixtures::freed_while_retained as c;
use ffi_guard::{Pinned, Place, Rule, Violation, catch, expect_violation, pin};
use serial_test::serial;

/// The C variable that a report names, and how far into it.
fn symbol(violation: &Violation) -> (String, usize) {
    match violation.place() {
        Some(Place::Global { symbol: Some(symbol), offset, .. }) => (symbol.clone(), *offset),
        other => panic!("held in no C variable but {other:?}:\n{violation}"),
    }
}

#[test]
fn a_listener_that_is_freed_while_it_is_set_is_found() {
    let value = Box::new(7);
    let address = (&raw const *value).addr();
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: C does not follow it before it is unset.
        unsafe { c::bad_set_listener(0, &raw const *value) };
        drop(value);
    });
    c::ok_unset_listener(0);
    assert_eq!(symbol(&violation), ("ffg_listeners".into(), 0));
    assert_eq!((violation.function(), violation.parameter()), (Some("bad_set_listener"), Some("user")));
    assert!(violation.location().is_some_and(|site| site.file().ends_with("rules/freed_while_retained.rs")));
    let block = violation.block().expect("the block that was freed");
    assert_eq!((block.address(), block.is_live()), (address, false));
    let frees = block.freed_at();
    assert!(frees.iter().any(|frame| frame.file().is_some_and(|file| file.ends_with("freed_while_retained.rs"))));
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[freed_while_retained]: `user` of `bad_set_listener` was freed"), "{report}");
    assert!(report.contains("kept by C: `ffg_listeners`"), "{report}");
}

#[test]
fn it_is_told_before_c_runs_again() {
    let value = Box::new(7);
    let outcome = catch(|| {
        // SAFETY: C does not follow it before it is unset.
        unsafe { c::bad_set_listener(1, &raw const *value) };
        drop(value);
        // SAFETY: none, and C is not called.
        let read = unsafe { c::notify(1) };
        panic!("C read {read} from freed memory");
    });
    c::ok_unset_listener(1);
    assert_eq!(outcome.map(|(): ()| ()).expect_err("found").rule(), Rule::FreedWhileRetained);
}

#[test]
fn repaired_by_unsetting_it_first() {
    catch(|| {
        let value = Box::new(7);
        // SAFETY: alive until it is unset.
        unsafe {
            c::bad_set_listener(2, &raw const *value);
            assert_eq!(c::notify(2), 7);
        }
        c::ok_unset_listener(2);
        drop(value);
    })
    .expect("clean");
}

/// A listener as the report has it: owner, pin and the letting go in one.
struct Listener {
    slot: usize,
    value: Pinned<i32>,
}

impl Listener {
    fn new(slot: usize, value: i32) -> Listener {
        let value = Pinned::new(value);
        // SAFETY: C lets go of it in the drop, before the value goes.
        unsafe { c::bad_set_listener(slot, value.as_ptr()) };
        Listener { slot, value }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        c::ok_unset_listener(self.slot);
    }
}

#[test]
fn repaired_by_a_struct_that_lets_go_in_its_drop() {
    catch(|| {
        let listener = Listener::new(3, 7);
        // SAFETY: the listener lives.
        assert_eq!((*listener.value, unsafe { c::notify(3) }), (7, 7));
    })
    .expect("clean");
}

#[test]
#[serial(watched)]
fn a_vec_that_grows_and_moves_is_found() {
    let mut data = vec![1_u8; 16];
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: C does not follow it before it is told to let go.
        unsafe { c::bad_watch(data.as_ptr(), data.len()) };
        data.resize(4096, 1);
    });
    c::ok_unwatch();
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[freed_while_retained]: `data` of `bad_watch` was moved"), "{report}");
    assert!(report.contains("moved: "), "{report}");
    assert_eq!(symbol(&violation).0, "ffg_watched");
}

#[test]
#[serial(watched)]
fn a_large_vec_that_moves_is_found() {
    let mut data = vec![1_u8; 2 << 20];
    let before = data.as_ptr();
    let outcome = catch(|| {
        // SAFETY: C does not follow it before it is told to let go.
        unsafe { c::bad_watch(before, data.len()) };
        data.resize(64 << 20, 1);
    });
    c::ok_unwatch();
    // Large blocks grow where they are if there is room.
    assert_eq!(outcome.is_err(), data.as_ptr() != before, "{outcome:?}");
    assert!(outcome.is_ok_and(|()| true) || data[(2 << 20) - 1] == 1);
}

#[test]
#[serial(watched)]
fn growing_in_place_is_clean() {
    catch(|| {
        let mut data: Vec<u8> = Vec::with_capacity(4096);
        data.resize(16, 1);
        let before = data.as_ptr();
        // SAFETY: it stays in its place until C lets go.
        unsafe { c::bad_watch(data.as_ptr(), data.len()) };
        data.resize(4096, 1);
        data.shrink_to(4090);
        assert_eq!(data.as_ptr(), before);
        // SAFETY: the first 16 are where they were.
        assert_eq!(unsafe { c::sum_watched() }, 16);
        c::ok_unwatch();
    })
    .expect("clean");
}

#[test]
#[serial(watched)]
fn a_vec_that_moves_after_c_let_go_is_clean() {
    catch(|| {
        let mut data = vec![1_u8; 16];
        // SAFETY: alive and in place until C lets go.
        unsafe { c::bad_watch(data.as_ptr(), data.len()) };
        c::ok_unwatch();
        data.resize(4096, 1);
        // SAFETY: as above, with the new place, as the report says.
        unsafe { c::bad_watch(data.as_ptr(), data.len()) };
        c::ok_unwatch();
    })
    .expect("clean");
}

#[test]
fn a_pinned_block_that_is_freed_is_found() {
    let value = Box::into_raw(Box::new(7));
    let line = line!() + 3;
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: the box is alive; that the guard is forgotten is what this is about.
        std::mem::forget(pin(unsafe { &*value }));
        // SAFETY: from `Box::into_raw`, back once.
        drop(unsafe { Box::from_raw(value) });
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[freed_while_retained]: a block was freed while pinned"), "{report}");
    assert!(report.contains(&format!("_retained.rs:{line}:")), "tells where it was pinned:\n{report}");
    assert!(violation.function().is_none() && violation.place().is_none());
}

#[test]
fn a_guard_that_is_dropped_first_is_clean() {
    catch(|| {
        let value = Box::new(7);
        let (outer, inner) = (pin(&*value), pin(&*value));
        drop(outer);
        drop(inner);
        drop(value);
    })
    .expect("clean");
}

#[test]
#[serial(sent)]
fn what_c_holds_of_a_pinned_block_after_the_pin_is_found() {
    let values = vec![1, 2, 3];
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        let pin = pin(&values[..]);
        let request = c::Request { values: pin.as_ptr(), count: pin.len() };
        // SAFETY: pinned until C has let go; which it does not, and that is what this is about.
        assert_eq!(unsafe { c::bad_send(&raw const request) }, 6);
        drop(pin);
        drop(values);
    });
    c::ok_cancel();
    assert_eq!(symbol(&violation).0, "ffg_sent");
    assert!(violation.to_string().contains("pinned: C keeps it from here on"), "{violation}");
}

#[test]
#[serial(sent)]
fn what_is_pinned_is_neither_nested_nor_retained() {
    catch(|| {
        let values = vec![1, 2, 3];
        let pinned = pin(&values[..]);
        let request = c::Request { values: pinned.as_ptr(), count: pinned.len() };
        // SAFETY: pinned until C has let go.
        unsafe {
            assert_eq!(c::bad_send(&raw const request), 6);
            assert_eq!(c::resend(), 6);
        }
        c::ok_cancel();
        drop(pinned);
        // Pinned values on the stack.
        let values = [4, 5];
        let pinned = pin(&values[..]);
        let request = c::Request { values: pinned.as_ptr(), count: pinned.len() };
        // SAFETY: as above.
        assert_eq!(unsafe { c::bad_send(&raw const request) }, 9);
        c::ok_cancel();
    })
    .expect("clean");
}

#[test]
#[serial(held)]
fn what_the_held_block_leads_to_is_found_with_the_way_there() {
    let values = vec![1, 2, 3];
    let mut request = Box::new(c::Request { values: values.as_ptr(), count: values.len() });
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: C does not follow it before it is released.
        unsafe { c::bad_hold(&raw const *request) };
        drop(values);
    });
    assert_eq!(symbol(&violation), ("ffg_held".into(), 0));
    let report = violation.to_string();
    assert!(
        report.contains("what `request` of `bad_hold` leads to was freed while C holds what leads to it"),
        "{report}"
    );
    assert!(report.contains("by way of: `values` of a 16-byte block"), "{report}");
    // If it moves, too, and not if the request leads elsewhere by then, or C has let go.
    let mut values = vec![1, 2, 3];
    request.values = values.as_ptr();
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: as above.
        unsafe { c::bad_hold(&raw const *request) };
        values.extend_from_slice(&[4; 5000]);
    });
    assert!(violation.to_string().contains("was moved while"), "{violation}");
    catch(|| {
        request.values = values.as_ptr();
        // SAFETY: as above.
        unsafe { c::bad_hold(&raw const *request) };
        request.values = std::ptr::null();
        drop(std::mem::take(&mut values));
        let values = vec![5; 10];
        request.values = values.as_ptr();
        // SAFETY: as above.
        unsafe { c::bad_hold(&raw const *request) };
        c::ok_release();
        drop(values);
        assert_eq!(c::ok_hand_back(), std::ptr::null_mut());
    })
    .expect("clean");
}

#[test]
fn without_the_pin_it_is_nested() {
    let values = vec![1, 2, 3];
    let request = c::Request { values: values.as_ptr(), count: values.len() };
    expect_violation!(Rule::NestedPointer, {
        drop(pin(&values[..]));
        // SAFETY: alive; C is not called.
        unsafe { c::bad_send(&raw const request) };
    });
}

#[test]
#[serial(taken)]
fn what_is_owned_and_given_back_is_clean() {
    catch(|| {
        // SAFETY: what is given stays allocated until it is given back.
        unsafe { c::bad_take(Box::into_raw(Box::new(7))) };
        // SAFETY: from `Box::into_raw`, and back once.
        drop(unsafe { Box::from_raw(c::ok_hand_back()) });
        // Its address is still there, but C gave it back.
        // SAFETY: as above.
        unsafe { c::bad_take(Box::into_raw(Box::new(8))) };
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(c::ok_hand_back_stale()) });
        c::forget_taken();
    })
    .expect("clean");
}

#[test]
#[serial(taken)]
fn what_is_owned_by_c_and_freed_by_rust_is_found() {
    let value = Box::into_raw(Box::new(7));
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: C does not follow it before it forgets it.
        unsafe { c::bad_take(value) };
        // SAFETY: from `Box::into_raw`, and back once.
        drop(unsafe { Box::from_raw(value) });
    });
    c::forget_taken();
    assert!(violation.to_string().contains("declared `owned`"), "{violation}");
    assert_eq!(symbol(&violation).0, "ffg_taken");
}

unsafe extern "C" fn destroy(value: *mut i32) {
    // SAFETY: C hands back what came from `Box::into_raw`, once.
    drop(unsafe { Box::from_raw(value) });
}

#[test]
#[serial(destroyed)]
fn a_destructor_that_c_calls_before_it_lets_go_is_clean() {
    catch(|| {
        // SAFETY: it lives until it is destroyed.
        unsafe {
            c::ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy));
            c::ok_destroy();
        }
    })
    .expect("clean");
}

#[test]
#[serial(destroyed)]
fn a_destructor_after_which_c_does_not_let_go_is_found() {
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        // SAFETY: C does not follow it again before it forgets it.
        unsafe {
            c::ok_set_with_destructor(Box::into_raw(Box::new(7)), Some(destroy));
            c::bad_destroy();
        }
    });
    c::forget_destroyed();
    assert_eq!(symbol(&violation).0, "ffg_destroyed");
}

#[test]
fn what_is_allowed_is_not_looked_for() {
    catch(|| {
        let value = Box::new(7);
        // SAFETY: C does not follow it before it is unset.
        unsafe {
            c::allowed::set_listener(4, &raw const *value);
            // No call is blamed for what another call is allowed.
            c::bad_set_listener(5, &raw const *value);
        }
        c::ok_unset_listener(5);
        drop(value);
    })
    .expect("allowed");
    c::ok_unset_listener(4);
}

mod often {
    #[ffi_guard::guard]
    unsafe extern "C" {
        /// `bad_set_listener` with a declaration of its own. The first frees of each declaration
        /// are searched for at once: the many here must not use up those of the other tests.
        #[link_name = "ffg_bad_set_listener"]
        pub fn set_listener(slot: usize, #[guard(retained)] user: *const i32);
    }
}

#[test]
fn what_c_may_keep_and_does_not_is_clean() {
    catch(|| {
        for _ in 0..1000 {
            let value = Box::new(7);
            // SAFETY: there is no such slot: C keeps nothing.
            unsafe { often::set_listener(usize::MAX, &raw const *value) };
        }
    })
    .expect("clean");
}

#[test]
fn freed_on_another_thread_it_names_both() {
    let value = Box::new(7);
    // SAFETY: C does not follow it before it is unset.
    unsafe { c::bad_set_listener(6, &raw const *value) };
    let violation = std::thread::spawn(move || expect_violation!(Rule::FreedWhileRetained, { drop(value) }))
        .join()
        .expect("found by the thread that frees");
    c::ok_unset_listener(6);
    assert_eq!(symbol(&violation), ("ffg_listeners".into(), 48));
    assert!(violation.to_string().contains("lent on one thread and freed on another"), "{violation}");
}
