//! Each rule with its three programs: one that breaks it, the nearest correct one, and the first
//! one repaired by the report's own advice. One file a rule.

// A `Vec` lies on the heap and an array does not, and where a block lies is what this is about.
#![allow(clippy::useless_vec)]

mod abi_mismatch;
mod alloc_dealloc_mismatch;
mod buffer_overflow;
mod clashing_declaration;
mod dangling_field;
mod dangling_pointer;
mod double_free;
mod freed_while_retained;
mod invalid_result;
mod invalid_value;
mod leaked_ownership;
mod misaligned_pointer;
mod nested_pointer;
mod no_pointers;
mod null_pointer;
mod out_of_bounds;
mod retained_places;
mod retained_pointer;
mod returned_pointer;
mod split_library;
mod stale_handle;
mod types;
mod uninitialised_memory;
mod unterminated_string;
mod use_after_free;
mod write_through_const;
mod wrong_thread;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
