//! The guarded functions of the program, called or not.

use super::declaration::Function;

/// Every guarded function that was linked into the module that this code is in, by module and
/// place.
pub(crate) fn all() -> Vec<&'static Function> {
    let mut all = unordered();
    in_order(&mut all);
    all
}

/// The guarded functions of this module that have this symbol, by module and place.
pub(crate) fn with_symbol(symbol: &str) -> Vec<&'static Function> {
    let mut some = unordered();
    some.retain(|function| function.declaration.symbol == symbol);
    in_order(&mut some);
    some
}

fn in_order(functions: &mut [&'static Function]) {
    functions.sort_by_key(|function| {
        let it = function.declaration;
        (it.module, it.file, it.line, it.column, it.name)
    });
}

#[cfg(sections)]
fn unordered() -> Vec<&'static Function> {
    // SAFETY: the section has the entries of `#[guard]` alone, each a `&'static Function`.
    unsafe { crate::platform::section::entries::<Function>() }.to_vec()
}

/// The guarded functions that were called, where the linker makes no list of all.
#[cfg(not(sections))]
fn unordered() -> Vec<&'static Function> {
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
