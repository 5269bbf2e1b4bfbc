//! Further mistakes under a rule, if the tools' results differ from those of the rule's first one.

use std::ffi::c_void;
use std::hint::black_box;

use c_fixtures::alloc_dealloc_mismatch::bad_done_with;
use c_fixtures::buffer_overflow::poke;
use c_fixtures::c_heap::bad_keep_node;
use c_fixtures::dangling_field::{Label, bad_label_length};
use c_fixtures::freed_while_retained::{allowed, notify};
use c_fixtures::slides::{SomeStruct, retrieve_reference, store_reference};
use c_fixtures::stale_handle::tick;

pub(super) fn dangling_field() {
    let text = Box::new(*b"a label\0");
    let label = Label { width: 40, text: text.as_ptr().cast() };
    drop(text);
    // SAFETY: wrong: the text is gone.
    black_box(unsafe { bad_label_length(&label) });
}

/// The callback that counts the ticks.
pub(super) struct Ticks(pub(super) u32);

/// # Safety
///
/// - `user` is a live `Ticks`.
#[ffi_guard::guard]
pub(super) unsafe extern "C" fn count_tick(user: *mut c_void) {
    // SAFETY: as promised by the caller.
    unsafe { (*user.cast::<Ticks>()).0 += 1 };
}

pub(super) fn stale_box() {
    let mut ticks = Box::new(Ticks(0));
    // SAFETY: wrong: C keeps the pair, and calls it after the drop.
    unsafe { declared::subscribe(Some(count_tick), (&raw mut *ticks).cast()) };
    drop(ticks);
    tick();
}

/// The functions of `c_fixtures::stale_handle`, declared so that C may keep what it is given.
pub(super) mod declared {
    use c_fixtures::stale_handle::OnTick;
    use std::ffi::c_void;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Keeps both until it is called with null.
        #[link_name = "ffg_tick_subscribe"]
        #[guard(allow(retained_pointer))]
        pub(crate) fn subscribe(callback: OnTick, #[guard(opaque)] user: *mut c_void);
    }
}

pub(super) fn kept_and_dropped() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: `some` lives longer than the call, though not as long as C keeps it.
    unsafe { store_reference(&mut *some) };
    drop(some);
}

pub(super) fn kept_and_read() {
    kept_and_dropped();
    // SAFETY: wrong: what C kept is gone.
    black_box(unsafe { retrieve_reference() });
}

pub(super) fn kept_in_c_heap() {
    let value = Box::new(7);
    // SAFETY: `value` lives longer than the call, though not as long as C keeps it.
    unsafe { bad_keep_node(&*value) };
}

pub(super) fn buffer_underflow() {
    let mut bytes = vec![0_u8; 24];
    // SAFETY: wrong: that is before the block.
    unsafe { poke(bytes.as_mut_ptr(), -8, 16, b'x') };
}

pub(super) fn overflow_far() {
    let mut bytes = vec![0_u8; 24];
    let neighbours: Vec<_> = (0..400).map(|_| vec![0_u8; 24]).collect();
    // SAFETY: wrong: that is another block, or none.
    unsafe { poke(bytes.as_mut_ptr(), 4_000, 1, b'x') };
    black_box(neighbours);
}

pub(super) fn read_after_free() {
    let value = Box::new(7);
    // SAFETY: `value` lives longer than the call, though not as long as C keeps it.
    unsafe { allowed::set_listener(0, &*value) };
    drop(value);
    // SAFETY: wrong: what C kept is gone.
    black_box(unsafe { notify(0) });
}

pub(super) fn freed_by_c() {
    // SAFETY: wrong: it is not C's memory.
    black_box(unsafe { bad_done_with(Box::into_raw(Box::new(7))) });
}

pub(super) fn another_layout() {
    let value: *mut [u64; 5] = black_box(Box::into_raw(Box::new([7; 5])));
    // SAFETY: wrong: it was made with another layout.
    drop(unsafe { Box::from_raw(value.cast::<u64>()) });
}
