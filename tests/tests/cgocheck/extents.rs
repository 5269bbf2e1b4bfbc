//! Arrays and slices: the guard checks as far as C may read.

use std::ptr;

use c_fixtures::out_of_bounds::ok_sum_bytes;
use c_fixtures::shapes::sum_pointers;
use ffi_guard::{Rule, catch, expect_violation};

use super::to;

#[test]
fn a_pointer_in_an_array_element_is_found() {
    let value = Box::new(1);
    let items = vec![to(&*value)];
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: the count is the slice's own, and the value is alive.
        unsafe { sum_pointers(items.as_ptr(), 1) };
    });
}

#[test]
fn the_second_element_is_looked_at_where_the_count_covers_it() {
    // cgo's "&s[0]": the first is null, and what C can reach is behind it.
    let value = Box::new(1);
    let items = vec![ptr::null(), to(&*value)];
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: the count is the slice's own, and the value is alive.
        unsafe { sum_pointers(&raw const items[0], 2) };
    });
    assert!(violation.to_string().contains('8'), "says where it is:\n{violation}");
}

#[test]
fn a_count_that_covers_none_of_the_block_is_clean() {
    let value = Box::new(1);
    let items = vec![to(&*value)];
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { sum_pointers(items.as_ptr(), 0) }).expect("clean"), 0);
}

#[test]
fn a_count_that_covers_some_of_the_block_is_looked_at_so_far() {
    let value = Box::new(1);
    let items = vec![ptr::null(), ptr::null(), to(&*value)];
    // SAFETY: fewer than there are.
    assert_eq!(catch(|| unsafe { sum_pointers(items.as_ptr(), 2) }).expect("clean"), 0);
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: the count is the slice's own, and the value is alive.
        unsafe { sum_pointers(items.as_ptr(), 3) };
    });
}

#[test]
fn a_count_that_covers_all_and_one_more_is_out_of_bounds() {
    let items = vec![ptr::null(); 4];
    // SAFETY: the count is the slice's own.
    assert_eq!(catch(|| unsafe { sum_pointers(items.as_ptr(), 4) }).expect("clean"), 0);
    expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { sum_pointers(items.as_ptr(), 5) };
    });
}

#[test]
fn one_past_the_end_is_clean_with_nothing_behind_it() {
    let data = vec![1u8; 32];
    let end = data.as_ptr_range().end;
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { ok_sum_bytes(end, 0) }).expect("clean"), 0);
    expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { ok_sum_bytes(end, 1) };
    });
}

#[test]
fn an_empty_slice_is_clean() {
    // Its pointer is no address of anything: the alignment, as a number.
    let nothing: Vec<u8> = Vec::new();
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { ok_sum_bytes(nothing.as_ptr(), nothing.len()) }).expect("clean"), 0);
    let nothing: &[*const i32] = &[];
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { sum_pointers(nothing.as_ptr(), nothing.len()) }).expect("clean"), 0);
}

#[test]
fn an_empty_slice_of_a_full_vec_is_clean() {
    let value = Box::new(1);
    let items = vec![to(&*value); 3];
    let nothing = &items[1..1];
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { sum_pointers(nothing.as_ptr(), nothing.len()) }).expect("clean"), 0);
}

#[test]
fn null_with_no_count_is_clean() {
    // SAFETY: C looks at none of it.
    assert_eq!(catch(|| unsafe { sum_pointers(ptr::null(), 0) }).expect("clean"), 0);
}

#[test]
fn stale_pointers_in_spare_capacity_are_not_looked_at() {
    let value = Box::new(1);
    let mut items = vec![ptr::null(), to(&*value)];
    items.truncate(1);
    // SAFETY: the count is the slice's own.
    assert_eq!(catch(|| unsafe { sum_pointers(items.as_ptr(), items.len()) }).expect("clean"), 0);
}

#[test]
fn an_array_on_the_stack_is_looked_at_as_far_as_stated() {
    let value = Box::new(1);
    let items = [ptr::null(), to(&*value)];
    // SAFETY: fewer than there are.
    assert_eq!(catch(|| unsafe { sum_pointers(items.as_ptr(), 1) }).expect("clean"), 0);
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: the count is the array's own, and the value is alive.
        unsafe { sum_pointers(items.as_ptr(), 2) };
    });
}
