//! What bindgen writes, and the guard on it: `build.rs` has all there is to see.
#![allow(non_camel_case_types, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));
