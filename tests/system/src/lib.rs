//! Libraries of the system, if they are installed, declared under the guard.
//!
//! A test asks first if its library is there, and says so if it is skipped, so that it does not
//! pass in silence.

#[cfg(has_libsodium)]
pub mod sodium;
#[cfg(has_libuv)]
pub mod uv;

/// `true`, or a line on stderr that says what is skipped.
fn there(it_is: bool, library: &str, package: &str) -> bool {
    if !it_is {
        eprintln!("skipped: {library} is not installed (Debian: {package})");
    }
    it_is
}

/// True if libuv was there when this was built; says so where not.
#[must_use]
pub fn has_libuv() -> bool {
    there(cfg!(has_libuv), "libuv", "libuv1-dev")
}

/// True if libsodium was there when this was built; says so where not.
#[must_use]
pub fn has_libsodium() -> bool {
    there(cfg!(has_libsodium), "libsodium", "libsodium-dev")
}
