//! The locks of the C library: types that work by where they lie, so that C is never given a copy.

/// A lock of the C library's, as `libc` declares it. A declaration of the program's own is another
/// type, and nothing tells what it is.
#[allow(unnameable_types, reason = "a bound of what generated code resolves methods by")]
pub trait Lock {}
