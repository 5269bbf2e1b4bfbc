//! C keeps a pointer in the node of a list, which the feature `c-heap` finds, also in a static
//! executable. With the argument `clean` it keeps nothing.

use c_fixtures::c_heap::{bad_keep_node, forget_nodes, ok_copy_to_node, sum_nodes};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    let value = Box::new(7);
    // SAFETY: the value lives until the list is freed.
    let sum = unsafe {
        match std::env::args().nth(1).as_deref() {
            Some("clean") => ok_copy_to_node(&raw const *value),
            _ => bad_keep_node(&raw const *value),
        }
        sum_nodes()
    };
    forget_nodes();
    println!("{sum}");
}
