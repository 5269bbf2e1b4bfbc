//! A renamed dependency: `crate = path` on blocks and types.
#![deny(warnings)]

/// Re-exports the dependency, as a crate with macros of its own would.
pub mod hidden {
    #[doc(hidden)]
    pub use border as private;
}

use std::ffi::c_int;

#[border::guard(crate = crate::hidden::private, deny(double_free))]
unsafe extern "C" {
    /// Absolute value.
    #[guard(warn(double_free))]
    pub safe fn abs(n: c_int) -> c_int;
}

/// Declares a block, for crates that have no `ffi_guard` of their own.
#[macro_export]
macro_rules! declare {
    ($name:ident) => {
        #[$crate::hidden::private::guard(crate = $crate::hidden::private)]
        unsafe extern "C" {
            safe fn $name(n: ::core::ffi::c_int) -> ::core::ffi::c_int;
        }
    };
}

/// Plain.
#[derive(border::Plain)]
#[guard(crate = border)]
#[repr(C)]
pub struct Point(pub c_int, pub c_int);

/// With a pointer.
#[derive(border::Pointee)]
#[guard(crate = ::border)]
#[repr(C)]
pub union Value {
    /// As a number.
    pub number: usize,
    /// As a pointer.
    pub pointer: *mut Point,
}

#[cfg(test)]
mod tests {
    declare!(toupper);

    #[test]
    fn calls_pass() {
        assert_eq!(super::abs(-1), 1);
        assert_eq!(toupper(97), 65);
    }

    #[test]
    fn derives_find_their_traits() {
        fn plain<T: border::Plain>() {}
        fn pointee<T: border::Pointee>() {}
        plain::<super::Point>();
        pointee::<super::Value>();
    }
}
