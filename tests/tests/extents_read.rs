//! Extents that are read through a pointer: `sized_by = *n`, in a crate that denies warnings.
#![deny(warnings)]
#![allow(clashing_extern_declarations, clippy::undocumented_unsafe_blocks)]
// A `Vec` lies on the heap, where its end is known, and an array does not.
#![allow(clippy::useless_vec)]

use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};

use ffi_guard::{Rule, catch, expect_violation};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[repr(C)]
struct Buffer {
    len: usize,
    counts: *const c_int,
}

#[ffi_guard::guard]
unsafe extern "C" {
    // `memcmp` of no bytes stands for any function: it reads nothing.
    #[link_name = "memcmp"]
    fn plain(#[guard(sized_by = *n * size)] base: *const c_void, n: *mut usize, size: usize) -> c_int;
    #[link_name = "memcmp"]
    fn in_unsafe(#[guard(sized_by = unsafe { *n })] base: *const c_void, n: *const usize, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    safe fn of_safe(#[guard(sized_by = unsafe { *n })] base: *const c_void, n: *const usize, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn field(#[guard(counted_by = (*v).len)] base: *const u8, v: *const Buffer, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn nested(
        #[guard(sized_by = **v)] base: *const u8,
        #[guard(allow(nested_pointer))] v: *const *const usize,
        zero: usize,
    ) -> c_int;
    #[link_name = "memcmp"]
    fn second(#[guard(sized_by = *v.add(1))] base: *const u8, v: *const usize, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn by_read(#[guard(sized_by = v.read_unaligned())] base: *const u8, v: *const usize, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn cast(#[guard(sized_by = *(v as *const u32))] base: *const u8, v: *const c_void, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn tested(
        #[guard(sized_by = if n.is_null() { 0 } else { *n })] base: *const u8,
        n: *const usize,
        zero: usize,
    ) -> c_int;
    #[link_name = "memcmp"]
    fn sometimes(
        #[guard(sized_by = if zero == 0 { 0 } else { *n })] base: *const u8,
        n: *const usize,
        zero: usize,
    ) -> c_int;
    #[link_name = "memcmp"]
    fn reference(#[guard(sized_by = *n)] base: *const u8, n: &mut usize, zero: usize) -> c_int;
    #[link_name = "memcmp"]
    fn constant(#[guard(sized_by = *N)] base: *const u8, N: *const usize, zero: usize) -> c_int;
}

fn ignore(_: c_int) {}

fn null_of(parameter: &str, body: impl FnOnce()) {
    let violation = expect_violation!(Rule::NullPointer, { body() });
    assert_eq!(violation.parameter(), Some(parameter), "{violation}");
    assert!(violation.to_string().contains("`base` is sized by it"), "{violation}");
}

#[test]
fn a_null_count_is_told_and_not_read() {
    let base = vec![0_u8; 8];
    let bytes = base.as_ptr();
    null_of("n", || ignore(unsafe { plain(bytes.cast(), null_mut(), 0) }));
    null_of("n", || ignore(unsafe { in_unsafe(bytes.cast(), null(), 0) }));
    null_of("n", || ignore(of_safe(bytes.cast(), null(), 0)));
    null_of("v", || ignore(unsafe { field(bytes, null(), 0) }));
    null_of("v", || ignore(unsafe { nested(bytes, null(), 0) }));
    null_of("v", || ignore(unsafe { nested(bytes, Box::into_raw(Box::new(null())), 0) }));
    null_of("v", || ignore(unsafe { by_read(bytes, null(), 0) }));
    null_of("v", || ignore(unsafe { cast(bytes, null(), 0) }));
    null_of("N", || ignore(unsafe { constant(bytes, null(), 0) }));
    // Of memory that is not Rust's as well.
    null_of("n", || ignore(unsafe { plain(c"text".as_ptr().cast(), null_mut(), 0) }));
    let local = [0_u8; 8];
    null_of("n", || ignore(unsafe { plain(local.as_ptr().cast(), null_mut(), 0) }));
}

#[test]
fn a_count_that_is_gone_is_told_by_its_own_rule() {
    let base = vec![0_u8; 8];
    let count = Box::into_raw(Box::new(8_usize));
    drop(unsafe { Box::from_raw(count) });
    let violation =
        expect_violation!(Rule::DanglingPointer, { ignore(unsafe { plain(base.as_ptr().cast(), count, 0) }) });
    assert_eq!(violation.parameter(), Some("n"));
    // Read as it stands it would be the misaligned pointer of Rust's own check, which aborts.
    let mut words = [8_usize; 2];
    let odd = words.as_mut_ptr().wrapping_byte_add(1);
    let violation =
        expect_violation!(Rule::MisalignedPointer, { ignore(unsafe { plain(base.as_ptr().cast(), odd, 0) }) });
    assert_eq!(violation.parameter(), Some("n"));
    // Half of the count lies beyond the block.
    let short = vec![0_u32; 1];
    let violation = expect_violation!(Rule::OutOfBounds, {
        ignore(unsafe { in_unsafe(base.as_ptr().cast(), short.as_ptr().cast(), 0) })
    });
    assert_eq!(violation.parameter(), Some("n"));
}

#[test]
fn a_count_is_read() {
    let base = vec![0_u8; 8];
    let bytes = base.as_ptr();
    let too_long = |body: &dyn Fn(&mut usize)| {
        body(&mut 0);
        catch(|| body(&mut 8)).expect("the block has 8 bytes");
        let violation = expect_violation!(Rule::OutOfBounds, { body(&mut 9) });
        assert_eq!(violation.parameter(), Some("base"), "{violation}");
    };
    too_long(&|n| ignore(unsafe { in_unsafe(bytes.cast(), n, 0) }));
    too_long(&|n| ignore(of_safe(bytes.cast(), n, 0)));
    too_long(&|n| ignore(unsafe { field(bytes, &Buffer { len: *n, counts: null() }, 0) }));
    too_long(&|n| ignore(unsafe { nested(bytes, Box::leak(Box::new(&raw const *Box::leak(Box::new(*n)))), 0) }));
    too_long(&|n| ignore(unsafe { second(bytes, [0, *n].as_ptr(), 0) }));
    too_long(&|n| ignore(unsafe { by_read(bytes, n, 0) }));
    too_long(&|n| ignore(unsafe { cast(bytes, (&raw const *Box::leak(Box::new(*n as u32))).cast(), 0) }));
    too_long(&|n| ignore(unsafe { tested(bytes, n, 0) }));
    too_long(&|n| ignore(unsafe { reference(bytes, n, 0) }));
    let mut n = 4;
    assert!(catch(|| unsafe { plain(bytes.cast(), &mut n, 2) }).is_ok(), "all 8 bytes");
    let longer = expect_violation!(Rule::OutOfBounds, { ignore(unsafe { plain(bytes.cast(), &mut n, 3) }) });
    assert_eq!(longer.parameter(), Some("base"));
    assert!(Buffer { len: 0, counts: null() }.counts.is_null());
}

#[test]
fn null_is_in_order_where_the_count_is_not_read() {
    let base = [0_u8; 8];
    catch(|| unsafe { tested(base.as_ptr(), null(), 0) }).expect("the expression asks");
    catch(|| unsafe { sometimes(base.as_ptr(), null(), 0) }).expect("the expression does not come to it");
    catch(|| unsafe { plain(null(), null_mut(), 0) }).expect("there is nothing to have an extent");
}

/// What C hands in.
mod callback {
    use super::*;

    #[ffi_guard::guard]
    pub(super) unsafe extern "C" fn sum(#[guard(counted_by = *n)] values: *const c_int, n: *const c_int) -> c_int {
        if n.is_null() { -1 } else { unsafe { std::slice::from_raw_parts(values, *n as usize).iter().sum() } }
    }
}

#[test]
fn a_callback_reads_counts_too() {
    let values = vec![1, 2, 3];
    assert_eq!(unsafe { callback::sum(values.as_ptr(), &3) }, 6);
    let violation = expect_violation!(Rule::NullPointer, {
        let _ = run_below_c(|| ignore(unsafe { callback::sum(values.as_ptr(), null()) }));
    });
    assert_eq!(violation.parameter(), Some("n"));
    let violation = expect_violation!(Rule::OutOfBounds, {
        let _ = run_below_c(|| ignore(unsafe { callback::sum(values.as_ptr(), &4) }));
    });
    assert_eq!(violation.parameter(), Some("values"));
}

/// Runs a closure as a callback of a guarded call: `bsearch` calls its comparison once.
fn run_below_c<F: FnMut()>(mut body: F) -> *mut c_void {
    #[ffi_guard::guard]
    unsafe extern "C" {
        fn bsearch(
            #[guard(opaque)] key: *const c_void,
            base: *const c_void,
            n: usize,
            size: usize,
            compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
        ) -> *mut c_void;
    }
    unsafe extern "C" fn compare<F: FnMut()>(key: *const c_void, _: *const c_void) -> c_int {
        unsafe { (*key.cast_mut().cast::<F>())() };
        0
    }
    let one = 0_u8;
    unsafe { bsearch((&raw mut body).cast(), (&raw const one).cast(), 1, 1, compare::<F>) }
}
