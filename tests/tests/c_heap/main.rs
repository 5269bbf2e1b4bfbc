//! Tests of the feature `c-heap`: pointers that C keeps in its own heap, and C's allocator over
//! ours.
//!
//! `with_c_heap.rs` runs this binary; by hand: `cargo test -p ffi-guard-tests --features c-heap
//! --test c_heap`.

mod cplusplus;
mod family;
mod freed;
mod frees;
mod handles;
mod kept;
mod libraries;
mod nested;
mod overruns;
mod paged;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
