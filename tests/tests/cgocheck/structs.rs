//! Pointers in struct fields, unions, and structs within structs.

use std::ptr;

use c_fixtures::nested_pointer::{Node, bad_sum_list};
use c_fixtures::shapes::{
    BareHolder, BareNumber, Either, Holder, Middle, Number, Outer, Variant, bare, increment, read_holder, read_number,
    read_outer, read_variant,
};
use ffi_guard::{Rule, catch, expect_violation};

use super::to;

static STATIC: i32 = 40;

#[test]
fn a_pointer_in_a_struct_field_is_found() {
    let value = Box::new(40);
    let holder = Box::new(Holder { tag: 2, value: to(&*value) });
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_holder(to(&*holder)) };
    });
    assert!(violation.to_string().contains("`value`"), "names the field:\n{violation}");
}

#[test]
fn a_pointer_in_a_struct_of_unknown_layout_is_found() {
    let value = Box::new(40);
    let holder = Box::new(BareHolder { tag: 2, value: to(&*value) });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { bare::read_holder(to(&*holder)) };
    });
}

#[test]
fn a_struct_on_the_stack_that_points_to_the_heap_is_found() {
    let value = Box::new(40);
    let holder = Holder { tag: 2, value: to(&*value) };
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_holder(to(&holder)) };
    });
}

#[test]
fn a_struct_on_the_heap_that_points_to_the_stack_is_found() {
    let value = 40;
    let holder = Box::new(Holder { tag: 2, value: to(&value) });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_holder(to(&*holder)) };
    });
}

#[test]
fn an_interior_pointer_in_a_field_is_found() {
    let values = vec![10, 20, 30];
    let holder = Box::new(Holder { tag: 2, value: to(&values[1]) });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_holder(to(&*holder)) };
    });
}

#[test]
fn a_null_field_is_clean() {
    let holder = Box::new(Holder { tag: 2, value: ptr::null() });
    // SAFETY: alive, and the function takes a null field.
    assert_eq!(catch(|| unsafe { read_holder(to(&*holder)) }).expect("clean"), 2);
}

#[test]
fn a_pointer_to_a_static_is_clean() {
    let holder = Box::new(Holder { tag: 2, value: &raw const STATIC });
    // SAFETY: both are alive.
    assert_eq!(catch(|| unsafe { read_holder(to(&*holder)) }).expect("clean"), 42);
    let bare = Box::new(BareHolder { tag: 2, value: &raw const STATIC });
    // SAFETY: both are alive.
    assert_eq!(catch(|| unsafe { bare::read_holder(to(&*bare)) }).expect("clean"), 42);
}

#[test]
fn one_field_whose_neighbour_is_a_pointer_is_clean() {
    // The memory beside the argument in its block does not concern C: cgo's "&s.a".
    let value = Box::new(40);
    let mut holder = Box::new(Holder { tag: 2, value: to(&*value) });
    // SAFETY: the function touches the field alone.
    catch(|| unsafe { increment(&mut holder.tag) }).expect("clean");
    assert_eq!(holder.tag, 3);
}

#[test]
fn a_pointer_in_a_union_is_found() {
    let value = Box::new(40);
    let variant = Box::new(Variant { kind: 1, either: Either { pointer: to(&*value) } });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive, and the kind is that of the member.
        unsafe { read_variant(to(&*variant)) };
    });
}

#[test]
fn a_number_in_a_union_that_could_be_a_pointer_is_clean() {
    let variant = Box::new(Variant { kind: 0, either: Either { number: 42 } });
    // SAFETY: alive, and the kind is that of the member.
    assert_eq!(catch(|| unsafe { read_variant(to(&*variant)) }).expect("clean"), 42);
}

#[test]
fn a_union_without_a_pointer_is_clean() {
    // The bits are a live address, but the type says that no member is a pointer.
    let other = Box::new(1u64);
    let bits = to(&*other).addr() as u64;
    let number = Box::new(Number { bits });
    // SAFETY: alive.
    assert_eq!(catch(|| unsafe { read_number(to(&*number)) }).expect("clean"), bits);
}

#[test]
fn a_union_of_unknown_layout_is_looked_through() {
    let other = Box::new(1u64);
    let number = Box::new(BareNumber { bits: to(&*other).addr() as u64 });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: alive.
        unsafe { bare::read_number(to(&*number)) };
    });
}

#[test]
fn a_pointer_behind_two_structs_is_found_and_named() {
    let value = Box::new(40);
    let holder = Holder { tag: 2, value: to(&*value) };
    let outer = Box::new(Outer { depth: 1, middle: Middle { depth: 2, holder } });
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: both are alive.
        unsafe { read_outer(to(&*outer)) };
    });
    assert!(violation.to_string().contains("`middle.holder.value`"), "names the field:\n{violation}");
}

#[test]
fn structs_within_structs_without_a_pointer_are_clean() {
    let holder = Holder { tag: 2, value: ptr::null() };
    let outer = Box::new(Outer { depth: 1, middle: Middle { depth: 2, holder } });
    // SAFETY: alive.
    assert_eq!(catch(|| unsafe { read_outer(to(&*outer)) }).expect("clean"), 5);
}

#[test]
fn a_node_that_points_to_itself_is_clean() {
    // A struct that holds its own address is one object.
    let mut node = Box::new(Node { value: 7, next: ptr::null_mut() });
    node.next = &raw mut *node;
    // SAFETY: alive, and the function stops where the list begins again.
    assert_eq!(catch(|| unsafe { bad_sum_list(&raw const *node) }).expect("clean"), 7);
}

#[test]
fn a_node_that_points_into_its_own_array_is_clean() {
    // Both in one block: still one object.
    let mut nodes = vec![Node { value: 1, next: ptr::null_mut() }, Node { value: 2, next: ptr::null_mut() }];
    let start = nodes.as_mut_ptr();
    // SAFETY: within the array.
    nodes[0].next = unsafe { start.add(1) };
    // SAFETY: both are alive, and the second ends the list.
    assert_eq!(catch(|| unsafe { bad_sum_list(start) }).expect("clean"), 3);
}
