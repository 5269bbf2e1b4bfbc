//! nested_pointer: Rust memory handed to C holds a pointer to Rust memory.

use std::ptr;

use c_fixtures::nested_pointer::{Node, allowed, bad_sum_list, node_free, node_new, ok_sum_array};
use ffi_guard::{Rule, catch, expect_violation};

#[test]
fn a_list_in_rust_memory_is_found() {
    let mut second = Box::new(Node { value: 2, next: ptr::null_mut() });
    let first = Box::new(Node { value: 1, next: &raw mut *second });
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: both nodes are alive, and the second ends the list.
        unsafe { bad_sum_list(&raw const *first) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[nested_pointer]: "), "{report}");
    assert!(report.contains("bad_sum_list"), "names the function:\n{report}");
    assert!(report.contains("`next`"), "names the field:\n{report}");
}

#[test]
fn a_single_node_is_clean() {
    let only = Box::new(Node { value: 1, next: ptr::null_mut() });
    // SAFETY: the node is alive and ends the list.
    let sum = catch(|| unsafe { bad_sum_list(&raw const *only) });
    assert_eq!(sum.expect("clean"), 1);
}

#[test]
fn repaired_by_laying_the_values_flat() {
    let values = vec![1, 2];
    // SAFETY: the slice has that many elements.
    let sum = catch(|| unsafe { ok_sum_array(values.as_ptr(), values.len()) });
    assert_eq!(sum.expect("clean"), 3);
}

#[test]
fn repaired_by_a_list_in_c_memory() {
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
fn repaired_by_saying_that_the_contract_allows_it() {
    let mut second = Box::new(Node { value: 2, next: ptr::null_mut() });
    let first = Box::new(Node { value: 1, next: &raw mut *second });
    // SAFETY: both nodes are alive, and the second ends the list.
    let sum = catch(|| unsafe { allowed::sum_list(&raw const *first) });
    assert_eq!(sum.expect("clean"), 3);
}
