//! Lists and arrays that hold pointers: `c/nested_pointer.c`.

/// A node of a list.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Node {
    /// The number in the node.
    pub value: i64,
    /// The next; null at the end.
    pub next: *mut Node,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// The sum of a list that ends with null or leads back to its first node.
    #[link_name = "ffg_bad_sum_list"]
    pub fn bad_sum_list(first: *const Node) -> i64;

    /// The sum of an array.
    #[link_name = "ffg_ok_sum_array"]
    pub fn ok_sum_array(#[guard(counted_by = count)] values: *const i64, count: usize) -> i64;

    /// A node in C memory, which the caller frees with [`node_free`]. By its contract it stores
    /// `next` in the node.
    #[link_name = "ffg_node_new"]
    pub fn node_new(value: i64, #[guard(retained)] next: *mut Node) -> *mut Node;

    /// Frees one node that [`node_new`] made.
    #[link_name = "ffg_node_free"]
    pub fn node_free(node: *mut Node);
}

/// The C function of [`bad_sum_list`], for callers who know that it only reads and keeps nothing
/// after it returns.
pub mod allowed {
    use super::Node;

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// The sum of a list that may lie in Rust memory.
        #[link_name = "ffg_bad_sum_list"]
        pub fn sum_list(#[guard(allow(nested_pointer))] first: *const Node) -> i64;
    }
}
