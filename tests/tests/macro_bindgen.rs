//! The output of bindgen with a guard on every block, compiled and called. `tests/bindgen.sh` makes
//! the file again.
#![deny(warnings)]
#![allow(missing_docs, clippy::undocumented_unsafe_blocks)]

#[allow(non_camel_case_types, dead_code, unreachable_pub, clippy::all)]
mod bound {
    include!("../fixtures/bindgen_2024.rs");
}

/// C's functions, written in Rust, so that this runs without a C compiler too.
mod c {
    use super::bound::{ff_handle, ff_mode, ff_point, ff_record, ff_visit};
    use std::ffi::{c_char, c_int, c_long, c_void};

    #[unsafe(no_mangle)]
    static mut ff_errno: c_int = 7;

    #[unsafe(no_mangle)]
    extern "C" fn ff_open(path: *const c_char, mode: ff_mode) -> ff_handle {
        if mode == ff_mode::FF_WRITE { path.cast_mut().cast() } else { std::ptr::null_mut() }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn ff_sum(data: *const u8, len: usize) -> c_long {
        unsafe { std::slice::from_raw_parts(data, len) }.iter().map(|byte| c_long::from(*byte)).sum()
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn ff_each(first: *mut ff_record, visit: ff_visit, user: *mut c_void) -> c_int {
        unsafe { visit.map_or(-1, |visit| visit(user, first)) }
    }

    #[unsafe(no_mangle)]
    extern "C" fn ff_move(at: ff_point, by: f64) -> ff_point {
        ff_point { x: at.x + by, y: at.y + by }
    }

    #[unsafe(no_mangle)]
    extern "C" fn ff_names(type_: c_int, ff_point: *mut ff_point, arg1: c_int) -> c_int {
        type_ + arg1 + c_int::from(ff_point.is_null())
    }
}

unsafe extern "C" fn number(user: *mut std::ffi::c_void, record: *const bound::ff_record) -> std::ffi::c_int {
    unsafe {
        *user.cast::<std::ffi::c_long>() = (*record).value.number;
        (*record).flags() as std::ffi::c_int
    }
}

#[test]
fn each_kind_of_declaration_can_be_called() {
    unsafe {
        assert!(bound::ff_open(c"x".as_ptr(), bound::ff_mode::FF_READ).is_null());
        assert!(!bound::ff_open(c"x".as_ptr(), bound::ff_mode::FF_WRITE).is_null());
        assert_eq!(bound::ff_sum([1, 2, 3].as_ptr(), 3), 6);
        let at = bound::ff_move(bound::ff_point { x: 1.0, y: 2.0 }, 0.5);
        assert_eq!((at.x, at.y), (1.5, 2.5));
        assert_eq!(bound::ff_names(1, std::ptr::null_mut(), 2), 4);
        assert_eq!((&raw const bound::ff_errno).read(), 7);

        let mut record: bound::ff_record = std::mem::zeroed();
        record.value.number = 42;
        record.set_flags(5);
        let mut seen: std::ffi::c_long = 0;
        assert_eq!(bound::ff_each(&mut record, Some(number), (&raw mut seen).cast()), 5);
        assert_eq!(seen, 42);
    }
}
