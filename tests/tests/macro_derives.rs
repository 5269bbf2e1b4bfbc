//! The output of the derives, as the library reads it.
#![deny(warnings)]
#![allow(missing_docs)]

use std::ffi::{c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};

use ffi_guard::__private::{Field, Shape};
use ffi_guard::{Plain, Pointee};

#[derive(Plain)]
#[repr(C)]
struct Point {
    x: c_int,
    y: [f64; 2],
}

#[derive(Plain)]
#[repr(C)]
union Bits {
    _word: u32,
    _bytes: [u8; 4],
}

#[derive(Plain)]
#[repr(C)]
enum Event<T> {
    _Key(T),
    _Move { _to: Point },
    _None,
}

#[derive(Plain)]
struct Unit;

#[derive(Plain)]
#[repr(transparent)]
struct Tagged<'a, T, const N: usize>([T; N], std::marker::PhantomData<&'a T>)
where
    T: Copy + Default;

#[derive(Pointee)]
#[repr(C)]
struct Node<'a> {
    next: *mut Node<'a>,
    r#type: c_int,
    name: *const c_char,
    at: Point,
    inner: [Small; 2],
    scratch: MaybeUninit<[u8; 8]>,
    callback: Option<unsafe extern "C" fn(*mut c_void)>,
    text: &'a str,
}

#[derive(Pointee)]
#[repr(C, packed)]
struct Small(u8, *mut u8);

#[derive(Pointee)]
#[repr(C)]
union Value {
    number: usize,
    pointer: *mut u8,
}

#[derive(Pointee)]
#[repr(C)]
struct Generic<T, const N: usize> {
    len: usize,
    items: [T; N],
}

fn fields<T: Pointee>() -> &'static [Field] {
    match T::SHAPE {
        Shape::Fields(fields) => fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_types_are_plain() {
    fn plain<T: Plain>() {}
    plain::<Point>();
    plain::<Bits>();
    plain::<Event<u8>>();
    plain::<Unit>();
    plain::<Tagged<'_, u8, 3>>();
}

#[test]
fn every_field_has_its_place_and_shape() {
    let node = fields::<Node<'_>>();
    let names: Vec<_> = node.iter().map(|field| field.name).collect();
    assert_eq!(names, ["next", "type", "name", "at", "inner", "scratch", "callback", "text"]);
    assert_eq!(node[0].offset, 0);
    assert_eq!((node[3].offset, node[3].size), (offset_of!(Node<'_>, at), size_of::<Point>()));
    assert!(matches!(node[0].shape, Shape::Words));
    assert!(matches!(node[1].shape, Shape::Plain));
    assert!(matches!(node[3].shape, Shape::Plain));
    assert!(matches!(node[4].shape, Shape::Array { element: Shape::Fields(_), stride: 9, count: 2 }));
    assert!(matches!(node[5].shape, Shape::Out));
    assert!(matches!(node[6].shape, Shape::Plain));
    assert!(matches!(node[7].shape, Shape::Words));
}

#[test]
fn tuple_structs_and_unions_are_looked_into() {
    let small = fields::<Small>();
    assert_eq!((small[0].name, small[1].name, small[1].offset), ("0", "1", 1));
    let value = fields::<Value>();
    assert_eq!((value[0].offset, value[1].offset), (0, 0));
    assert!(matches!(value[0].shape, Shape::Plain));
    assert!(matches!(value[1].shape, Shape::Words));
}

#[test]
fn what_depends_on_a_type_parameter_is_looked_at_word_by_word() {
    let generic = fields::<Generic<u8, 5>>();
    assert!(matches!(generic[0].shape, Shape::Plain));
    assert!(matches!(generic[1].shape, Shape::Words));
    assert_eq!(generic[1].size, 5);
}

#[test]
fn types_in_a_function_body_can_derive() {
    #[derive(Plain)]
    struct Here(u8);
    #[derive(Pointee)]
    struct Holder(*const Here, Here);
    assert!(matches!(fields::<Holder>()[1].shape, Shape::Plain));
    let _ = Here(0).0;
}

macro_rules! rules {
    ($($rule:ident)*) => {
        /// Each rule by its name: the attribute would refuse one that it does not know.
        #[ffi_guard::guard($(allow($rule)),*)]
        unsafe extern "C" {}

        #[test]
        fn the_attribute_knows_the_rules_of_the_library() {
            let names: Vec<_> = ffi_guard::Rule::ALL.iter().map(|rule| rule.name()).collect();
            assert_eq!(names, [$(stringify!($rule)),*]);
        }
    };
}

rules! {
    nested_pointer dangling_pointer dangling_field out_of_bounds unterminated_string null_pointer misaligned_pointer invalid_value
    invalid_result abi_mismatch clashing_declaration split_library returned_pointer wrong_thread stale_handle retained_pointer freed_while_retained buffer_overflow
    write_through_const uninitialised_memory alloc_dealloc_mismatch double_free use_after_free leaked_ownership
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Each rule by its variant, as generated code names it: one that does not exist would not
    /// compile.
    #[guard(warn(
        nested_pointer,
        dangling_pointer,
        dangling_field,
        out_of_bounds,
        unterminated_string,
        null_pointer,
        misaligned_pointer,
        invalid_value,
        invalid_result,
        abi_mismatch,
        clashing_declaration,
        split_library,
        returned_pointer,
        wrong_thread,
        stale_handle,
        retained_pointer,
        freed_while_retained,
        buffer_overflow,
        write_through_const,
        uninitialised_memory,
        alloc_dealloc_mismatch,
        double_free,
        use_after_free,
        leaked_ownership
    ))]
    safe fn abs(n: c_int) -> c_int;
}

#[test]
fn every_rule_can_be_set() {
    assert_eq!(abs(-1), 1);
}
