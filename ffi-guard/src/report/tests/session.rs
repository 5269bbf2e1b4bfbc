//! The program in the golden reports. Each call returns its own place: reports need no more.

use super::ffi::*;
use std::ffi::CString;

pub(super) fn process() -> Site {
    let inner = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: &*inner, y: std::ptr::null() });
    unsafe { process_struct(&*complex) }
}

pub(super) fn process_list() -> Site {
    let mut list = Vec::from([1_usize, 2, 3]);
    unsafe { set_list(list.as_mut_ptr().cast()) }
}

pub(super) fn process_on_the_stack() -> Site {
    let inner = SomeStruct { a: 1, b: 2, c: 3 };
    let complex = ComplexStruct { x: &inner, y: std::ptr::null() };
    unsafe { process_struct(&complex) }
}

pub(super) fn process_by_value() -> Site {
    let inner = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    unsafe { process_value(ComplexStruct { x: &*inner, y: std::ptr::null() }) }
}

pub(super) fn process_in_c(complex: *mut ComplexStruct) -> Site {
    unsafe { process_struct(complex) }
}

pub(super) fn temporary() -> Site {
    let name = CString::new("alice").unwrap().as_ptr();
    unsafe { session_set_name(1, name, 5) }
}

pub(super) fn too_long(data: &[u32]) -> Site {
    unsafe { process_data(data.as_ptr(), 4 * data.len()) }
}

pub(super) fn too_small(first: &u8) -> Site {
    unsafe { process_struct(std::ptr::from_ref(first).cast()) }
}

pub(super) fn negative(data: &[u32], from: usize) -> Site {
    unsafe { process_data(data.as_ptr().wrapping_add(from), data.len().wrapping_sub(from)) }
}

pub(super) fn no_nul(name: &str) -> Site {
    unsafe { session_set_name(1, name.as_ptr().cast(), name.len()) }
}

pub(super) fn null() -> Site {
    unsafe { session_set_name(1, std::ptr::null(), 0) }
}

pub(super) fn misaligned(bytes: &[u8]) -> Site {
    unsafe { process_data(bytes[1..].as_ptr().cast(), bytes.len() / 4) }
}

pub(super) fn store() -> Site {
    let some_struct = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    unsafe { store_reference(&*some_struct) }
}

pub(super) fn many_lines() -> Site {
    unsafe {
        session_set_name(
            1,
            std::ptr::null(),
            0,
        )
    }
}

pub(super) fn returned() -> Site {
    let current = unsafe { current_reference() };
    current
}

pub(super) fn listen() -> Site {
    let state = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let site = unsafe { set_listener(&*state) };
    drop(state);
    site
}

pub(super) fn listen_to_many(mut states: Vec<SomeStruct>) -> Site {
    let site = unsafe { set_listener(states.as_ptr()) };
    states.push(SomeStruct { a: 1, b: 2, c: 3 });
    site
}

pub(super) fn give_and_free() -> Site {
    let state = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let site = unsafe { take_state(&*state) };
    drop(state);
    site
}

pub(super) fn add(key: &std::ffi::CStr) -> Site {
    let mut table = Box::new(Table { count: 0, first: std::ptr::null() });
    unsafe { table_add(&mut *table, key.as_ptr()) }
}

pub(super) fn label(out: &mut [u8]) -> Site {
    unsafe { session_label(out.as_mut_ptr().cast(), out.len()) }
}

pub(super) fn no_count() -> Site {
    let mut out = vec![0; 16];
    unsafe { session_read(1, out.as_mut_ptr(), std::ptr::null_mut()) }
}

pub(super) fn never_written() -> Site {
    let data: Vec<u32> = Vec::with_capacity(6);
    unsafe { process_data(data.as_ptr(), data.capacity()) }
}
