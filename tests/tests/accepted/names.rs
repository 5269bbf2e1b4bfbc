//! Parameters that bear the names of other things, and macros in a block.
#![allow(improper_ctypes, clashing_extern_declarations)]

use std::ffi::{c_char, c_int, c_void};

#[allow(non_upper_case_globals)]
const left: c_int = 1;

#[allow(non_camel_case_types)]
struct size(usize);

macro_rules! in_block {
    ($name:ident) => {
        fn $name() -> c_int;
    };
}

// Generated code, which is not edited: `left` is a constant elsewhere.
#[ffi_guard::guard(keep_abi)]
unsafe extern "C" {
    #[link_name = "memcmp"]
    safe fn of_constants(left: &u8, left: &u8, __left: usize) -> c_int;
    #[link_name = "abs"]
    safe fn of_constant(left: c_int) -> c_int;
    #[link_name = "memcmp"]
    fn of_nothing(
        #[guard(sized_by = left.0 * usize::max(1, 1))] right: *const c_void,
        _: *const c_void,
        left: size,
    ) -> c_int;
}

#[ffi_guard::guard]
unsafe extern "C" {
    in_block!(getpid);
    in_block! { getppid }
    #[link_name = "abs"]
    safe fn crossing(crossing: c_int) -> c_int;
    #[link_name = "abs"]
    safe fn arguments(arguments: c_int) -> c_int;
    #[link_name = "abs"]
    safe fn result(result: c_int) -> c_int;
    #[link_name = "memcmp"]
    safe fn arg1(arg2: &u8, _: &u8, arg1: usize) -> c_int;
    // Rust lets foreign functions have parameters of one name, of one type or not.
    #[link_name = "memcmp"]
    fn twice(buffer: *const c_void, #[guard(sized_by = len)] buffer: *const c_void, len: usize) -> c_int;
    #[link_name = "memcmp"]
    safe fn thrice(a: &u8, r#a: &c_char, a: usize) -> c_int;
    #[link_name = "memcmp"]
    safe fn near(a: &u8, a_3: &u8, a: usize) -> c_int;
    #[link_name = "memcmp"]
    safe fn one_in_each_case(#[cfg(unix)] a: &u8, #[cfg(not(unix))] a: &u16, b: &u8, b: usize) -> c_int;
    #[link_name = "printf"]
    fn variadic(text: *const c_char, text: c_int, ...) -> c_int;
    #[guard(keep_abi)]
    #[link_name = "memcmp"]
    safe fn kept(x: &u8, x: &u8, x: usize) -> c_int;
    #[link_name = "abs"]
    safe fn __ffi_guard_bare(armed: c_int) -> c_int;
}

fn main() {
    assert_eq!(of_constant(-left), 1);
    assert_eq!(of_constants(&1, &1, 1), 0);
    let byte = std::ptr::from_ref(&7_u8);
    // SAFETY: one byte is read of each.
    assert_eq!(unsafe { of_nothing(byte.cast(), byte.cast(), size(1)) }, 0);
    // SAFETY: they read nothing.
    assert!(unsafe { getpid() != getppid() });
    assert_eq!(crossing(-1) + arguments(-1) + result(-1), 3);
    assert_eq!(arg1(&1, &1, 1), 0);
    // SAFETY: one byte is read of each.
    assert_eq!(unsafe { twice(byte.cast(), byte.cast(), 1) }, 0);
    assert!(thrice(&1, &2, 1) < 0 && near(&2, &1, 1) > 0 && one_in_each_case(&1, &2, 1) < 0);
    assert_eq!(kept(&1, &1, 1), 0);
    let _ = variadic;
    assert_eq!(__ffi_guard_bare(-1), 1);
}
