//! The blocks that bindgen wrote are checked, with what `build.rs` says of their parameters and
//! types.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_void};
use std::ptr;

use ffi_guard::{Rule, checkpoint, expect_violation};
use shapes_sys::{
    shape_canvas_free, shape_canvas_new, shape_canvas_title, shape_each, shape_length, shape_name, shape_path,
    shape_point, shape_sum,
};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn points() -> Vec<shape_point> {
    vec![shape_point { x: 1, y: 2 }, shape_point { x: 3, y: 4 }]
}

#[ffi_guard::guard]
unsafe extern "C" fn add(#[guard(opaque, nonnull)] user: *mut c_void, y: i32) {
    unsafe { *user.cast::<i32>() += y };
}

#[test]
fn what_keeps_its_contract_is_silent() {
    let (first, second) = (points(), points());
    let next = Box::new(shape_path { points: second.as_ptr(), count: second.len(), next: ptr::null() });
    let path = Box::new(shape_path { points: first.as_ptr(), count: first.len(), next: &*next });
    let (mut name, mut sum) = (vec![0_u8; 7], 0_i32);
    let title = CString::new("a canvas").expect("no NUL");
    unsafe {
        assert_eq!(shape_sum(first.as_ptr(), first.len()), 4);
        assert_eq!(shape_length(&*path), 4);
        assert_eq!(shape_name(0, name.as_mut_ptr().cast(), name.len()), 6);
        assert_eq!(CStr::from_bytes_with_nul(&name), Ok(c"circle"));
        shape_each(first.as_ptr(), first.len(), Some(add), (&raw mut sum).cast());
        let canvas = shape_canvas_new();
        shape_canvas_title(canvas, title.as_ptr());
        shape_canvas_free(canvas);
    }
    assert_eq!(sum, 6);
    drop(title);
    checkpoint();
}

#[test]
fn the_contracts_are_checked() {
    let points = points();
    let short = expect_violation!(Rule::OutOfBounds, {
        unsafe { shape_sum(points.as_ptr(), 3) };
    });
    assert_eq!(short.parameter(), Some("points"));

    let mut name = vec![0_u8; 4];
    expect_violation!(Rule::OutOfBounds, {
        unsafe { shape_name(0, name.as_mut_ptr().cast(), 7) };
    });
}

#[test]
fn a_struct_is_looked_at_by_its_fields() {
    let points = points();
    let path = shape_path { points: points.as_ptr(), count: 2, next: ptr::null() };
    let nested = expect_violation!(Rule::NestedPointer, {
        unsafe { bare_length(&path) };
    });
    assert!(nested.to_string().contains("`points`"), "{nested}");
}

// A function without a contract: the derive names the field.
#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "shape_length"]
    fn bare_length(path: *const shape_path) -> usize;
}
