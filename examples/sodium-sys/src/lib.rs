//! libsodium's functions for passwords, declared under the guard, and the library itself, built
//! from its source.
//!
//! A package of its own, as on slides 69 to 72 of the talk: its C is compiled once, and a change of
//! the Rust that uses it compiles none of it again.
//!
//! The attributes follow libsodium's manual: it writes [`STRBYTES`] bytes, reads `length` bytes,
//! and keeps no pointer to either.

use std::ffi::{c_char, c_int, c_ulonglong, c_void};

/// `crypto_pwhash_STRBYTES`: the room for a hash as a string, its NUL counted.
pub const STRBYTES: usize = 128;
/// `crypto_pwhash_OPSLIMIT_INTERACTIVE`: passes over the memory.
pub const OPSLIMIT_INTERACTIVE: c_ulonglong = 2;
/// `crypto_pwhash_MEMLIMIT_INTERACTIVE`: 64 MiB.
pub const MEMLIMIT_INTERACTIVE: usize = 64 << 20;
/// `crypto_pwhash_OPSLIMIT_SENSITIVE`.
pub const OPSLIMIT_SENSITIVE: c_ulonglong = 4;
/// `crypto_pwhash_MEMLIMIT_SENSITIVE`: 1 GiB.
pub const MEMLIMIT_SENSITIVE: usize = 1 << 30;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Must be called before everything else, on any thread. 1 if it was called before, -1 if the
    /// system has no source of randomness.
    pub safe fn sodium_init() -> c_int;

    /// Hashes a password into a string that holds the salt and the limits. -1 if there is no memory
    /// for it.
    ///
    /// # Safety
    ///
    /// [`STRBYTES`] bytes may be written at `hashed`, and `length` be read at `password`.
    pub fn crypto_pwhash_str(
        #[guard(nonnull, out, counted_by = STRBYTES)] hashed: *mut c_char,
        #[guard(nonnull, sized_by = length)] password: *const c_char,
        length: c_ulonglong,
        passes: c_ulonglong,
        memory: usize,
    ) -> c_int;

    /// 0 if this is the password that the string was made of, -1 if not.
    ///
    /// # Safety
    ///
    /// `hashed` ends in NUL, within [`STRBYTES`] bytes, and `length` bytes may be read at
    /// `password`.
    pub fn crypto_pwhash_str_verify(
        #[guard(nonnull, cstr)] hashed: *const c_char,
        #[guard(nonnull, sized_by = length)] password: *const c_char,
        length: c_ulonglong,
    ) -> c_int;

    /// Overwrites with zeros, in a way that no optimiser removes.
    ///
    /// # Safety
    ///
    /// `size` bytes may be written there.
    pub fn sodium_memzero(#[guard(out, sized_by = size)] memory: *mut c_void, size: usize);
}
