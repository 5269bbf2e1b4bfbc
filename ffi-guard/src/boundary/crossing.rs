//! A call from Rust into C, from entry to exit.
use super::argument::Argument;
use super::declaration::Function;

/// A guarded call under way.
#[derive(Debug)]
pub struct Crossing {}

impl Crossing {
    /// Checks what Rust hands over.
    ///
    /// # Safety
    /// - Each pointer argument is what the declaration's type says it is: a typed pointer to Rust memory may be read.
    #[track_caller]
    #[must_use]
    pub unsafe fn enter(function: &'static Function, arguments: &[Argument]) -> Crossing {
        let _ = (function, arguments);
        Crossing {}
    }

    /// Checks what C did.
    #[track_caller]
    pub fn exit(self) {}

    /// For a function that never returns: nothing is left to check.
    pub fn never_returns(self) {
        std::mem::forget(self);
    }
}
