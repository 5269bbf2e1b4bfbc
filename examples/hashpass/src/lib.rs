//! Slides 66 to 70 of the talk: a password hashed by libsodium, behind functions that cannot be
//! called wrongly.
//!
//! The talk's program leaks the copy that `C.CString` makes of the password. Here there is no copy:
//! libsodium takes a length, so the Rust bytes themselves are lent for the call.

use std::ffi::{CStr, c_char, c_ulonglong};
use std::fmt;

use sodium_sys as c;

/// A password that can be hashed. Its bytes are overwritten when it is dropped.
pub struct Password {
    /// Not empty, at most [`Password::MAX`] bytes, and no NUL among them.
    bytes: Vec<u8>,
}

/// The amount of work for a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// For a login: 64 MiB, a fraction of a second.
    Interactive,
    /// For what is worth waiting for: 1 GiB, some seconds.
    Sensitive,
}

/// The reason why there is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The password is empty.
    Empty,
    /// It is longer than [`Password::MAX`].
    TooLong,
    /// The password has a NUL at this position. A program that reads it as a C string, as most do,
    /// would hash only what is before the NUL.
    Nul(usize),
    /// libsodium finds no source of randomness.
    NoRandomness,
    /// There is no memory for such a hash.
    NoMemory(Limits),
}

impl Password {
    /// The longest password, in bytes. libsodium would take 4 GiB, which is more than anyone types.
    pub const MAX: usize = 4096;

    /// Takes the bytes over, whatever their encoding.
    ///
    /// # Errors
    ///
    /// If the bytes are not a password: none at all, too many, or a NUL among them. They are
    /// overwritten in this case too.
    pub fn new(bytes: Vec<u8>) -> Result<Password, Error> {
        let password = Password { bytes };
        match password.bytes.iter().position(|&byte| byte == 0) {
            _ if password.bytes.is_empty() => Err(Error::Empty),
            _ if password.bytes.len() > Password::MAX => Err(Error::TooLong),
            Some(position) => Err(Error::Nul(position)),
            None => Ok(password),
        }
    }

    /// The address and the length, as libsodium takes them.
    fn lent(&self) -> (*const c_char, c_ulonglong) {
        (self.bytes.as_ptr().cast(), self.bytes.len() as c_ulonglong)
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        // SAFETY: the vector owns those bytes, and zeros are bytes.
        unsafe { c::sodium_memzero(self.bytes.as_mut_ptr().cast(), self.bytes.len()) };
    }
}

/// Hashes a password. The string holds the salt and the limits; store it as it is.
///
/// # Errors
///
/// If libsodium has no randomness for a salt, or the system no memory.
pub fn hash(password: &Password, limits: Limits) -> Result<String, Error> {
    // It may be asked any number of times, by any thread.
    if c::sodium_init() < 0 {
        return Err(Error::NoRandomness);
    }
    let (passes, memory) = match limits {
        Limits::Interactive => (c::OPSLIMIT_INTERACTIVE, c::MEMLIMIT_INTERACTIVE),
        Limits::Sensitive => (c::OPSLIMIT_SENSITIVE, c::MEMLIMIT_SENSITIVE),
    };
    let mut hashed = vec![0_u8; c::STRBYTES];
    let (address, length) = password.lent();
    // SAFETY: `hashed` has the bytes that are written, and the password those that are read.
    let code = unsafe { c::crypto_pwhash_str(hashed.as_mut_ptr().cast(), address, length, passes, memory) };
    if code != 0 {
        return Err(Error::NoMemory(limits));
    }
    let text = CStr::from_bytes_until_nul(&hashed).expect("libsodium ends its string");
    Ok(text.to_str().expect("libsodium writes ASCII").to_owned())
}

/// True if the hash was made of this password. False for a text that is not a hash.
#[must_use]
pub fn verify(hash: &str, password: &Password) -> bool {
    if c::sodium_init() < 0 || hash.len() >= c::STRBYTES || hash.contains('\0') {
        return false;
    }
    // libsodium reads a C string.
    let mut text = Vec::with_capacity(hash.len() + 1);
    text.extend_from_slice(hash.as_bytes());
    text.push(0);
    let (address, length) = password.lent();
    // SAFETY: the text ends in NUL, the only one, and the password has the bytes that are read.
    unsafe { c::crypto_pwhash_str_verify(text.as_ptr().cast(), address, length) == 0 }
}

impl fmt::Debug for Password {
    /// Prints nothing about the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Empty => f.write_str("no password"),
            Error::TooLong => write!(f, "the password is longer than {} bytes", Password::MAX),
            Error::Nul(position) => {
                write!(f, "the password has a NUL after {position} bytes, where a C string would end")
            }
            Error::NoRandomness => f.write_str("libsodium finds no source of randomness"),
            Error::NoMemory(Limits::Interactive) => f.write_str("there is no memory for the hash: it takes 64 MiB"),
            Error::NoMemory(Limits::Sensitive) => f.write_str("there is no memory for the hash: it takes 1 GiB"),
        }
    }
}

impl std::error::Error for Error {}
