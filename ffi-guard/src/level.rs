//! How much is checked.

/// Whether anything may be checked: the one load and one branch of a call at level 0.
#[inline(always)]
#[must_use]
pub fn armed() -> bool {
    !cfg!(ffi_guard_off)
}
