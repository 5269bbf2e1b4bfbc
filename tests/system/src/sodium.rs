//! libsodium, which works on what it is lent and keeps nothing.

use std::ffi::{c_char, c_int, c_ulonglong};

/// `crypto_secretbox_KEYBYTES`.
pub const KEY: usize = 32;
/// `crypto_secretbox_NONCEBYTES`.
pub const NONCE: usize = 24;
/// `crypto_secretbox_MACBYTES`.
pub const MAC: usize = 16;
/// `crypto_pwhash_STRBYTES`.
pub const HASHED: usize = 128;
/// `crypto_pwhash_OPSLIMIT_MIN`.
pub const OPS_MIN: c_ulonglong = 1;
/// `crypto_pwhash_MEMLIMIT_MIN`, in bytes.
pub const MEM_MIN: usize = 8192;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Must be called before everything else; 1 if it was called before.
    pub safe fn sodium_init() -> c_int;
    /// Fills a buffer.
    pub fn randombytes_buf(#[guard(out, sized_by = size)] buffer: *mut u8, size: usize);
    /// Encrypts: `length` bytes and a [`MAC`].
    pub fn crypto_secretbox_easy(
        #[guard(out, sized_by = length + MAC as c_ulonglong)] cipher: *mut u8,
        #[guard(sized_by = length)] message: *const u8,
        length: c_ulonglong,
        #[guard(sized_by = NONCE)] nonce: *const u8,
        #[guard(sized_by = KEY)] key: *const u8,
    ) -> c_int;
    /// Decrypts, or returns -1 if the message was changed.
    pub fn crypto_secretbox_open_easy(
        #[guard(out, sized_by = length - MAC as c_ulonglong)] message: *mut u8,
        #[guard(sized_by = length)] cipher: *const u8,
        length: c_ulonglong,
        #[guard(sized_by = NONCE)] nonce: *const u8,
        #[guard(sized_by = KEY)] key: *const u8,
    ) -> c_int;
    /// Hashes.
    pub fn crypto_generichash(
        #[guard(out, sized_by = size)] hash: *mut u8,
        size: usize,
        #[guard(sized_by = length)] data: *const u8,
        length: c_ulonglong,
        #[guard(sized_by = key_length)] key: *const u8,
        key_length: usize,
    ) -> c_int;
    /// Hashes a password into a string of at most [`HASHED`] bytes.
    pub fn crypto_pwhash_str(
        #[guard(out, sized_by = HASHED)] hashed: *mut c_char,
        #[guard(sized_by = length)] password: *const c_char,
        length: c_ulonglong,
        ops: c_ulonglong,
        memory: usize,
    ) -> c_int;
    /// True if this is the password.
    pub fn crypto_pwhash_str_verify(
        #[guard(cstr)] hashed: *const c_char,
        #[guard(sized_by = length)] password: *const c_char,
        length: c_ulonglong,
    ) -> c_int;
}

/// libsodium with careless declarations: no extents, and `const` for memory that C writes.
pub mod careless {
    use super::c_int;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Clears `length` bytes of a buffer.
        #[link_name = "sodium_memzero"]
        pub fn clear(buffer: *mut u8, length: usize);
        /// Clears `length` bytes of a freed buffer.
        #[link_name = "sodium_memzero"]
        pub fn clear_freed(#[guard(allow(dangling_pointer))] buffer: *mut u8, length: usize);
        /// Counts a number up, in place.
        #[link_name = "sodium_increment"]
        pub fn increment(#[guard(sized_by = length)] number: *const u8, length: usize);
        /// Compares `length` bytes of both.
        #[link_name = "sodium_memcmp"]
        pub fn compare(one: *const u8, other: *const u8, length: usize) -> c_int;
    }
}
