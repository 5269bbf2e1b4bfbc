//! Each rule with its three programs: one that breaks it, the nearest correct one, and the first one repaired by the
//! report's own advice. One file a rule.

mod dangling_pointer;
mod misaligned_pointer;
mod nested_pointer;
mod null_pointer;
mod out_of_bounds;
mod retained_pointer;
mod unterminated_string;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
