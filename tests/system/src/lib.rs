//! Libraries of the system, where they are installed, declared under the guard.
//!
//! Whoever uses one asks first whether it is there: a test of it says that it was skipped, and does
//! not pass in silence.

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

/// Whether libuv was there when this was built; says so where not.
#[must_use]
pub fn has_libuv() -> bool {
    there(cfg!(has_libuv), "libuv", "libuv1-dev")
}

/// Whether libsodium was there when this was built; says so where not.
#[must_use]
pub fn has_libsodium() -> bool {
    there(cfg!(has_libsodium), "libsodium", "libsodium-dev")
}
