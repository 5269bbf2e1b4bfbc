//! Structs whose pointers must still lead somewhere: `c/dangling_field.c`.

#![allow(clashing_extern_declarations)]

use std::ffi::{c_char, c_int, c_long, c_void};

/// A label whose text lies elsewhere.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Label {
    /// The most letters that are shown.
    pub width: c_long,
    /// NUL-terminated; may be null.
    pub text: *const c_char,
}

/// The same label, of which nothing tells where its pointers are.
#[derive(Debug)]
#[repr(C)]
pub struct BareLabel {
    /// As [`Label::width`].
    pub width: c_long,
    /// As [`Label::text`].
    pub text: *const c_char,
}

/// The same label, whose text is Rust's alone: C never looks at it.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct OwnLabel {
    /// As [`Label::width`].
    pub width: c_long,
    /// User data.
    #[guard(opaque)]
    pub text: *const c_char,
}

/// A handle of C's own, as an empty enum.
#[derive(Debug)]
pub enum Body {}

/// The same handle, as a struct of size zero.
#[derive(Debug)]
#[repr(C)]
pub struct BodyStruct {
    _private: [u8; 0],
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// The number of letters of the label that are shown; reads the text that the struct points to.
    #[link_name = "ffg_bad_label_length"]
    pub fn bad_label_length(label: *const Label) -> usize;
    /// The width alone, of a type that tells nothing.
    #[link_name = "ffg_ok_label_width"]
    pub fn ok_bare_label_width(label: *const BareLabel) -> usize;
    /// As [`bad_label_length`], of a type that tells nothing, under an attribute that says what C
    /// does with the parameter.
    #[link_name = "ffg_bad_label_length"]
    pub fn bad_stated_label_length(#[guard(nonnull)] label: *const BareLabel) -> usize;
    /// The width alone.
    #[link_name = "ffg_ok_label_width"]
    pub fn ok_label_width(label: *const OwnLabel) -> usize;

    /// The greater width of the two.
    #[link_name = "ffg_ok_label_wider"]
    pub fn ok_label_wider(label: *const Label, other: *const Label) -> usize;

    /// A handle of C's, with nothing in it.
    #[link_name = "ffg_body_new"]
    pub safe fn new_body() -> *mut Body;
    /// Keeps the address in a second block of C's.
    #[link_name = "ffg_body_set_aside"]
    #[guard(skip)]
    pub fn set_aside(body: *mut Body, text: *const c_char);
    /// Keeps the address, without a guard, as if another crate had declared it.
    #[link_name = "ffg_body_set"]
    #[guard(skip)]
    pub fn set_bare(body: *mut Body, text: *const c_char);
    /// Keeps the address. Variadic: what is passed is not seen.
    #[link_name = "ffg_body_setopt"]
    pub fn setopt(body: *mut Body, option: c_int, ...);
    /// True if there is a text.
    #[link_name = "ffg_bad_body_length"]
    pub fn bad_body_length(body: *mut Body) -> usize;
    /// True if there is a text, by a struct of size zero.
    #[link_name = "ffg_bad_body_length"]
    pub fn bad_struct_length(body: *mut BodyStruct) -> usize;
    /// True if there is a text, by bytes.
    #[link_name = "ffg_bad_body_length"]
    pub fn bad_void_length(body: *mut c_void) -> usize;
    /// True if there is a text, under an attribute that says what C does with the parameter.
    #[link_name = "ffg_bad_body_length"]
    pub fn bad_stated_length(#[guard(nonnull)] body: *mut Body) -> usize;
    /// True if there is a text, and it is allowed to be freed.
    #[link_name = "ffg_bad_body_length"]
    pub fn ok_allowed_length(#[guard(allow(dangling_field))] body: *mut Body) -> usize;
    /// Frees the handle, with its second block.
    #[link_name = "ffg_body_free"]
    pub fn free_body(body: *mut Body);
}
