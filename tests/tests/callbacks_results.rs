//! What C gets from a callback whose result breaks a rule: the pointer itself while it leads to
//! live memory, and what `on_panic` says where it does not.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use ffi_guard::{Rule, expect_violation};
use ffi_guard_tests::process::{is_child, run_self, stderr};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// C's functions, written in Rust: they ask for no null.
mod c {
    use super::{Alloc, Open, Pair};
    use std::ffi::{c_int, c_void};
    use std::ptr::null_mut;

    #[unsafe(no_mangle)]
    unsafe extern "C" fn results_read(get: unsafe extern "C" fn(*mut c_int) -> *mut c_int, at: *mut c_int) -> c_int {
        unsafe { get(at).read() }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn results_read_pair(get: unsafe extern "C" fn() -> Pair) -> c_int {
        unsafe { get().first.read() }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn results_fill(alloc: Alloc) -> c_int {
        unsafe { alloc(null_mut(), 1, 4).cast::<c_int>().write(7) };
        7
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn results_open(open: Open, table: *mut c_void) -> c_int {
        let mut cursor = null_mut();
        unsafe { open(table, &mut cursor) }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn results_is_default(get: unsafe extern "C" fn() -> *mut c_int) -> c_int {
        let got = unsafe { get() };
        super::GOT.set(got.addr());
        0
    }
}

thread_local! {
    static GOT: Cell<usize> = const { Cell::new(1) };
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Pair {
    count: usize,
    first: *mut c_int,
}

impl Default for Pair {
    fn default() -> Pair {
        Pair { count: 0, first: null_mut() }
    }
}

#[ffi_guard::guard]
unsafe extern "C" {
    fn results_read(
        get: unsafe extern "C" fn(*mut c_int) -> *mut c_int,
        #[guard(opaque, allow(retained_pointer))] at: *mut c_int,
    ) -> c_int;
    fn results_read_pair(get: unsafe extern "C" fn() -> Pair) -> c_int;
    fn results_is_default(get: unsafe extern "C" fn() -> *mut c_int) -> c_int;
    fn results_fill(alloc: Alloc) -> c_int;
    fn results_open(open: Open, #[guard(opaque, allow(retained_pointer))] table: *mut c_void) -> c_int;
}

/// zlib's `alloc_func`.
type Alloc = unsafe extern "C" fn(*mut c_void, u32, u32) -> *mut c_void;

/// SQLite's `xOpen`.
type Open = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;

fn allocated() -> *mut c_void {
    Box::into_raw(Box::new(0_u32)).cast()
}

#[ffi_guard::guard]
unsafe extern "C" fn alloc_of_no_type(_: *mut c_void, _: u32, _: u32) -> *mut c_void {
    allocated()
}

#[ffi_guard::guard(contract = "z_stream.zalloc")]
unsafe extern "C" fn alloc(_: *mut c_void, _: u32, _: u32) -> *mut c_void {
    allocated()
}

#[ffi_guard::guard(contract = "sqlite3_module.xOpen", on_panic = 1)]
unsafe extern "C" fn open_own_variable(_: *mut c_void, cursor: *mut *mut c_void) -> c_int {
    let mut own = 7_u64;
    unsafe { *cursor = std::hint::black_box(&raw mut own).cast() };
    0
}

#[ffi_guard::guard(contract = "sqlite3_module.xOpen", on_panic = 1)]
unsafe extern "C" fn open(_: *mut c_void, cursor: *mut *mut c_void) -> c_int {
    unsafe { *cursor = allocated() };
    0
}

#[ffi_guard::guard]
unsafe extern "C" fn on_the_heap(_: *mut c_int) -> *mut c_int {
    Box::into_raw(Box::new(7))
}

#[ffi_guard::guard]
unsafe extern "C" fn a_pair() -> Pair {
    Pair { count: 1, first: Box::into_raw(Box::new(7)) }
}

thread_local! {
    static VARIABLE: Cell<*mut c_int> = const { Cell::new(null_mut()) };
}

#[ffi_guard::guard]
unsafe extern "C" fn a_callers_variable(_: *mut c_int) -> *mut c_int {
    VARIABLE.get()
}

#[ffi_guard::guard]
unsafe extern "C" fn a_freed_block() -> *mut c_int {
    let freed = Box::into_raw(Box::new(7));
    drop(unsafe { Box::from_raw(freed) });
    freed
}

#[ffi_guard::guard]
unsafe extern "C" fn its_own_variable() -> *mut c_int {
    let mut own = 7;
    std::hint::black_box(&raw mut own)
}

#[test]
fn c_gets_the_pointer_while_it_is_good() {
    let violation = expect_violation!(Rule::ReturnedPointer, { unsafe { results_read(on_the_heap, null_mut()) } });
    assert_eq!(violation.function(), Some("on_the_heap"));
    let violation = expect_violation!(Rule::ReturnedPointer, { unsafe { results_read_pair(a_pair) } });
    assert_eq!(violation.function(), Some("a_pair"));
    let mut variable = 7;
    VARIABLE.set(&raw mut variable);
    let violation =
        expect_violation!(Rule::ReturnedPointer, { unsafe { results_read(a_callers_variable, null_mut()) } });
    assert_eq!(violation.function(), Some("a_callers_variable"));
}

#[test]
fn c_gets_none_that_dangles() {
    expect_violation!(Rule::DanglingPointer, { unsafe { results_is_default(a_freed_block) } });
    assert_eq!(GOT.replace(1), 0);
    expect_violation!(Rule::ReturnedPointer, { unsafe { results_is_default(its_own_variable) } });
    assert_eq!(GOT.replace(1), 0);
}

#[test]
fn a_contract_of_the_type_says_what_c_may_have() {
    expect_violation!(Rule::ReturnedPointer, { unsafe { results_fill(alloc_of_no_type) } });
    assert_eq!(ffi_guard::catch(|| unsafe { results_fill(alloc) }).unwrap(), 7);
    let mut table = 0_u64;
    let at: *mut c_void = (&raw mut table).cast();
    let violation = expect_violation!(Rule::ReturnedPointer, { unsafe { results_open(open_own_variable, at) } });
    assert_eq!((violation.function(), violation.parameter()), (Some("open_own_variable"), Some("cursor")));
    assert_eq!(ffi_guard::catch(|| unsafe { results_open(open, at) }).unwrap(), 0);
    let violation = expect_violation!(Rule::NullPointer, { unsafe { results_open(open, null_mut()) } });
    assert_eq!(violation.function(), Some("open"));
}

#[test]
fn the_panic_comes_out_of_the_call() {
    const TEST: &str = "the_panic_comes_out_of_the_call";
    if is_child() {
        let _ = unsafe { results_read(on_the_heap, null_mut()) };
        unreachable!("the panic came before");
    }
    for variables in [&[("GUARD", "1")][..], &[("GUARD", "2")], &[("GUARD", "1"), ("GUARD_STATS", "1")]] {
        let output = run_self(TEST, variables);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(101), "{variables:?}: {said}");
        assert_eq!(said.matches("ffi-guard[returned_pointer]: `on_the_heap`").count(), 1, "{said}");
        assert!(!said.contains("unreachable"), "{said}");
    }
}
