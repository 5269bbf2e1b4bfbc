//! Bad accesses that level 3 catches at the instruction: `c/paged.c`.

use std::ffi::c_int;

#[ffi_guard::guard]
unsafe extern "C" {
    /// The sum of the bytes and of one more.
    #[link_name = "ffg_bad_sum_and_one"]
    pub fn bad_sum_and_one(#[guard(counted_by = len)] bytes: *const u8, len: usize) -> u32;

    /// The sum of the bytes.
    #[link_name = "ffg_ok_sum"]
    pub fn ok_sum(#[guard(counted_by = len)] bytes: *const u8, len: usize) -> u32;

    /// The number of bytes after the last line break; reads on before the first byte.
    #[link_name = "ffg_bad_line_start"]
    pub fn bad_line_start(#[guard(counted_by = len)] bytes: *const u8, len: usize) -> usize;

    /// The number of bytes after the last line break; stops at the first byte.
    #[link_name = "ffg_ok_line_start"]
    pub fn ok_line_start(#[guard(counted_by = len)] bytes: *const u8, len: usize) -> usize;

    /// Keeps the buffer, by a declaration that lets it.
    #[guard(allow(retained_pointer))]
    #[link_name = "ffg_paged_keep"]
    pub fn keep(buffer: *mut u8);

    /// Forgets it.
    #[link_name = "ffg_paged_forget"]
    pub safe fn forget();

    /// Reads a byte of the kept buffer.
    #[link_name = "ffg_paged_read"]
    pub fn read_kept(at: usize) -> c_int;

    /// Writes a byte of the kept buffer.
    #[link_name = "ffg_paged_write"]
    pub fn write_kept(at: usize, byte: u8);

    /// Writes `len` zeros with `memset`.
    #[link_name = "ffg_paged_clear"]
    pub fn clear_kept(len: usize);

    /// Starts a thread that writes to the buffer when [`bad_finish`] lets it.
    #[guard(allow(retained_pointer))]
    #[link_name = "ffg_bad_start"]
    pub fn bad_start(buffer: *mut u8) -> c_int;

    /// Lets the thread write, and waits for it.
    #[link_name = "ffg_bad_finish"]
    pub fn bad_finish();

    /// Has a thread write to the buffer before it returns.
    #[link_name = "ffg_ok_start_and_finish"]
    pub fn ok_start_and_finish(buffer: *mut u8) -> c_int;
}

/// A bare declaration, so that no check of ours looks at the address first.
pub mod bare {
    use std::ffi::c_int;

    unsafe extern "C" {
        /// One access, `offset` bytes from the address.
        #[link_name = "ffg_paged_touch"]
        pub fn touch(address: *const u8, offset: isize, write: c_int);
    }
}
