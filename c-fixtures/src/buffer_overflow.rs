//! C that writes beside what it was lent: `c/buffer_overflow.c`.

use std::ffi::c_char;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Writes `length` letters, and a NUL after them.
    #[link_name = "ffg_bad_label"]
    pub fn bad_label(#[guard(counted_by = length)] out: *mut c_char, length: usize);

    /// Writes letters, and a NUL into the last of `length` bytes.
    #[link_name = "ffg_ok_label"]
    pub fn ok_label(#[guard(counted_by = length)] out: *mut c_char, length: usize);

    /// Writes `count` bytes from `at + offset` on.
    #[link_name = "ffg_poke"]
    pub fn poke(at: *mut u8, offset: isize, count: usize, value: u8);

    /// Keeps the pointer.
    #[link_name = "ffg_remember"]
    #[guard(allow(retained_pointer))]
    pub fn remember(at: *mut u8);
}

unsafe extern "C" {
    /// Writes by the pointer that was kept. The guard does not see this call.
    #[link_name = "ffg_poke_remembered"]
    pub safe fn poke_remembered(offset: isize, value: u8);
    /// Reads by the pointer that was kept.
    #[link_name = "ffg_peek_remembered"]
    pub safe fn peek_remembered(offset: isize) -> u8;
}
