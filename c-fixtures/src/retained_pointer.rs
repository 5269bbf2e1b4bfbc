//! Functions that keep what they are lent, and functions that do not: `c/retained_pointer.c`.
//!
//! Each place can be read back (`read_*`, which follows what is kept) and cleared (`forget_*`).

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps `values` in the global `ffg_kept_global`.
    #[link_name = "ffg_bad_keep_global"]
    pub fn bad_keep_global(values: *const i32);
    /// The first of what is kept in the global; -1 for nothing.
    #[link_name = "ffg_read_global"]
    pub fn read_global() -> i32;
    /// Clears the global.
    #[link_name = "ffg_forget_global"]
    pub safe fn forget_global();

    /// Keeps `value` in a static inside the function, unless it is null, and reads it. Null and a
    /// `forget` that is not 0 clear it.
    #[link_name = "ffg_bad_keep_static"]
    pub fn bad_keep_static(value: *const i32, forget: c_int) -> i32;

    /// Keeps `value` in `ffg_kept_slots[slot]`, of 8.
    #[link_name = "ffg_bad_keep_slot"]
    pub fn bad_keep_slot(value: *const i32, slot: usize);
    /// The number that the slot points to; -1 for nothing.
    #[link_name = "ffg_read_slot"]
    pub fn read_slot(slot: usize) -> i32;
    /// Clears all slots.
    #[link_name = "ffg_forget_slots"]
    pub safe fn forget_slots();

    /// Keeps the address of byte 8 in the file-local `ffg_kept_interior`.
    #[link_name = "ffg_bad_keep_interior"]
    pub fn bad_keep_interior(#[guard(counted_by = count)] data: *const u8, count: usize);
    /// The byte; 0 for nothing.
    #[link_name = "ffg_read_interior"]
    pub fn read_interior() -> u8;
    /// Clears it.
    #[link_name = "ffg_forget_interior"]
    pub safe fn forget_interior();

    /// Keeps the first and the third in the struct `ffg_kept_two`, and only reads the second.
    #[link_name = "ffg_bad_keep_two"]
    pub fn bad_keep_two(first: *const i32, second: *const i32, third: *const i32);
    /// The sum of the two that are kept.
    #[link_name = "ffg_read_two"]
    pub fn read_two() -> i32;
    /// Clears both.
    #[link_name = "ffg_forget_two"]
    pub safe fn forget_two();

    /// Keeps `user` until the next call, and says so.
    #[link_name = "ffg_ok_set_listener"]
    pub fn ok_set_listener(#[guard(retained)] user: *const i32);
    /// The number that the listener points to; -1 for none.
    #[link_name = "ffg_ok_notify"]
    pub fn ok_notify() -> i32;

    /// Takes the value for its own, until [`ok_give_back`].
    #[link_name = "ffg_ok_take"]
    pub fn ok_take(#[guard(owned)] value: *mut i32);
    /// Gives back what [`ok_take`] took; null for nothing.
    #[link_name = "ffg_ok_give_back"]
    #[guard(returns(owned))]
    pub safe fn ok_give_back() -> *mut i32;

    /// The sum; keeps `values` in a static while it works and clears it before it returns.
    #[link_name = "ffg_ok_keep_and_clear"]
    pub fn ok_keep_and_clear(#[guard(counted_by = count)] values: *const i32, count: usize) -> i64;

    /// Copies up to 16 of the values into C memory.
    #[link_name = "ffg_ok_copy"]
    pub fn ok_copy(#[guard(counted_by = count)] values: *const i32, count: usize);
    /// The sum of the copies.
    #[link_name = "ffg_read_copy"]
    pub safe fn read_copy() -> i64;

    /// Keeps a hash of the address, and no address.
    #[link_name = "ffg_ok_keep_hash"]
    pub safe fn ok_keep_hash(value: *const i32);
    /// The hash.
    #[link_name = "ffg_read_hash"]
    pub safe fn read_hash() -> usize;

    /// Keeps `id` if the value is not 0; the value itself is only read.
    #[link_name = "ffg_ok_keep_id"]
    pub fn ok_keep_id(id: u64, value: *const i32);
    /// The id.
    #[link_name = "ffg_read_id"]
    pub safe fn read_id() -> u64;

    /// Reads `value`, and keeps it in the file-local `ffg_kept_seldom` if `keep` is not 0.
    #[link_name = "ffg_bad_keep_seldom"]
    pub fn bad_keep_seldom(value: *const i32, keep: c_int) -> i32;
    /// Reads `value` and may keep it, declared by a caller who knows that.
    #[link_name = "ffg_bad_keep_seldom"]
    #[guard(allow(retained_pointer))]
    pub fn allowed_keep_seldom(value: *const i32, keep: c_int) -> i32;
    /// True if it keeps anything.
    #[link_name = "ffg_keeps_seldom"]
    pub safe fn keeps_seldom() -> c_int;
    /// Clears it.
    #[link_name = "ffg_forget_seldom"]
    pub safe fn forget_seldom();
    /// Keeps one of two, the second if `which` is not 0. It has more parameters than the guard's
    /// bitsets have bits.
    #[link_name = "ffg_keep_one_of_many"]
    pub fn keep_one_of_many(
        n0: c_int,
        n1: c_int,
        n2: c_int,
        n3: c_int,
        n4: c_int,
        n5: c_int,
        n6: c_int,
        n7: c_int,
        n8: c_int,
        n9: c_int,
        n10: c_int,
        n11: c_int,
        n12: c_int,
        n13: c_int,
        n14: c_int,
        n15: c_int,
        n16: c_int,
        n17: c_int,
        n18: c_int,
        n19: c_int,
        n20: c_int,
        n21: c_int,
        n22: c_int,
        n23: c_int,
        n24: c_int,
        n25: c_int,
        n26: c_int,
        n27: c_int,
        n28: c_int,
        n29: c_int,
        n30: c_int,
        #[guard(allow(retained_pointer))] allowed: *const i32,
        other: *const i32,
        which: c_int,
    );
}
