//! The output of bindgen with the guard on it, which `build.rs` writes.
#![allow(non_camel_case_types, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
