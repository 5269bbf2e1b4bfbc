//! The guarded functions of the program, called or not.

use super::declaration::Function;

/// Every guarded function that was linked into the module that this code is in.
#[cfg(sections)]
pub(crate) fn all() -> Vec<&'static Function> {
    // SAFETY: the section has the entries of `#[guard]` alone, each a `&'static Function`.
    let mut all = unsafe { crate::platform::section::entries::<Function>() }.to_vec();
    // A function that is compiled twice is one all the same.
    all.sort_by_key(|function| {
        let it = function.declaration;
        (it.module, it.file, it.line, it.column, it.name)
    });
    all
}

/// Where the linker makes no such list, those that were called.
#[cfg(not(sections))]
pub(crate) fn all() -> Vec<&'static Function> {
    CALLED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

#[cfg(not(sections))]
static CALLED: std::sync::Mutex<Vec<&'static Function>> = std::sync::Mutex::new(Vec::new());

/// Notes a function at its first call.
#[cfg(not(sections))]
pub(crate) fn note(function: &'static Function) {
    let mut called = CALLED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !called.iter().any(|known| std::ptr::eq(*known, function)) {
        called.push(function);
    }
}
