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

/// Derives neither `Plain` nor `Pointee`: what its words can be, the debug information of this
/// program tells.
#[allow(dead_code)]
#[repr(C)]
struct Mixed {
    flag: bool,
    leads: *const u8,
    count: u32,
    number: usize,
    two: (u32, u32),
    inner: [Inner; 2],
    both: Both,
    optional: Option<&'static u8>,
    float: f64,
}

#[allow(dead_code)]
#[repr(C)]
struct Inner {
    small: [u16; 4],
    leads: *const u8,
}

#[allow(dead_code)]
#[repr(C)]
union Both {
    bytes: [u8; 16],
    leads: *const u8,
}

#[ffi_guard::guard]
#[allow(improper_ctypes)]
unsafe extern "C" {
    #[link_name = "ffg_take"]
    fn take_mixed(mixed: *const Mixed);
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
#[test]
fn padding_and_small_fields_are_no_pointers() {
    const WORD: usize = size_of::<usize>();
    let other = Box::new(0_u8);
    let address = ptr::from_ref(&*other).expose_provenance();
    let mut found = String::new();
    for place in (0..size_of::<Mixed>()).step_by(WORD) {
        let mut words = [0_usize; size_of::<Mixed>() / WORD];
        words[place / WORD] = address;
        let lent = Box::new(words);
        // SAFETY: the function does nothing with its arguments.
        let call = || unsafe { take_mixed(ptr::from_ref(&*lent).cast()) };
        found.push(if catch(call).is_err() { 'p' } else { '-' });
    }
    // flag, leads, count, number (C's `uintptr_t`), two, inner twice, both, optional, float
    assert_eq!(found, "-p-p-".to_owned() + "-p-p" + "p-" + "p" + "-");
}
