//! `#[guard(copied)]` and `GUARD_COPY=1`: C works on a copy between pages without access.

// A `Vec` lies on the heap and an array does not, and where a block lies is what this is about.
#![allow(clippy::useless_vec)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::process::Command;
use std::ptr;

use c_fixtures::copied::{self, Item, List, plain};
use ffi_guard::{Level, Rule, catch, level};
use ffi_guard_tests::process::{COPY, at_levels, end_if_stuck, is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Runs the body in processes of their own at levels 1 to 3.
fn checked(test: &str, body: impl Fn()) {
    at_levels(test, &["1", "2", "3"], body);
}

/// Runs the body with `GUARD_COPY=1`, in a process of its own.
fn under_guard_copy(test: &str, body: impl Fn()) {
    if is_child() {
        return body();
    }
    for level in ["1", "2"] {
        let output = run_self(test, &[("GUARD", level), ("GUARD_COPY", "1")]);
        assert!(output.status.success(), "{test} at GUARD={level}:\n{}", stderr(&output));
    }
}

/// Expects the body to end its process by a fault, at levels 1 and 2, with a report that begins
/// like this. `variables` are set as well.
fn faults(test: &str, variables: &[(&str, &str)], first: &str, body: impl Fn()) {
    use std::os::unix::process::ExitStatusExt as _;
    if is_child() {
        return body();
    }
    for level in ["1", "2"] {
        let variables: Vec<_> = [("GUARD", level)].into_iter().chain(variables.iter().copied()).collect();
        let output = run_self(test, &variables);
        let said = stderr(&output);
        println!("{said}");
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{test} at GUARD={level}: {}\n{said}", output.status);
        assert!(said.lines().any(|line| line == format!("ffi-guard{first}")), "at GUARD={level}:\n{said}");
        assert!(
            said.contains(" to bad_") && said.contains("ffg_bad_copied_"),
            "the call, and the function in C:\n{said}"
        );
    }
}

/// True if C is handed this very address.
fn is_at_home(data: &[u8]) -> bool {
    // SAFETY: a live slice.
    unsafe { copied::ok_is_at(data.as_ptr(), data.len(), !data.as_ptr().addr()) != 0 }
}

#[test]
fn heap_stack_and_statics_are_copied_from_level_1_on() {
    static IN_A_STATIC: [u8; 5] = *b"bytes";
    if !is_child() {
        at_levels("heap_stack_and_statics_are_copied_from_level_1_on", &["0", "1", "2"], || {});
        return;
    }
    let (on_the_heap, on_the_stack) = (vec![1_u8; 100], [2_u8; 7]);
    let copied = level() >= Level::Arguments;
    for data in [&on_the_heap[..], &on_the_heap[30..60], &on_the_stack, &IN_A_STATIC] {
        assert_eq!(is_at_home(data), !copied, "{data:?}");
    }
    // SAFETY: null and nothing behind it.
    assert_eq!(unsafe { copied::ok_is_at(ptr::null(), 0, !0) }, 1, "null stays null");
}

#[test]
fn what_c_writes_comes_home() {
    checked("what_c_writes_comes_home", || {
        let mut on_the_heap = vec![7_u8; 5000];
        // SAFETY: a live slice.
        unsafe { copied::ok_add_one(on_the_heap[100..4900].as_mut_ptr(), 4800) };
        assert!(on_the_heap[100..4900].iter().all(|&byte| byte == 8));
        assert!(on_the_heap[..100].iter().chain(&on_the_heap[4900..]).all(|&byte| byte == 7));
        let mut on_the_stack = [1_u8, 2, 3];
        // SAFETY: a live array.
        unsafe { copied::ok_add_one(on_the_stack.as_mut_ptr(), 3) };
        assert_eq!(on_the_stack, [2, 3, 4]);
        // Bytes of an `out` that C does not write keep their values.
        let mut partly = [9_u8; 64];
        // SAFETY: a live array.
        unsafe { copied::ok_fill(partly.as_mut_ptr(), 64, 10, 1) };
        assert_eq!((&partly[..10], &partly[10..]), (&[1; 10][..], &[9; 54][..]));
    });
}

#[test]
fn pointers_into_a_copy_are_translated_back() {
    checked("pointers_into_a_copy_are_translated_back", || {
        let text = c"12 monkeys".to_owned();
        // SAFETY: a string; what is returned leads into it.
        unsafe {
            assert_eq!(copied::ok_find(text.as_ptr(), b'm' as c_char), text.as_ptr().add(3));
            assert_eq!(copied::ok_find(text.as_ptr(), 0), text.as_ptr().add(10), "its end, too");
            assert!(copied::ok_find(text.as_ptr(), b'z' as c_char).is_null());
        }
        let mut end = ptr::null();
        // SAFETY: a string, and a place for a pointer.
        assert_eq!(unsafe { copied::ok_parse(text.as_ptr(), &raw mut end) }, 12);
        assert_eq!(end, text.as_ptr().wrapping_add(2), "stored where it was lent no copy");
        let mut end = Box::new(ptr::null());
        // SAFETY: as above.
        assert_eq!(unsafe { copied::ok_parse_both(text.as_ptr(), &mut end) }, 12);
        assert_eq!(*end, text.as_ptr().wrapping_add(2), "stored in a copy");
        let data = [1_u8, 2, 3, 4];
        // SAFETY: a live array.
        let tail = unsafe { copied::ok_tail(data.as_ptr(), 4, 3) };
        assert_eq!((tail.start, tail.count), (data[1..].as_ptr(), 3), "in a struct by value");
    });
}

#[test]
fn arguments_that_belong_together_stay_together() {
    checked("arguments_that_belong_together_stay_together", || {
        // Overlapping: they share a copy.
        let mut data: Vec<u8> = (0..32).collect();
        let expected: Vec<u8> = (0..4).chain(0..24).chain(28..32).collect();
        let start = data.as_mut_ptr();
        // SAFETY: both pieces lie in the vector.
        let to = unsafe { copied::ok_move(start.add(4).cast(), start.cast_const().cast(), 24) };
        assert_eq!(to, start.wrapping_add(4).cast(), "what `memmove` returns");
        assert_eq!(data, expected);
        let mut on_the_stack = [1_u8, 2, 3, 4, 5];
        let start = on_the_stack.as_mut_ptr();
        // SAFETY: both pieces lie in the array.
        unsafe { copied::ok_move(start.cast(), start.add(1).cast_const().cast(), 4) };
        assert_eq!(on_the_stack, [2, 3, 4, 5, 5]);
        // The end of one is known, and the other is not copied: so neither is.
        let data = [1_u8, 2, 3];
        let range = data.as_ptr_range();
        // SAFETY: the ends of one array.
        assert_eq!(unsafe { copied::ok_sum_between(range.start, range.end) }, 6);
    });
}

#[test]
fn what_holds_its_own_address_is_left_where_it_is() {
    checked("what_holds_its_own_address_is_left_where_it_is", || {
        let mut list = Box::new(List { first: ptr::null_mut(), last: ptr::null_mut() });
        let items = [1, 2].map(|value| Box::into_raw(Box::new(Item { next: ptr::null_mut(), value })));
        // SAFETY: a live list and live items, all of which are freed below.
        unsafe {
            copied::ok_list_begin(&mut list);
            assert_eq!(list.last, &raw mut list.first, "translated, as the list was copied");
            for item in items {
                copied::ok_list_add(&mut list, item);
            }
            assert_eq!((list.first, (*items[0]).next, list.last), (items[0], items[1], &raw mut (*items[1]).next));
            list.first = ptr::null_mut();
            items.into_iter().for_each(|item| drop(Box::from_raw(item)));
        }
    });
}

#[test]
fn callbacks_see_the_copy_and_what_they_do_to_the_original_stays() {
    unsafe extern "C" fn back(user: *mut c_void, data: *mut u8) {
        // SAFETY: `user` is the vector's own start, which the caller lends out no more than by
        // this; `data` is C's copy of it.
        unsafe {
            let home: *mut u8 = user.cast::<*mut u8>().read();
            assert_ne!(home, data);
            assert_eq!((*home, *data), (5, 5));
            *home.add(1) = 50;
            *data.add(2) = 60;
            // A guarded call in the middle, of the same bytes.
            copied::ok_add_one(home.add(3), 1);
        }
    }
    checked("callbacks_see_the_copy_and_what_they_do_to_the_original_stays", || {
        let mut data = vec![5_u8; 4];
        let mut home = data.as_mut_ptr();
        // SAFETY: a live vector; `user` leads to a local that outlives the call.
        unsafe { copied::ok_call_back(home, 4, back, (&raw mut home).cast()) };
        assert_eq!(data, [6, 50, 60, 6]);
    });
}

#[test]
fn a_block_that_a_callback_frees_is_not_written_to() {
    unsafe extern "C" fn back(user: *mut c_void, _: *mut u8) {
        // SAFETY: the caller's vector.
        unsafe { *user.cast::<Vec<u8>>() = vec![3; 4] };
    }
    checked("a_block_that_a_callback_frees_is_not_written_to", || {
        let mut data = vec![5_u8; 4];
        let start = data.as_mut_ptr();
        // SAFETY: the copy is C's until it returns, whatever becomes of the vector.
        unsafe { copied::ok_call_back(start, 4, back, (&raw mut data).cast()) };
        assert_eq!(data, [3; 4]);
    });
}

#[test]
fn jumps_out_of_c_give_the_copy_up() {
    unsafe extern "C" fn back(_: *mut u8) -> c_int {
        let mut inner = [1_u8, 2];
        // SAFETY: a live array, and no destructor between here and where C jumps to.
        unsafe { copied::ok_throw(inner.as_mut_ptr(), 2) };
        0
    }
    checked("jumps_out_of_c_give_the_copy_up", || {
        for _ in 0..1000 {
            let mut data = [7_u8; 3];
            // SAFETY: a live array.
            assert_eq!(unsafe { copied::ok_catch(data.as_mut_ptr(), 3, back) }, 1);
            assert_eq!(data, [7; 3]);
        }
        assert!(!is_at_home(&[1]), "more than the copies that there can be at a time");
    });
}

#[test]
fn panics_come_through_and_what_c_wrote_before_is_there() {
    #[ffi_guard::guard]
    unsafe extern "C" fn back(_: *mut c_void, data: *mut u8) {
        // SAFETY: C's copy.
        unsafe { *data = 40 };
        panic!("of the callback");
    }
    checked("panics_come_through_and_what_c_wrote_before_is_there", || {
        let mut data = vec![5_u8; 4];
        let start = data.as_mut_ptr();
        let outcome = std::panic::catch_unwind(|| {
            // SAFETY: a live vector.
            unsafe { copied::ok_call_back(start, 4, back, ptr::null_mut()) };
        });
        let payload = outcome.expect_err("the panic is parked, and resumed when C has returned");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"of the callback"));
        assert_eq!(data, [41, 5, 5, 5]);
    });
}

#[test]
fn threads_and_forks_have_copies_of_their_own() {
    checked("threads_and_forks_have_copies_of_their_own", || {
        end_if_stuck();
        let work = || {
            for i in 0..200_usize {
                let mut data = vec![1_u8; i % 90 + 1];
                // SAFETY: a live vector.
                unsafe { copied::ok_add_one(data.as_mut_ptr(), data.len()) };
                assert!(data.iter().all(|&byte| byte == 2));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(work);
            }
            for _ in 0..20 {
                // SAFETY: the child makes guarded calls and ends.
                unsafe {
                    let child = libc::fork();
                    if child == 0 {
                        let mut data = [1_u8; 3];
                        copied::ok_add_one(data.as_mut_ptr(), 3);
                        libc::_exit(c_int::from(data != [2; 3]));
                    }
                    let mut status = 0;
                    assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                    assert_eq!(status, 0);
                }
            }
        });
    });
}

#[test]
fn little_address_space_is_said_and_no_more() {
    const TEST: &str = "little_address_space_is_said_and_no_more";
    if is_child() {
        let mut data = vec![1_u8; 8 << 20];
        // SAFETY: a live vector, too large for the copies that there is room for.
        unsafe { copied::ok_add_one(data.as_mut_ptr(), data.len()) };
        assert!(data.iter().all(|&byte| byte == 2));
        return;
    }
    let output = ffi_guard_tests::process::run_self_behind("ulimit -v 400000;", TEST, &[("GUARD", "1")]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn under_guard_copy_all_that_is_stated_is_copied() {
    under_guard_copy("under_guard_copy_all_that_is_stated_is_copied", || {
        let on_the_heap = vec![1_u8; 24];
        let on_the_stack = [1_u8; 5];
        let address = on_the_heap.as_ptr();
        // SAFETY: live bytes, in each case.
        unsafe {
            assert_eq!(plain::ok_is_at(address, 24, !address.addr()), 0);
            assert_eq!(plain::ok_is_at(on_the_stack.as_ptr(), 5, !on_the_stack.as_ptr().addr()), 0);
            assert_eq!(plain::ok_is_at_unstated(address, 24, !address.addr()), 0, "the whole block");
            // Memory that was retained once is known by its address, in other calls as well.
            assert_eq!(plain::ok_is_at_retained(address, 24, !address.addr()), 1);
            assert_eq!(plain::ok_is_at(address, 24, !address.addr()), 1);
            // An address among the arguments.
            assert_eq!(plain::ok_is_at(address, 24, address.addr()), 0);
            // Statics, which C may keep; what is pinned; what is not stated, on the stack.
            static IN_A_STATIC: [u8; 5] = *b"bytes";
            let fixed = IN_A_STATIC.as_ptr();
            assert_eq!(plain::ok_is_at(fixed, 5, !fixed.addr()), 1);
            let pinned = vec![1_u8; 24];
            let pin = ffi_guard::pin(&pinned[0]);
            assert_eq!(plain::ok_is_at(pinned.as_ptr(), 24, !pinned.as_ptr().addr()), 1);
            drop(pin);
            assert_eq!(plain::ok_is_at_unstated(on_the_stack.as_ptr(), 5, !on_the_stack.as_ptr().addr()), 1);
        }
    });
}

#[test]
fn under_guard_copy_declarations_that_say_little_work_on() {
    under_guard_copy("under_guard_copy_declarations_that_say_little_work_on", || {
        let mut data = vec![1_u8; 24];
        // SAFETY: the last twelve bytes; the declaration says one.
        unsafe { plain::ok_add_one_unstated(data.as_mut_ptr().add(12), 12) };
        assert_eq!((&data[..12], &data[12..]), (&[1; 12][..], &[2; 12][..]));
        let mut on_the_stack = [1_u8; 24];
        // SAFETY: as above.
        unsafe { plain::ok_add_one_unstated(on_the_stack.as_mut_ptr(), 24) };
        assert_eq!(on_the_stack, [2; 24]);
        let text = c"7 samurai".to_owned();
        let mut end = ptr::null();
        // SAFETY: a string, and a place for a pointer.
        unsafe {
            assert_eq!(plain::ok_parse(text.as_ptr(), &raw mut end), 7);
            assert_eq!(CStr::from_ptr(end), c" samurai");
            assert_eq!(plain::ok_find(text.as_ptr(), b's' as c_char), text.as_ptr().add(2));
        }
        let mut list = Box::new(List { first: ptr::null_mut(), last: ptr::null_mut() });
        // SAFETY: a live list.
        unsafe { plain::ok_list_begin(&mut *list) };
        assert_eq!(list.last, &raw mut list.first);
    });
}

/// The tests of the C library, SQLite and zlib once more, each call of theirs on copies.
#[test]
fn under_guard_copy_real_libraries_work_as_without() {
    const TESTS: [&str; 5] = ["robust_libc", "sqlite", "sqlite_callbacks", "zlib", "macro_calls"];
    if std::env::var_os(COPY).is_some() {
        return;
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder that this was built in");
    let mut cargo = Command::new(env!("CARGO"));
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("GUARD")) {
            cargo.env_remove(name);
        }
    }
    // For tests that run a process of their own, and for those that do not.
    cargo.env(COPY, "1").env("GUARD_COPY", "1");
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["test", "--locked", "--no-fail-fast"]);
    cargo.arg("--target-dir").arg(target).args(TESTS.iter().flat_map(|test| ["--test", test]));
    if cfg!(feature = "c-heap") {
        cargo.args(["--features", "c-heap"]);
    }
    let output = cargo.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("test result: ok.").count(), TESTS.len(), "{said}");
}

#[test]
fn a_read_one_byte_past_the_end_faults() {
    const FIRST: &str = "[buffer_overflow]: C read 1 byte past the end of the 10-byte copy of `data`";
    faults("a_read_one_byte_past_the_end_faults", &[], FIRST, || {
        let data = [1_u8; 10];
        // SAFETY: not sound, and that is the point: the byte behind the array.
        unsafe { copied::bad_peek(data.as_ptr(), 10, 10) };
    });
}

#[test]
fn a_read_past_a_strings_nul_faults() {
    const FIRST: &str = "[buffer_overflow]: C read 1 byte past the end of the 9-byte copy of `text`";
    faults("a_read_past_a_strings_nul_faults", &[], FIRST, || {
        let text = c"eight ch".to_owned();
        // SAFETY: not sound, and that is the point.
        unsafe { copied::bad_peek_text(text.as_ptr(), 9) };
    });
}

#[test]
fn a_read_a_page_before_the_start_faults() {
    const FIRST: &str = "[buffer_overflow]: C read 4096 bytes before the start of the 10-byte copy of `data`";
    faults("a_read_a_page_before_the_start_faults", &[], FIRST, || {
        let data = [1_u8; 10];
        // SAFETY: not sound, and that is the point.
        unsafe { copied::bad_peek(data.as_ptr(), 10, -4096) };
    });
}

#[test]
fn a_write_one_byte_past_the_end_faults() {
    const FIRST: &str = "[buffer_overflow]: C wrote 1 byte past the end of the 10-byte copy of `data`";
    faults("a_write_one_byte_past_the_end_faults", &[], FIRST, || {
        let mut data = vec![1_u8; 10];
        // SAFETY: not sound, and that is the point.
        unsafe { copied::bad_poke(data.as_mut_ptr(), 10, 10, 0) };
    });
}

#[test]
fn under_guard_copy_a_read_past_the_end_faults() {
    const FIRST: &str = "[buffer_overflow]: C read 1 byte past the end of the 10-byte copy of `data`";
    let variables = [("GUARD_COPY", "1")];
    faults("under_guard_copy_a_read_past_the_end_faults", &variables, FIRST, || {
        let data = vec![1_u8; 10];
        // SAFETY: not sound, and that is the point.
        unsafe { plain::bad_peek_unstated(data.as_ptr(), 10, 10) };
    });
}

#[test]
fn a_use_of_what_was_kept_faults() {
    const FIRST: &str =
        "[retained_pointer]: C read byte 0 of the 10-byte copy of `data`, after the call that it was for";
    if is_child() {
        let data = vec![1_u8; 10];
        // SAFETY: C keeps the pointer, and uses it when the call is over.
        let kept = catch(|| unsafe { copied::bad_keep(data.as_ptr(), 10) });
        assert_eq!(kept.is_err(), level() == Level::Full, "{kept:?}");
        // The original is still there. C has a pointer to what was the copy.
        copied::bad_use_kept();
    }
    faults("a_use_of_what_was_kept_faults", &[], FIRST, || {});
}

#[test]
fn what_c_kept_of_a_copy_is_named_at_level_2() {
    at_levels("what_c_kept_of_a_copy_is_named_at_level_2", &["2"], || {
        let data = vec![1_u8; 10];
        // SAFETY: C keeps the pointer, and forgets it unused.
        let violation = catch(|| unsafe { copied::bad_keep(data.as_ptr(), 10) }).expect_err("kept");
        copied::ok_forget();
        assert_eq!(violation.rule(), Rule::RetainedPointer);
        assert!(violation.to_string().contains("ffg_copied_kept"), "{violation}");
        assert_eq!(violation.argument_address(), Some(data.as_ptr().addr()));
    });
}

#[test]
fn what_was_written_beside_the_copy_is_told_and_no_byte_of_rusts_is_overwritten() {
    checked("what_was_written_beside_the_copy_is_told_and_no_byte_of_rusts_is_overwritten", || {
        let mut words = vec![[1_u8; 12]; 2];
        let start = words.as_mut_ptr().cast::<u8>();
        // SAFETY: not sound without the copy, and that is the point: the byte before the piece that
        // is lent.
        let violation =
            catch(|| unsafe { copied::bad_poke(start.add(12), 12, -3, b'x') }).expect_err("before the start");
        let report = violation.to_string();
        println!("{report}");
        assert_eq!(violation.rule(), Rule::BufferOverflow);
        assert!(report.contains("1 byte before the start of `data` in `bad_poke`"), "{report}");
        assert!(report.contains("78 |x|"), "{report}");
        assert_eq!(words, [[1; 12]; 2]);
    });
}

#[test]
fn a_write_past_the_end_of_what_must_be_aligned_is_told() {
    checked("a_write_past_the_end_of_what_must_be_aligned_is_told", || {
        // The copy begins at a multiple of 16, as `malloc`'s memory does: up to 15 bytes are left
        // after it.
        let mut data = [0_u8; 24];
        let start = data.as_mut_ptr();
        // SAFETY: not sound without the copy, and that is the point: C gets twenty bytes, and
        // writes the next.
        let violation = catch(|| unsafe { copied::bad_poke_any(start.cast(), 20, 21, 7) }).expect_err("past the end");
        assert_eq!(violation.rule(), Rule::BufferOverflow);
        assert!(violation.to_string().contains("past the end"), "{violation}");
        assert_eq!(data, [0; 24]);
    });
}

#[test]
fn a_write_through_const_is_told_and_undone() {
    checked("a_write_through_const_is_told_and_undone", || {
        let text = c"mixed Case".to_owned();
        // SAFETY: not sound without the copy: C writes to what Rust takes for unchanging.
        let violation = catch(|| unsafe { copied::bad_shout(text.as_ptr()) }).expect_err("const");
        let report = violation.to_string();
        println!("{report}");
        assert_eq!(violation.rule(), Rule::WriteThroughConst);
        assert!(report.contains("`text`") && report.contains("bad_shout"), "{report}");
        assert_eq!(text.as_c_str(), c"mixed Case", "C wrote to its copy");
        // SAFETY: a literal is read-only: without the copy this is a fault.
        let violation = catch(|| unsafe { copied::bad_shout(c"literal".as_ptr()) }).expect_err("const");
        assert_eq!(violation.rule(), Rule::WriteThroughConst);
        // A caller who allows it gets what C wrote.
        let mut text = *b"mixed\0";
        // SAFETY: the array is the caller's to change.
        unsafe { copied::bad_shout_allowed((&raw mut text).cast()) };
        assert_eq!(text, *b"MIXED\0");
    });
}

#[test]
fn a_callback_that_writes_is_not_c() {
    unsafe extern "C" fn back(_: *mut c_void, data: *mut u8) {
        // SAFETY: C's copy; the array that it is of is the caller's to change.
        unsafe { *data = 9 };
    }
    checked("a_callback_that_writes_is_not_c", || {
        let mut data = [1_u8; 3];
        // SAFETY: a live array, of which C changes the first byte.
        unsafe { copied::ok_call_back((&raw mut data).cast(), 3, back, ptr::null_mut()) };
        assert_eq!(data, [10, 1, 1]);
    });
}

#[test]
fn a_fault_that_is_warned_of_or_allowed_goes_on() {
    const TEST: &str = "a_fault_that_is_warned_of_or_allowed_goes_on";
    if is_child() {
        for _ in 0..3 {
            let data = [1_u8; 10];
            // SAFETY: not sound, and that is the point: the byte behind the array.
            unsafe { copied::bad_peek(data.as_ptr(), 10, 10) };
            assert!(!is_at_home(&data));
        }
        return;
    }
    for (variable, value, times) in [
        ("GUARD_WARN", "buffer_overflow", 3),
        ("GUARD_ON_VIOLATION", "report", 3),
        ("GUARD_ALLOW", "buffer_overflow", 0),
    ] {
        let output = run_self(TEST, &[("GUARD", "1"), (variable, value)]);
        let said = stderr(&output);
        assert!(output.status.success(), "{variable}={value}: {}\n{said}", output.status);
        assert_eq!(said.matches("ffi-guard[buffer_overflow]: ").count(), times, "{variable}={value}:\n{said}");
    }
}

#[test]
fn with_statistics_on_copies_are_made_all_the_same() {
    const TEST: &str = "with_statistics_on_copies_are_made_all_the_same";
    if is_child() {
        let mut data = vec![1_u8; 40];
        // SAFETY: a live vector.
        unsafe { copied::ok_add_one(data.as_mut_ptr(), 40) };
        assert!(!is_at_home(&data) && data.iter().all(|&byte| byte == 2));
        // SAFETY: not sound without the copy: the byte before what is lent.
        catch(|| unsafe { copied::bad_poke(data.as_mut_ptr().add(12), 12, -3, 0) }).expect_err("before the start");
        return;
    }
    for level in ["1", "2"] {
        let output = run_self(TEST, &[("GUARD", level), ("GUARD_STATS", "1")]);
        assert!(output.status.success(), "at GUARD={level}:\n{}", stderr(&output));
        assert!(stderr(&output).contains("ok_add_one"), "the table counts it:\n{}", stderr(&output));
    }
}
