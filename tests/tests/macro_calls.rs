//! Guarded blocks call C: each form of declaration that the attribute knows, with functions that
//! every libc has.
#![deny(warnings, missing_docs, unused, unsafe_op_in_unsafe_fn, clippy::all, clippy::undocumented_unsafe_blocks)]
// The tests are about the calls, which are written as a user's code.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// The result of C's `div`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quotient {
    /// The quotient.
    pub quot: c_int,
    /// The remainder.
    pub rem: c_int,
}

/// A callback that may be missing, behind an alias.
pub type Compare = Option<unsafe extern "C" fn(*const c_void, *const c_void) -> c_int>;

#[ffi_guard::guard(deny(out_of_bounds), warn(leaked_ownership))]
unsafe extern "C" {
    /// Length of a C string.
    #[must_use]
    pub fn strlen(#[guard(cstr, nonnull)] s: *const c_char) -> usize;
    /// Absolute value.
    pub safe fn abs(n: c_int) -> c_int;
    /// This process.
    pub(crate) safe fn getpid() -> c_int;
    fn qsort(
        #[guard(sized_by = count * size)] base: *mut c_void,
        count: usize,
        size: usize,
        #[guard(allow(nested_pointer))] compare: Compare,
    );
    /// Variadic: bare.
    pub fn snprintf(s: *mut c_char, n: usize, format: *const c_char, ...) -> c_int;
    /// By value, out.
    pub safe fn div(n: c_int, d: c_int) -> Quotient;
    /// References and lifetimes.
    #[guard(deny(dangling_pointer), allow(retained_pointer))]
    pub safe fn memchr<'a>(#[guard(counted_by = n)] s: &'a u8, c: c_int, n: usize) -> Option<&'a u8>;
    /// Its own name as a parameter.
    #[link_name = "labs"]
    pub safe fn long(long: std::ffi::c_long) -> std::ffi::c_long;
    /// No name at all.
    pub safe fn isalpha(_: c_int) -> c_int;
    /// Never returns.
    pub fn abort() -> !;
    /// Raw.
    #[link_name = "toupper"]
    pub safe fn r#match(r#type: c_int) -> c_int;
    #[guard(skip)]
    safe fn tolower(c: c_int) -> c_int;
    /// No result.
    pub fn free(#[guard(owned)] p: *mut c_void);
    #[guard(returns(owned))]
    fn strdup(s: *const c_char) -> *mut c_char;
    static environ: *const *const c_char;
}

#[ffi_guard::guard]
unsafe extern "system" {
    #[guard(keep_abi)]
    safe fn isdigit(c: c_int) -> c_int;
}

#[ffi_guard::guard(keep_abi)]
unsafe extern "C-unwind" {
    #[deprecated = "use isdigit"]
    safe fn isspace(c: c_int) -> c_int;
}

mod other {
    use super::*;

    // A symbol that is declared above too, and a `static` whose name is a parameter's.
    #[ffi_guard::guard]
    #[allow(missing_abi)]
    unsafe extern "C" {
        pub(in super::other) fn strlen(environ: *const c_char) -> usize;
        #[expect(dead_code)]
        static environ: *const *const c_char;
    }

    #[test]
    fn the_same_symbol_may_be_declared_twice() {
        assert_eq!(unsafe { strlen(c"four".as_ptr()) }, 4);
    }
}

unsafe extern "C" fn by_value(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: `qsort` hands over elements of the array of `c_int`.
    unsafe { *a.cast::<c_int>() - *b.cast::<c_int>() }
}

#[test]
fn arguments_and_results_pass() {
    unsafe {
        assert_eq!(strlen(c"hello".as_ptr()), 5);
        let mut numbers = [3, 1, 2 as c_int];
        qsort(numbers.as_mut_ptr().cast(), 3, size_of::<c_int>(), Some(by_value));
        assert_eq!(numbers, [1, 2, 3]);
        let copy = strdup(c"copy".as_ptr());
        assert_eq!(CStr::from_ptr(copy), c"copy");
        free(copy.cast());
        assert!(!environ.is_null());
    }
    assert_eq!(abs(-4), 4);
    assert_eq!(u32::try_from(getpid()), Ok(std::process::id()));
    assert_eq!(div(7, 2), Quotient { quot: 3, rem: 1 });
    assert_eq!(long(-5), 5);
    assert_ne!(isalpha(c_int::from(b'x')), 0);
    assert_eq!(r#match(c_int::from(b'x')), c_int::from(b'X'));
    assert_eq!(tolower(c_int::from(b'X')), c_int::from(b'x'));
}

#[test]
fn a_lifetime_of_the_result_is_that_of_the_argument() {
    let text = *b"abc";
    let found = memchr(&text[0], c_int::from(b'c'), 3);
    assert_eq!(found, Some(&b'c'));
}

#[test]
fn variadic_functions_stay() {
    let mut buffer = [0u8; 8];
    let n = unsafe { snprintf(buffer.as_mut_ptr().cast(), 8, c"%d".as_ptr(), 42 as c_int) };
    assert_eq!((n, &buffer[..3]), (2, &b"42\0"[..]));
}

#[test]
fn keep_abi_makes_function_pointers() {
    let f: extern "system" fn(c_int) -> c_int = isdigit;
    assert_ne!(f(c_int::from(b'7')), 0);
    #[allow(deprecated)]
    let g: extern "C-unwind" fn(c_int) -> c_int = isspace;
    assert_eq!(g(c_int::from(b'7')), 0);
    // And without it, a Rust one.
    let h: fn(c_int) -> c_int = abs;
    let never: unsafe fn() -> ! = abort;
    assert_eq!(h(-1), 1);
    assert!(never as usize != 0);
}

#[test]
fn blocks_may_stand_in_a_function() {
    type Number = c_int;
    #[ffi_guard::guard]
    unsafe extern "C" {
        safe fn abs(n: Number) -> Number;
    }
    assert_eq!(abs(-2), 2);
}

macro_rules! declare {
    ($(#[$attribute:meta])* $name:ident($($param:ident: $ty:ty),*) -> $ret:ty) => {
        #[ffi_guard::guard]
        unsafe extern "C" {
            $(#[$attribute])*
            safe fn $name($($param: $ty),*) -> $ret;
        }
    };
}

mod produced {
    use super::*;
    declare!(toupper(c: c_int) -> c_int);
    declare!(#[link_name = "abs"] my_abs(n: c_int) -> c_int);

    macro_rules! with_extent {
        ($p:ident, $n:ident, $len:expr) => {
            #[ffi_guard::guard]
            unsafe extern "C" {
                pub(super) fn memset(#[guard(sized_by = $len)] $p: *mut c_void, c: c_int, $n: usize) -> *mut c_void;
            }
        };
    }
    with_extent!(dest, n, n);

    #[test]
    fn by_a_macro() {
        assert_eq!(toupper(c_int::from(b'a')), c_int::from(b'A'));
        assert_eq!(my_abs(-3), 3);
        let mut word = 0u32;
        unsafe { memset((&raw mut word).cast(), 1, 4) };
        assert_eq!(word, 0x0101_0101);
    }
}

/// A tuple struct named as bindgen names one, which a parameter may be named after.
#[allow(non_camel_case_types)]
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct mode(pub c_uint);

#[ffi_guard::guard]
#[cfg(unix)]
unsafe extern "C" {
    #![allow(improper_ctypes)]
    #[link_name = "umask"]
    safe fn set_mode(mode: mode) -> mode;
    #[link_name = "memcmp"]
    fn compare(#[guard(sized_by = size.0 as usize)] N: *const c_void, _: *const c_void, size: mode) -> c_int;
    fn strncmp(
        #[guard(counted_by = unsafe { *b.cast::<u8>() } as usize)] a: *const c_char,
        #[guard(counted_by = { const N: usize = 1; usize::min(N, _n) })] b: *const c_char,
        _n: usize,
    ) -> c_int;
    fn puts(s: &str) -> c_int;
}

#[test]
fn a_parameter_may_be_named_like_a_type() {
    let before = set_mode(mode(0o22));
    assert_eq!(set_mode(before).0, 0o22);
    assert_eq!(unsafe { compare(c"ab".as_ptr().cast(), c"ac".as_ptr().cast(), mode(1)) }, 0);
    assert_eq!(unsafe { strncmp(c"ab".as_ptr(), c"ab".as_ptr(), 2) }, 0);
    let _: unsafe fn(&'static str) -> c_int = puts;
}
