//! The locks of the C library: types that work by where they lie, so that C is never given a copy.

/// A lock of the C library's, as `libc` declares it. A program's own declaration is another type,
/// which cannot be recognised.
#[allow(unnameable_types, reason = "a bound of what generated code resolves methods by")]
pub trait Lock {}
