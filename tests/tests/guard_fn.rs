//! `guard_fn!`: functions that are known by a pointer are checked as declared ones are.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use ffi_guard::{Rule, catch, expect_violation, guard_fn};
use ffi_guard_tests::process::at_level;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A function of the C library, as `dlsym` finds it.
fn found(name: &CStr) -> *mut c_void {
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?}");
    found
}

type RawLength = unsafe extern "C" fn(*const c_char) -> usize;

guard_fn!(
    /// `strlen`.
    pub type Length = unsafe extern "C" fn strlen(#[guard(cstr, nonnull)] text: *const c_char) -> usize
);

/// A table of functions, as a plugin has one.
struct Table {
    length: Length,
}

fn table() -> Table {
    Table { length: Length::new(unsafe { std::mem::transmute::<*mut c_void, RawLength>(found(c"strlen")) }) }
}

#[test]
fn a_call_by_pointer_is_checked() {
    let raw = unsafe { std::mem::transmute::<*mut c_void, RawLength>(found(c"strlen")) };
    let length = guard_fn!(unsafe extern "C" fn strlen(#[guard(cstr)] text: *const c_char) -> usize = raw);
    let text = CString::new("twelve bytes").unwrap();
    assert_eq!(catch(|| unsafe { length.call(text.as_ptr()) }).expect("clean"), 12);
    let bare = String::from("no NUL");
    let line = line!() + 2;
    let violation = expect_violation!(Rule::UnterminatedString, {
        unsafe { length.call(bare.as_ptr().cast()) };
    });
    assert_eq!((violation.function(), violation.parameter()), (Some("strlen"), Some("text")));
    assert_eq!(violation.location().expect("a call").line(), line);
    let stale = text.as_ptr();
    drop(text);
    expect_violation!(Rule::DanglingPointer, {
        unsafe { length.call(stale) };
    });
    assert_eq!(length.pointer() as usize, raw as usize);
}

#[test]
fn its_type_has_a_name() {
    let table = table();
    let copy = table.length;
    assert_eq!(unsafe { copy.call(c"four".as_ptr()) + table.length.call(c"five!".as_ptr()) }, 9);
    expect_violation!(Rule::NullPointer, {
        unsafe { copy.call(std::ptr::null()) };
    });
}

#[test]
fn at_each_level_it_calls_the_function() {
    for level in ["0", "1", "2", "3"] {
        at_level("at_each_level_it_calls_the_function", level, || {
            assert_eq!(unsafe { table().length.call(c"four".as_ptr()) }, 4);
        });
    }
}

#[test]
fn each_pointer_is_its_own() {
    extern "C" fn double(n: c_int) -> c_int {
        2 * n
    }
    extern "C" fn negative(n: c_int) -> c_int {
        -n
    }
    // One place in the source, which makes several; without `unsafe`, a call is safe.
    let all = [double as extern "C" fn(c_int) -> c_int, negative];
    let all = all.map(|pointer| guard_fn!(extern "C" fn unary(n: c_int) -> c_int = pointer));
    assert_eq!(all.map(|function| function.call(21)), [42, -21]);
}

#[test]
fn extents_results_and_lifetimes_are_as_in_a_block() {
    type RawFill = unsafe extern "C" fn(*mut c_void, c_int, usize) -> *mut c_void;
    let raw = unsafe { std::mem::transmute::<*mut c_void, RawFill>(found(c"memset")) };
    let fill = guard_fn!(
        #[guard(deny(out_of_bounds))]
        unsafe extern "C" fn memset(#[guard(sized_by = n)] to: *mut c_void, byte: c_int, n: usize) -> *mut c_void = raw
    );
    let mut room = vec![0_u8; 16];
    unsafe { fill.call(room.as_mut_ptr().cast(), 7, 16) };
    assert_eq!(room, [7; 16]);
    expect_violation!(Rule::OutOfBounds, {
        unsafe { fill.call(room.as_mut_ptr().cast(), 7, 17) };
    });
    extern "C" fn same(text: &c_int) -> &c_int {
        text
    }
    let same = guard_fn!(extern "C" fn same<'a>(number: &'a c_int) -> &'a c_int = same);
    let number = Box::new(5);
    assert_eq!(*same.call(&number), 5);
    extern "C" fn nothing() {}
    guard_fn!(extern "C" fn nothing() = nothing).call();
}

#[test]
fn what_c_did_is_looked_for_when_it_returns() {
    type RawCopy = unsafe extern "C" fn(*mut c_char, *const c_char) -> *mut c_char;
    let raw = unsafe { std::mem::transmute::<*mut c_void, RawCopy>(found(c"strcpy")) };
    let copy = guard_fn!(
        unsafe extern "C" fn strcpy(to: *mut c_char, #[guard(cstr)] from: *const c_char) -> *mut c_char = raw
    );
    let mut room = vec![0_u8; 4];
    let violation = expect_violation!(Rule::BufferOverflow, {
        // One byte more than there is room for, in the canary.
        unsafe { copy.call(room.as_mut_ptr().cast(), c"four".as_ptr()) };
    });
    assert_eq!(violation.function(), Some("strcpy"));
    unsafe { copy.call(room.as_mut_ptr().cast(), c"fit".as_ptr()) };
}
