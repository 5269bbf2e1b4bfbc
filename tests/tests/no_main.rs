//! `ffi_guard::functions()` and the checks in a program that begins in C's `main`. The linker
//! leaves out of it what nothing refers to (`--gc-sections`, by default): not the list.
#![cfg_attr(unix, no_main)]

#[cfg(unix)]
mod program {
    use std::ffi::{c_char, c_int};

    #[global_allocator]
    static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

    #[ffi_guard::guard]
    unsafe extern "C" {
        fn strlen(#[guard(cstr)] text: *const c_char) -> usize;
        /// Nothing calls it, and nothing defines it.
        #[allow(dead_code)]
        fn ffg_never_defined(text: *const c_char) -> usize;
    }

    #[ffi_guard::guard]
    extern "C" fn called_by_none(_: c_int) {}

    #[unsafe(no_mangle)]
    extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
        // SAFETY: a C string.
        assert_eq!(unsafe { strlen(c"four".as_ptr()) }, 4);
        let all = ffi_guard::functions();
        let names: Vec<_> =
            all.iter().filter(|function| function.crate_name() == "no_main").map(|function| function.name()).collect();
        let expected: &[&str] = match cfg!(any(target_os = "linux", target_os = "android", target_os = "freebsd")) {
            true => &["strlen", "ffg_never_defined", "called_by_none"],
            false => &["strlen"],
        };
        assert_eq!(names, expected);
        let declarations = ffi_guard::check_declarations();
        assert!(declarations.violations().is_empty(), "{declarations}");
        0
    }
}

#[cfg(not(unix))]
fn main() {}
