//! C memory: its content is checked from level 2 on.

use std::ptr;

use c_fixtures::nested_pointer::{bad_sum_list, node_free, node_new};
use c_fixtures::shapes::{Chain, Holder, link_free, link_new, read_chain, read_holder};
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::calloc::Calloc;
use ffi_guard_tests::process::at_level;

use super::to;

#[test]
fn c_memory_that_holds_c_pointers_is_clean() {
    let sum = catch(|| {
        // SAFETY: each node is C's, alive until it is freed below, once, and not used after that.
        unsafe {
            let second = node_new(2, ptr::null_mut());
            let first = node_new(1, second);
            let sum = bad_sum_list(first);
            node_free(first);
            node_free(second);
            sum
        }
    });
    assert_eq!(sum.expect("clean"), 3);
}

#[test]
fn rust_memory_that_holds_c_pointers_is_clean() {
    let sum = catch(|| {
        // SAFETY: the links are C's, alive until they are freed below, once.
        unsafe {
            let top = link_new(link_new(ptr::null_mut(), ptr::null()), ptr::null());
            let chain = Box::new(Chain { top });
            let sum = read_chain(to(&*chain));
            link_free(top);
            sum
        }
    });
    assert_eq!(sum.expect("clean"), 3);
}

#[test]
fn a_rust_pointer_in_c_memory_is_found_at_level_2() {
    let value = Box::new(40);
    let holder = Calloc::new(Holder { tag: 2, value: to(&*value) });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_holder(holder.as_ptr()) };
    });
}

#[test]
fn a_rust_pointer_in_c_memory_is_not_looked_for_at_level_1() {
    at_level("c_memory::a_rust_pointer_in_c_memory_is_not_looked_for_at_level_1", "1", || {
        let value = Box::new(40);
        let holder = Calloc::new(Holder { tag: 2, value: to(&*value) });
        // SAFETY: both are alive.
        assert_eq!(catch(|| unsafe { read_holder(holder.as_ptr()) }).expect("clean at level 1"), 42);
    });
}

#[test]
fn a_rust_pointer_in_rust_memory_is_found_at_level_1() {
    at_level("c_memory::a_rust_pointer_in_rust_memory_is_found_at_level_1", "1", || {
        let value = Box::new(40);
        let holder = Box::new(Holder { tag: 2, value: to(&*value) });
        expect_violation!(Rule::NestedPointer, {
            // SAFETY: both are alive.
            unsafe { read_holder(to(&*holder)) };
        });
    });
}

#[test]
fn nothing_is_looked_for_at_level_0() {
    at_level("c_memory::nothing_is_looked_for_at_level_0", "0", || {
        let value = Box::new(40);
        let holder = Box::new(Holder { tag: 2, value: to(&*value) });
        // SAFETY: both are alive.
        assert_eq!(catch(|| unsafe { read_holder(to(&*holder)) }).expect("clean at level 0"), 42);
    });
}

#[test]
fn a_dangling_pointer_in_c_memory_is_found_at_level_2() {
    let value = Box::new(40);
    let holder = Calloc::new(Holder { tag: 2, value: to(&*value) });
    drop(value);
    expect_violation!(Rule::DanglingField, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { read_holder(holder.as_ptr()) };
    });
}

/// C was told that it may keep `value`, so a C struct that holds it may cross. (What lies behind
/// that struct, in C blocks whose size is not known until C's heap is ours, is never read.)
#[test]
fn what_c_may_keep_may_lie_in_cs_memory() {
    let value = Box::new(40);
    let sum = catch(|| {
        // SAFETY: the links are C's, alive until they are freed, once; the value outlives them.
        unsafe {
            let top = link_new(link_new(ptr::null_mut(), to(&*value)), ptr::null());
            let chain = Box::new(Chain { top });
            let sum = read_chain(to(&*chain));
            link_free(top);
            sum
        }
    });
    assert_eq!(sum.expect("clean"), 43);
}

#[test]
fn a_rust_pointer_behind_two_c_structs_is_not_looked_for_at_level_1() {
    at_level("c_memory::a_rust_pointer_behind_two_c_structs_is_not_looked_for_at_level_1", "1", || {
        let value = Box::new(40);
        let sum = catch(|| {
            // SAFETY: the links are C's, alive until they are freed below, once; the value outlives
            // them.
            unsafe {
                let top = link_new(link_new(ptr::null_mut(), to(&*value)), ptr::null());
                let chain = Box::new(Chain { top });
                let sum = read_chain(to(&*chain));
                link_free(top);
                sum
            }
        });
        assert_eq!(sum.expect("clean"), 43);
    });
}
