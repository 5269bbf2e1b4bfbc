//! The arguments of a guarded callback: checked against its attributes and Rust's heap.

use std::ffi::{c_char, c_void};
use std::ptr;

use c_fixtures::callbacks::bare::ffg_register_step;
use c_fixtures::callbacks::{call_with_text, each, fire};
use ffi_guard::{Rule, catch, expect_violation, guard};
use ffi_guard_tests::process::{at_checked_levels, at_level, is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[guard]
unsafe extern "C" fn counts(user: *mut c_void, number: i32) -> i32 {
    // SAFETY: `user` is a count; if it is not, the guard stops the callback before.
    unsafe { *user.cast::<i32>() += number };
    0
}

/// Slide 52 and after: user data is dropped while C can still call. The registering call is bare:
/// with `retained` the drop would be a `freed_while_retained`.
#[test]
fn user_data_that_is_freed_is_found_when_c_calls() {
    at_level("user_data_that_is_freed_is_found_when_c_calls", "2", || {
        let mut count = Box::new(1_i32);
        // SAFETY: what happens to it is what this is about.
        unsafe { ffg_register_step(Some(counts), ptr::from_mut(&mut *count).cast()) };
        // SAFETY: registered, and still alive.
        assert_eq!(catch(|| unsafe { fire(3) }).expect("alive"), 0);
        assert_eq!(*count, 4);
        drop(count);
        // SAFETY: the guard stops the callback before it writes.
        let violation = expect_violation!(Rule::DanglingPointer, { unsafe { fire(3) } });
        assert_eq!((violation.function(), violation.parameter()), (Some("counts"), Some("user")));
        let report = violation.to_string();
        assert!(
            report.starts_with("ffi-guard[dangling_pointer]: `user` of `counts` points to freed memory"),
            "{report}"
        );
        // The report says who freed it, and that C called.
        assert!(
            report.contains("freed: …s/callbacks_arguments.rs:32:9 ")
                || report.contains("freed: tests/tests/callbacks_arguments.rs:32:9 "),
            "{report}"
        );
        assert!(report.contains("called by C: on thread "), "{report}");
        // C is told to forget it, as the report advises.
        // SAFETY: no user data.
        unsafe { ffg_register_step(None, ptr::null_mut()) };
    });
}

#[test]
fn at_level_1_too() {
    at_level("at_level_1_too", "1", || {
        let count = Box::into_raw(Box::new(1_i32));
        // SAFETY: as above.
        unsafe {
            ffg_register_step(Some(counts), count.cast());
            drop(Box::from_raw(count));
            expect_violation!(Rule::DanglingPointer, { fire(3) });
            ffg_register_step(None, ptr::null_mut());
        }
    });
}

/// On a thread of C's no Rust frame can catch the panic.
#[test]
fn on_a_thread_that_c_made_it_is_told_before_the_end() {
    if is_child() {
        let count = Box::into_raw(Box::new(1_i32));
        // SAFETY: as above.
        unsafe {
            drop(Box::from_raw(count));
            each_on_thread(counts, count.expose_provenance());
        }
        return;
    }
    for level in ["1", "2"] {
        let output = run_self("on_a_thread_that_c_made_it_is_told_before_the_end", &[("GUARD", level)]);
        let stderr = stderr(&output);
        assert!(!output.status.success());
        assert_eq!(stderr.matches("ffi-guard[dangling_pointer]: `user` of `counts`").count(), 1, "{stderr}");
        assert!(stderr.contains("ffi-guard: `counts`, which C called, panicked, and no guarded call"), "{stderr}");
    }
}

/// Through a number, so that the call itself is handed nothing that is freed.
unsafe fn each_on_thread(step: c_fixtures::callbacks::Step, user: usize) {
    unsafe extern "C" {
        fn ffg_call_each_on_thread(step: c_fixtures::callbacks::Step, user: usize, rounds: i32) -> i32;
    }
    // SAFETY: as promised by the caller.
    unsafe { ffg_call_each_on_thread(step, user, 1) };
}

#[test]
fn numbers_in_a_pointers_clothes_and_cs_own_memory_are_clean() {
    #[guard]
    unsafe extern "C" fn takes(_: *mut c_void, _: i32) -> i32 {
        0
    }
    at_checked_levels("numbers_in_a_pointers_clothes_and_cs_own_memory_are_clean", || {
        // SAFETY: from `malloc`.
        let of_c = unsafe { libc::malloc(100) };
        let boxed = Box::new([1_u8; 3]);
        let past = boxed.as_ptr().wrapping_add(3).cast_mut().cast();
        for user in
            [ptr::null_mut(), ptr::without_provenance_mut(1), ptr::without_provenance_mut(usize::MAX), of_c, past]
        {
            // SAFETY: the callback does not read it.
            catch(|| unsafe { each(takes, user, 1) }).unwrap_or_else(|violation| panic!("{user:?}:\n{violation}"));
        }
        // SAFETY: as above.
        unsafe { libc::free(of_c) };
    });
}

#[guard]
unsafe extern "C" fn reads_string(_: *mut c_void, #[guard(cstr, nonnull)] text: *const c_char, _bytes: usize) -> i32 {
    // SAFETY: a string; if it is not, the guard stops the callback before.
    i32::try_from(unsafe { std::ffi::CStr::from_ptr(text) }.count_bytes()).unwrap_or(-1)
}

#[guard]
unsafe extern "C" fn reads_bytes(_: *mut c_void, #[guard(sized_by = bytes)] text: *const c_char, bytes: usize) -> i32 {
    let _ = text;
    i32::try_from(bytes).unwrap_or(-1)
}

#[guard]
unsafe extern "C" fn reads_words(_: *mut c_void, #[guard(counted_by = n)] words: *const u32, n: usize) -> i32 {
    let _ = words;
    i32::try_from(n).unwrap_or(-1)
}

#[test]
fn what_the_attributes_state_is_looked_at() {
    at_checked_levels("what_the_attributes_state_is_looked_at", || {
        let text = String::from("four");
        let bytes = text.as_ptr().cast::<c_char>();
        let call = |step, text, bytes| {
            // SAFETY: a wrong argument is found by the guard before the callback reads it.
            catch(|| unsafe { call_with_text(step, ptr::null_mut(), text, bytes) })
        };
        assert_eq!(call(reads_string, c"four".as_ptr(), 0).expect("a literal"), 4);
        let found = call(reads_string, bytes, 0).expect_err("no NUL");
        assert_eq!((found.rule(), found.parameter()), (Rule::UnterminatedString, Some("text")));
        let found = call(reads_string, ptr::null(), 0).expect_err("null");
        assert_eq!((found.rule(), found.function()), (Rule::NullPointer, Some("reads_string")));
        assert_eq!(call(reads_bytes, bytes, 4).expect("all there"), 4);
        let found = call(reads_bytes, bytes, 5).expect_err("one too many");
        assert_eq!((found.rule(), found.parameter()), (Rule::OutOfBounds, Some("text")));
        // The end of C's memory is not known.
        assert_eq!(call(reads_bytes, c"four".as_ptr(), 500).expect("not judged"), 500);
        // SAFETY: the same but for the type behind the pointer.
        let reads_words: c_fixtures::callbacks::TextStep = unsafe {
            std::mem::transmute::<unsafe extern "C" fn(*mut c_void, *const u32, usize) -> i32, _>(reads_words)
        };
        let words = Box::new([0_u32; 4]);
        let at = words.as_ptr().cast::<c_char>();
        assert_eq!(call(reads_words, at, 4).expect("all there"), 4);
        assert_eq!(call(reads_words, at.wrapping_add(1), 1).expect_err("odd").rule(), Rule::MisalignedPointer);
        assert_eq!(call(reads_words, at.wrapping_add(4), 4).expect_err("too many").rule(), Rule::OutOfBounds);
    });
}

/// A callback without attributes may read what it likes, and C may hand on what it was lent.
#[test]
fn a_bare_pointer_states_nothing() {
    #[guard]
    unsafe extern "C" fn takes(_: *mut c_void, end: *const c_char, _: usize) -> i32 {
        i32::from(end.is_null())
    }
    at_checked_levels("a_bare_pointer_states_nothing", || {
        let nested = Box::new(Box::new(1_u64));
        let inside = ptr::from_ref(&*nested).cast::<c_char>().wrapping_add(3);
        // SAFETY: the callback does not read.
        let said = catch(|| unsafe { call_with_text(takes, ptr::null_mut(), inside, 0) });
        assert_eq!(said.expect("odd, and next to a pointer"), 0);
    });
}

#[test]
fn severities_hold_for_callbacks() {
    #[guard(allow(dangling_pointer))]
    unsafe extern "C" fn lax(_: *mut c_void, _: i32) -> i32 {
        0
    }
    #[guard]
    unsafe extern "C" fn warned(#[guard(warn(dangling_pointer))] _: *mut c_void, _: i32) -> i32 {
        0
    }
    if is_child() {
        let freed = Box::into_raw(Box::new(1_i32));
        // SAFETY: the callback does not read.
        unsafe {
            ffg_register_step(Some(lax), freed.cast());
            drop(Box::from_raw(freed));
            assert_eq!(fire(0), 0);
            let freed = Box::into_raw(Box::new(1_i32));
            ffg_register_step(Some(warned), freed.cast());
            drop(Box::from_raw(freed));
            assert_eq!(fire(0), 0);
        }
        return;
    }
    let output = run_self("severities_hold_for_callbacks", &[("GUARD", "2")]);
    let stderr = stderr(&output);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.matches("ffi-guard[dangling_pointer]: `arg1` of `warned`").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("ffi-guard[").count(), 1, "{stderr}");
}
