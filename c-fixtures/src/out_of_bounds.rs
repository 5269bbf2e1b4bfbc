//! Extents: `c/out_of_bounds.c`.

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    /// The sum of the 16 bytes of a digest: C reads all of them, whatever the caller has.
    #[link_name = "ffg_bad_sum_digest"]
    pub fn bad_sum_digest(digest: *const [u8; 16]) -> u32;

    /// The sum of `count` bytes.
    #[link_name = "ffg_ok_sum_bytes"]
    pub fn ok_sum_bytes(#[guard(counted_by = count)] data: *const u8, count: usize) -> u32;

    /// The sum of `count` integers.
    #[link_name = "ffg_ok_sum_ints"]
    pub fn ok_sum_ints(#[guard(counted_by = count)] values: *const i32, count: c_int) -> i64;

    /// The sum of a table.
    #[link_name = "ffg_ok_sum_table"]
    pub fn ok_sum_table(#[guard(counted_by = rows * columns)] cells: *const u16, rows: usize, columns: usize) -> u32;
}

pub use asking::{ASKED, asked, ok_sum_bytes_asked};

/// A count that is not a parameter.
mod asking {
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How often [`asked`] was called.
    pub static ASKED: AtomicUsize = AtomicUsize::new(0);

    /// The count, as a function that counts its own calls.
    #[must_use]
    pub fn asked(count: usize) -> usize {
        ASKED.fetch_add(1, Ordering::Relaxed);
        count
    }

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// The sum of `count` bytes, where the count is the result of a call.
        #[link_name = "ffg_ok_sum_bytes"]
        pub fn ok_sum_bytes_asked(#[guard(counted_by = asked(count))] data: *const u8, count: usize) -> u32;
    }
}
