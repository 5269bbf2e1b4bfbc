//! write_through_const: C changed memory that it was lent as `*const T` or `&T`.

use std::ffi::{CString, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

use c_fixtures::write_through_const as c;
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::at_level;

#[test]
fn a_string_that_c_changes_is_found() {
    at_level("write_through_const::a_string_that_c_changes_is_found", "2", || {
        let text = CString::new("Hello").expect("no NUL in it");
        let violation = expect_violation!(Rule::WriteThroughConst, {
            // SAFETY: not sound, and that is the point: C writes to what it was lent to read.
            unsafe { c::bad_shout(text.as_ptr()) };
        });
        let report = violation.to_string();
        assert!(
            report.starts_with("ffi-guard[write_through_const]: C changed const `text` in `bad_shout`, at byte 1\n"),
            "{report}"
        );
        assert!(report.contains("there before: 65 6c 6c 6f |ello|"), "{report}");
        assert!(report.contains("there now: 45 4c 4c 4f |ELLO|"), "{report}");
    });
}

#[test]
fn a_field_is_named_on_the_heap_and_on_the_stack() {
    at_level("write_through_const::a_field_is_named_on_the_heap_and_on_the_stack", "2", || {
        let heap = Box::new(c::Key { number: 5, cached: 0 });
        // SAFETY: not sound, and that is the point.
        let violation = expect_violation!(Rule::WriteThroughConst, { unsafe { c::bad_hash(&heap) } });
        assert!(violation.to_string().contains(", in `cached`\n"), "{violation}");
        let stack = c::Key { number: 5, cached: 0 };
        // SAFETY: as above.
        let violation = expect_violation!(Rule::WriteThroughConst, { unsafe { c::bad_hash(&stack) } });
        assert!(violation.to_string().contains(", in `cached`\n"), "{violation}");
    });
}

#[test]
fn every_byte_of_the_extent_and_none_behind_it() {
    at_level("write_through_const::every_byte_of_the_extent_and_none_behind_it", "2", || {
        let mut data = vec![0_u8; 300];
        for call in 0..200 {
            // After the first calls another path is taken.
            let at = call;
            let violation = expect_violation!(Rule::WriteThroughConst, {
                // SAFETY: the vector may be written to; it is the declaration that says otherwise.
                unsafe { c::poke_const(data.as_mut_ptr(), 200, at) };
            });
            assert!(violation.to_string().contains(&format!(", at byte {at}\n")), "{violation}");
            // SAFETY: as above; nothing is there to be changed.
            catch(|| unsafe { c::poke_const(data.as_mut_ptr(), 200, 200) }).expect("clean");
        }
        // Not whole words.
        for len in [1, 3, 7, 9, 15, 17] {
            for at in 0..len {
                let violation = expect_violation!(Rule::WriteThroughConst, {
                    // SAFETY: as above.
                    unsafe { c::poke_const(data.as_mut_ptr(), len, at) }
                });
                assert!(violation.to_string().contains(&format!(", at byte {at}\n")), "{len}: {violation}");
            }
            // SAFETY: as above; nothing is there to be changed.
            catch(|| unsafe { c::poke_const(data.as_mut_ptr(), len, len) }).expect("clean");
        }
        // SAFETY: as above.
        expect_violation!(Rule::WriteThroughConst, { unsafe { c::poke_bytes(data.as_mut_ptr().cast(), 200, 7) } });
        // `void *` promises nothing about its pointee.
        // SAFETY: as above.
        catch(|| unsafe { c::poke_anything(data.as_mut_ptr().cast(), 200, 7) }).expect("clean");
    });
}

#[test]
fn of_a_long_extent_a_part_is_compared_and_the_report_says_so() {
    at_level("write_through_const::of_a_long_extent_a_part_is_compared_and_the_report_says_so", "2", || {
        let mut data = vec![0_u8; 10 << 20];
        let length = data.len();
        for at in [0, length - 1] {
            let violation = expect_violation!(Rule::WriteThroughConst, {
                // SAFETY: the vector may be written to.
                unsafe { c::poke_const(data.as_mut_ptr(), length, at) };
            });
            assert!(violation.to_string().contains("64 KiB were compared"), "{violation}");
        }
    });
}

#[test]
fn what_only_reads_is_clean() {
    at_level("write_through_const::what_only_reads_is_clean", "2", || {
        let text = CString::new("Hello World").expect("no NUL in it");
        for _ in 0..200 {
            // SAFETY: a C string.
            assert_eq!(catch(|| unsafe { c::ok_count_capitals(text.as_ptr()) }).expect("clean"), 2);
        }
    });
}

#[test]
fn repaired_by_saying_that_it_writes() {
    at_level("write_through_const::repaired_by_saying_that_it_writes", "2", || {
        let text = CString::new("Hello").expect("no NUL in it").into_raw();
        // SAFETY: a C string of our own, to be written to.
        catch(|| unsafe { c::ok_shout(text) }).expect("clean");
        // SAFETY: from `into_raw`.
        assert_eq!(unsafe { CString::from_raw(text) }.as_bytes(), b"HELLO");
    });
}

#[test]
fn repaired_by_allowing_it_where_c_keeps_something_there() {
    at_level("write_through_const::repaired_by_allowing_it_where_c_keeps_something_there", "2", || {
        let key = Box::into_raw(Box::new(c::Key { number: 5, cached: 0 }));
        // SAFETY: ours, and not shared.
        catch(|| unsafe { c::hash_and_keep(&*key) }).expect("clean");
        // SAFETY: from `into_raw`.
        assert_eq!(unsafe { Box::from_raw(key) }.cached, 155);
    });
}

#[test]
fn what_the_same_call_may_write_is_no_business_of_this_rule() {
    at_level("write_through_const::what_the_same_call_may_write_is_no_business_of_this_rule", "2", || {
        let mut pair = Box::new([1, 2]);
        let at = pair.as_mut_ptr();
        // SAFETY: both in the block, which the call is lent to write as well.
        catch(|| unsafe { c::swap(at, at.add(1)) }).expect("clean");
        assert_eq!(*pair, [2, 1]);
        let (first, mut second) = (Box::into_raw(Box::new(1)), 2);
        // SAFETY: not sound, and that is the point: the first one is lent to read alone.
        expect_violation!(Rule::WriteThroughConst, { unsafe { c::swap(first, &raw mut second) } });
        // SAFETY: from `into_raw`.
        drop(unsafe { Box::from_raw(first) });
    });
}

#[test]
fn what_can_change_behind_a_reference_is_left_alone() {
    at_level("write_through_const::what_can_change_behind_a_reference_is_left_alone", "2", || {
        let shared = Box::new(c::Shared { users: AtomicI32::new(1) });
        // SAFETY: an atomic may be changed behind a shared pointer.
        catch(|| unsafe { c::count_up(&raw const *shared) }).expect("clean");
        assert_eq!(shared.users.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn what_a_callback_of_rusts_changes_is_rusts_affair() {
    at_level("write_through_const::what_a_callback_of_rusts_changes_is_rusts_affair", "2", || {
        unsafe extern "C" fn change(user: *mut c_void) {
            // SAFETY: the number below.
            unsafe { *user.cast::<i32>() += 1 };
        }
        let value = Box::into_raw(Box::new(1));
        // SAFETY: the number lives through the call.
        catch(|| unsafe { c::each(value, Some(change), value.cast()) }).expect("clean");
        // SAFETY: from `into_raw`.
        assert_eq!(*unsafe { Box::from_raw(value) }, 2);
    });
}

#[test]
fn threads_do_not_see_each_others_copies() {
    at_level("write_through_const::threads_do_not_see_each_others_copies", "2", || {
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                scope.spawn(move || {
                    let mut data = vec![thread; 500];
                    for round in 0..300 {
                        // SAFETY: the vector may be written to.
                        let found = catch(|| unsafe {
                            c::poke_const(data.as_mut_ptr(), 500, if round % 3 == 0 { round } else { 500 });
                        });
                        assert_eq!(found.is_err(), round % 3 == 0, "{thread} {round}: {found:?}");
                    }
                });
            }
        });
    });
}

#[test]
fn what_a_call_on_another_thread_may_write_is_its_own_affair() {
    at_level("write_through_const::what_a_call_on_another_thread_may_write_is_its_own_affair", "2", || {
        /// For the other thread.
        struct Pair(*mut i32);
        // SAFETY: the pair lives until that thread is joined.
        unsafe impl Send for Pair {}
        let mut pair = Box::new([1, 2]);
        let first = pair.as_mut_ptr();
        let lent = Pair(first);
        let writer = std::thread::spawn(move || {
            let Pair(first) = { lent };
            // SAFETY: it writes while the other call, which only reads, waits for it.
            unsafe { c::write_when_asked(first) };
        });
        while c::waits() == 0 {
            std::thread::yield_now();
        }
        // Both in one block, which the call on the other thread is lent as well.
        // SAFETY: as above.
        catch(|| unsafe { c::ask_and_read(first, first.add(1)) }).expect("clean");
        writer.join().expect("clean");
        assert_eq!(*pair, [2, 2]);
    });
}

#[test]
fn each_of_many_parameters_is_told_apart() {
    at_level("write_through_const::each_of_many_parameters_is_told_apart", "2", || {
        let (from, to) = (Box::new(7), Box::new(c::Shared { users: AtomicI32::new(1) }));
        let copy = |wrong| {
            // SAFETY: live boxes; where it is wrong, C writes to what it was lent to read, and that
            // is the point.
            catch(|| unsafe {
                c::many_parameters(
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
                    &raw const *from,
                    &raw const *to,
                    wrong,
                );
            })
        };
        copy(0).expect("what may change behind a shared pointer is left alone");
        assert_eq!(to.users.load(Ordering::Relaxed), 7);
        let violation = copy(1).expect_err("what it reads is not");
        assert_eq!((violation.rule(), violation.parameter()), (Rule::WriteThroughConst, Some("from")));
    });
}
