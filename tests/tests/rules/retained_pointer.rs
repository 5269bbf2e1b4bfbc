//! retained_pointer: C still holds a pointer that it was only lent, after the call returned.
//!
//! The tests of a binary share its C globals: each test here has a place of its own, and clears it.

use c_fixtures::retained_pointer as c;
use ffi_guard::{Place, Rule, Violation, catch, checkpoint, expect_violation};

/// The C variable that a report names, and how far into it.
fn symbol(violation: &Violation) -> (String, usize) {
    match violation.place() {
        Some(Place::Global { symbol: Some(symbol), offset, .. }) => (symbol.clone(), *offset),
        other => panic!("kept in no C variable but {other:?}:\n{violation}"),
    }
}

#[test]
fn a_global_is_found_and_named() {
    let value = Box::new(7);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: a value that lives until the place is cleared.
        unsafe { c::bad_keep_global(&raw const *value) };
    });
    // SAFETY: the value still lives.
    assert_eq!(unsafe { c::read_global() }, 7, "C holds it, as the report says");
    c::forget_global();
    assert_eq!(symbol(&violation), ("ffg_kept_global".into(), 0));
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[retained_pointer]: "), "{report}");
    assert!(report.contains("ffg_kept_global"), "names the variable:\n{report}");
    assert!(report.contains("bad_keep_global"), "names the function:\n{report}");
}

#[test]
fn a_static_inside_a_function_is_found_and_named() {
    let value = Box::new(7);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: a value that lives until the place is cleared.
        unsafe { c::bad_keep_static(&raw const *value, 0) };
    });
    // SAFETY: null reads what is kept, which still lives; then null clears it.
    unsafe {
        assert_eq!(c::bad_keep_static(std::ptr::null(), 0), 7);
        c::bad_keep_static(std::ptr::null(), 1);
    }
    // The compiler numbers such a variable: `kept_inside.0`.
    let (name, offset) = symbol(&violation);
    assert!(name.starts_with("kept_inside") && offset == 0, "{name} + {offset}");
}

#[test]
fn a_slot_of_an_array_is_found_and_numbered() {
    // Next to it, in a slot of the same array, a Rust static: its address is good for ever, and C
    // may keep it.
    static FOREVER: i32 = 5;
    // SAFETY: a value that lives for ever.
    catch(|| unsafe { c::bad_keep_slot(&raw const FOREVER, 5) }).expect("clean");

    let value = Box::new(7);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: a value that lives until the place is cleared.
        unsafe { c::bad_keep_slot(&raw const *value, 3) };
    });
    // SAFETY: the value still lives.
    assert_eq!(unsafe { c::read_slot(3) + c::read_slot(5) }, 12);
    c::forget_slots();
    assert_eq!(symbol(&violation), ("ffg_kept_slots".into(), 24));
}

#[test]
fn an_interior_pointer_is_found() {
    let data: Vec<u8> = (0..32).collect();
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: bytes that live until the place is cleared.
        unsafe { c::bad_keep_interior(data.as_ptr(), data.len()) };
    });
    // SAFETY: the bytes still live.
    assert_eq!(unsafe { c::read_interior() }, 8);
    c::forget_interior();
    assert_eq!(symbol(&violation), ("ffg_kept_interior".into(), 0));
}

#[test]
fn two_of_three_arguments_are_found() {
    let (first, second, third) = (Box::new(1), Box::new(2), Box::new(3));
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: values that live until the place is cleared.
        unsafe { c::bad_keep_two(&raw const *first, &raw const *second, &raw const *third) };
    });
    // SAFETY: the values still live.
    assert_eq!(unsafe { c::read_two() }, 4);
    c::forget_two();
    // The struct begins with a counter: the two pointers are at 8 and 16.
    let (name, offset) = symbol(&violation);
    assert!(name == "ffg_kept_two" && (offset == 8 || offset == 16), "{name} + {offset}");
    let report = violation.to_string();
    assert!(report.contains("`first`") || report.contains("`third`"), "names one that was kept:\n{report}");
}

#[test]
fn keeping_and_clearing_before_the_return_is_clean() {
    let values = vec![1, 2, 3];
    // SAFETY: the count is the slice's own.
    let sum = catch(|| unsafe { c::ok_keep_and_clear(values.as_ptr(), values.len()) });
    assert_eq!(sum.expect("clean"), 6);
}

#[test]
fn keeping_a_number_made_from_the_address_is_clean() {
    let value = Box::new(7);
    catch(|| c::ok_keep_hash(&raw const *value)).expect("clean");
    assert_ne!(c::read_hash(), 0);
}

#[test]
fn keeping_a_number_that_was_given_as_one_is_clean() {
    // It equals the address of a live block, but that block was not lent: C has it from elsewhere,
    // or by chance.
    let other = Box::new(1);
    let value = Box::new(7);
    let id = (&raw const *other).addr() as u64;
    // SAFETY: a value that lives through the call.
    catch(|| unsafe { c::ok_keep_id(id, &raw const *value) }).expect("clean");
    assert_eq!(c::read_id(), id);
}

#[test]
fn repaired_by_letting_c_copy() {
    let values = vec![1, 2, 3];
    // SAFETY: the count is the slice's own.
    catch(|| unsafe { c::ok_copy(values.as_ptr(), values.len()) }).expect("clean");
    drop(values);
    assert_eq!(c::read_copy(), 6);
}

#[test]
fn repaired_by_declaring_it_retained() {
    let value = Box::new(7);
    catch(|| {
        // SAFETY: a value that lives until the listener is unset.
        unsafe {
            c::ok_set_listener(&raw const *value);
            assert_eq!(c::ok_notify(), 7);
            c::ok_set_listener(std::ptr::null());
        }
    })
    .expect("clean");
}

#[test]
fn repaired_by_leaving_it_to_c() {
    let value = Box::new(7);
    let back = catch(|| {
        // SAFETY: what is given stays allocated until it is given back.
        unsafe { c::ok_take(Box::into_raw(value)) };
        c::ok_give_back()
    });
    // SAFETY: from `Box::into_raw`, and back once.
    assert_eq!(*unsafe { Box::from_raw(back.expect("clean")) }, 7);
}

#[test]
fn what_one_of_many_parameters_may_keep_the_next_may_not() {
    let (allowed, other, third) = (Box::new(7), Box::new(8), Box::new(9));
    let keep_of = |other: &i32, which| {
        let (allowed, other) = (&raw const *allowed, std::ptr::from_ref(other));
        // SAFETY: values that live until C keeps null.
        catch(|| unsafe {
            c::keep_one_of_many(
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, allowed,
                other, which,
            );
        })
    };
    let keep = |which| keep_of(&other, which);
    // The first call of a function, and later ones, which go by what was settled then.
    for _ in 0..3 {
        keep(0).expect("this one it may keep");
        let violation = keep(1).expect_err("and the other not");
        assert_eq!((violation.rule(), violation.parameter()), (Rule::RetainedPointer, Some("other")), "{violation}");
        assert_eq!(symbol(&violation), ("ffg_kept_one_of_many".into(), 0));
    }
    // Past the first of a function, calls are noted, and settled by a sweep.
    for _ in 0..100 {
        keep(0).expect("this one it may keep");
    }
    let violation = catch(|| {
        keep_of(&third, 1).expect("nobody looks at once");
        checkpoint();
    });
    assert_eq!(violation.expect_err("the other not").parameter(), Some("other"));
    // SAFETY: it keeps null.
    unsafe {
        c::keep_one_of_many(
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            std::ptr::null(),
            std::ptr::null(),
            0,
        );
    }
}
