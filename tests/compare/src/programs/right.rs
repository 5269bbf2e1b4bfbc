//! The programs without the mistakes: any report on them is a false alarm.

use std::ffi::CString;
use std::hint::black_box;
use std::ptr;

use c_fixtures::abi_mismatch::ok_scale;
use c_fixtures::alloc_dealloc_mismatch::{free_it, greeting, ok_done_with};
use c_fixtures::buffer_overflow::ok_label;
use c_fixtures::c_heap::{forget_nodes, ok_copy_to_node, sum_nodes};
use c_fixtures::clashing_declaration::ok_deposit;
use c_fixtures::dangling_field::{Label, bad_label_length};
use c_fixtures::dangling_pointer::ok_name_length;
use c_fixtures::double_free::{hold, ok_yield_up};
use c_fixtures::freed_while_retained::{bad_set_listener, notify, ok_unset_listener};
use c_fixtures::invalid_result::ok_blob;
use c_fixtures::invalid_value::ok_is_open;
use c_fixtures::leaked_ownership::ok_open_named;
use c_fixtures::misaligned_pointer::ok_sum_words;
use c_fixtures::null_pointer::ok_first;
use c_fixtures::out_of_bounds::ok_sum_ints;
use c_fixtures::retained_pointer::{ok_copy, read_copy};
use c_fixtures::returned_pointer::{name_length, ok_name_of};
use c_fixtures::slides::{ComplexStruct, SomeStruct, process_complex_struct};
use c_fixtures::split_library::ok_meter_add;
use c_fixtures::stale_handle::{subscribe, tick, unsubscribe};
use c_fixtures::uninitialised_memory::checksum;
use c_fixtures::unterminated_string::bad_count_spaces;
use c_fixtures::use_after_free::{bad_set_log, log_letter};
use c_fixtures::write_through_const::ok_count_capitals;
use c_fixtures::wrong_thread::{bad_window_draw, window_close, window_open};
use ffi_guard::{CArena, Callback};

use super::further::{Ticks, count_tick, declared};

pub(super) fn nested_pointer() {
    let arena = CArena::new();
    let some = arena.put(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: some, y: ptr::null_mut() });
    // SAFETY: both live longer than the call.
    unsafe { process_complex_struct(&*complex) };
}

pub(super) fn dangling_pointer() {
    let owner = CString::new("session").expect("no NUL in it");
    // SAFETY: a C string that lives longer than the call.
    unsafe { ok_name_length(owner.as_ptr()) };
}

pub(super) fn dangling_field() {
    let label = Label { width: 40, text: c"a label".as_ptr() };
    // SAFETY: a literal.
    black_box(unsafe { bad_label_length(&label) });
}

pub(super) fn out_of_bounds() {
    let values = black_box(vec![1, 2, 3, 4, 5, 6]);
    // SAFETY: as many as there are.
    unsafe { ok_sum_ints(values.as_ptr(), 6) };
}

pub(super) fn unterminated_string() {
    let text = CString::new("lent to C").expect("no NUL in it");
    // SAFETY: a C string.
    unsafe { bad_count_spaces(text.as_ptr()) };
}

pub(super) fn null_pointer() {
    // SAFETY: C asks.
    unsafe { ok_first(ptr::null(), 0) };
}

pub(super) fn misaligned_pointer() {
    let message = Box::new([0_u8; 24]);
    let (_kind, words) = message.split_at(1);
    // SAFETY: 16 bytes, at any address.
    unsafe { ok_sum_words(words.as_ptr().cast(), 2) };
}

pub(super) fn abi_mismatch() {
    // SAFETY: as C has it.
    assert_eq!(unsafe { ok_scale(-3, 2) }, -6);
}

pub(super) fn clashing_declaration() {
    // SAFETY: as C has it, and whoever declares it.
    assert_eq!(unsafe { ok_deposit(1_000, -250) }, 750);
}

pub(super) fn split_library() {
    assert_eq!(ok_meter_add(5), 5);
}

pub(super) fn returned_pointer() {
    // SAFETY: the callback reads nothing.
    unsafe { name_length(ok_name_of, ptr::null_mut()) };
}

pub(super) fn wrong_thread() {
    let opener = std::thread::Builder::new().name("opener".into());
    let draws = opener.spawn(|| {
        let window = window_open();
        // SAFETY: an open window.
        unsafe {
            bad_window_draw(window);
            window_close(window);
        }
    });
    draws.expect("a thread").join().expect("it draws");
}

pub(super) fn stale_handle() {
    let on_tick = Callback::new(|| println!("tick"));
    // SAFETY: C lets go of it before the drop.
    unsafe { subscribe(on_tick.function(), on_tick.data()) };
    tick();
    unsubscribe();
    drop(on_tick);
}

pub(super) fn stale_box() {
    let mut ticks = Box::new(Ticks(0));
    // SAFETY: C lets go of it before the drop.
    unsafe { declared::subscribe(Some(count_tick), (&raw mut *ticks).cast()) };
    tick();
    unsubscribe();
    assert_eq!(ticks.0, 1);
}

pub(super) fn retained_pointer() {
    let values = Box::new([1, 2, 3]);
    // SAFETY: C copies.
    unsafe { ok_copy(values.as_ptr(), 3) };
    drop(values);
    assert_eq!(read_copy(), 6);
}

pub(super) fn kept_and_read() {
    let value = Box::new(7);
    // SAFETY: C may keep it, and lets go of it before the drop.
    unsafe {
        bad_set_listener(0, &*value);
        assert_eq!(notify(0), 7);
    }
    ok_unset_listener(0);
}

pub(super) fn kept_in_c_heap() {
    let value = Box::new(7);
    // SAFETY: C copies.
    unsafe { ok_copy_to_node(&*value) };
    drop(value);
    // SAFETY: what the nodes hold is C's.
    black_box(unsafe { sum_nodes() });
    forget_nodes();
}

pub(super) fn freed_while_retained() {
    let state = Box::new(7);
    // SAFETY: unset before the drop.
    unsafe { bad_set_listener(0, &*state) };
    ok_unset_listener(0);
    drop(state);
}

pub(super) fn buffer_overflow() {
    let mut label = vec![0_u8; 24];
    // SAFETY: so long it is.
    unsafe { ok_label(label.as_mut_ptr().cast(), label.len()) };
}

pub(super) fn write_through_const() {
    let text = CString::new("Hello").expect("no NUL in it");
    // SAFETY: C reads.
    unsafe { ok_count_capitals(text.as_ptr()) };
}

pub(super) fn use_after_free() {
    let mut log = vec![0_u8; 40];
    // SAFETY: C lets go of it before the drop.
    unsafe { bad_set_log(log.as_mut_ptr().cast(), 40) };
    log_letter(b'A' as _, 3);
    // SAFETY: nothing.
    unsafe { bad_set_log(ptr::null_mut(), 0) };
    drop(log);
    log_letter(b'A' as _, 3);
    ffi_guard::checkpoint();
}

pub(super) fn uninitialised_memory() {
    let data = Box::new([7_u8; 64]);
    // SAFETY: C reads the 64 bytes.
    unsafe { checksum(data.as_ptr(), data.len()) };
}

pub(super) fn invalid_value() {
    if ok_is_open(2) {
        println!("open");
    }
}

pub(super) fn invalid_result() {
    let mut length = 0;
    // SAFETY: the length is there.
    let blob = unsafe { ok_blob(0, &raw mut length) };
    // SAFETY: C returns an address for a blob of no bytes, too.
    let bytes = unsafe { std::slice::from_raw_parts(blob, usize::try_from(length).unwrap_or(0)) };
    println!("{} bytes", bytes.len());
}

pub(super) fn leaked_ownership() {
    let name = CString::new("data.db").expect("no NUL");
    // SAFETY: a C string.
    unsafe { ok_open_named(name.as_ptr()) };
    ffi_guard::checkpoint();
}

pub(super) fn alloc_dealloc_mismatch() {
    // SAFETY: C's memory, for C's `free`.
    unsafe { free_it(greeting().cast()) };
}

/// # Safety
///
/// - `value` is a `Box` that was given away.
unsafe extern "C" fn drop_it(value: *mut i32) {
    // SAFETY: as promised by the caller.
    drop(unsafe { Box::from_raw(value) });
}

pub(super) fn freed_by_c() {
    // SAFETY: C has Rust free it.
    black_box(unsafe { ok_done_with(Box::into_raw(Box::new(7)), drop_it) });
}

pub(super) fn another_layout() {
    let value: *mut [u64; 5] = black_box(Box::into_raw(Box::new([7; 5])));
    // SAFETY: as it was made.
    drop(unsafe { Box::from_raw(value) });
}

pub(super) fn double_free() {
    // SAFETY: C gives it back once, and the second time nothing.
    unsafe {
        hold(Box::into_raw(Box::new(7)));
        drop(Box::from_raw(ok_yield_up()));
        assert!(ok_yield_up().is_null());
    }
}
