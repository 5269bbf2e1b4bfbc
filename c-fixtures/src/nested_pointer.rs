//! Lists and arrays that hold pointers: `c/nested_pointer.c`.

use std::ffi::c_void;

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

/// A machine of C's, in memory that it gets from an allocator of Rust's.
#[derive(Debug)]
pub enum Machine {}

/// What such a library asks for memory: frees for a size of 0.
pub type Allocate = unsafe extern "C" fn(user: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void;

#[ffi_guard::guard]
#[allow(clashing_extern_declarations)]
unsafe extern "C" {
    /// Builds its structs in what it gets.
    #[link_name = "ffg_machine_new"]
    pub fn new_machine(allocate: Allocate, #[guard(retained, opaque)] user: *mut c_void) -> *mut Machine;
    /// Builds its structs in what it gets, and returns bytes.
    #[link_name = "ffg_machine_new"]
    pub fn new_machine_of_bytes(allocate: Allocate, #[guard(retained, opaque)] user: *mut c_void) -> *mut c_void;
    /// 8.
    #[link_name = "ffg_machine_depth"]
    pub fn machine_depth(#[guard(nonnull)] machine: *mut Machine) -> usize;
    /// 8, of bytes.
    #[link_name = "ffg_machine_depth"]
    pub fn machine_depth_of_bytes(#[guard(nonnull)] machine: *mut c_void) -> usize;
    /// Gives all back.
    #[link_name = "ffg_machine_free"]
    pub fn free_machine(machine: *mut Machine);
}
