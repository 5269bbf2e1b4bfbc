//! C that keeps pointers in its heap, and tests of C's allocator itself: `c/c_heap.c`.

use std::ffi::{c_int, c_uint, c_void};

/// A link of a chain of C's blocks.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Link {
    /// The next; null at the end.
    pub next: *mut Link,
    /// A pointer of the caller's.
    pub data: *mut c_void,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps `value` in a new node of a list.
    #[link_name = "ffg_bad_keep_node"]
    pub fn bad_keep_node(value: *const i32);
    /// The sum of what the nodes hold.
    #[link_name = "ffg_sum_nodes"]
    pub fn sum_nodes() -> i64;
    /// Frees all nodes.
    #[link_name = "ffg_forget_nodes"]
    pub safe fn forget_nodes();
    /// Adds `bytes` bytes to C's heap, in blocks of a page.
    #[link_name = "ffg_ok_grow_heap"]
    pub safe fn ok_grow_heap(bytes: usize);
    /// Frees the blocks of a page.
    #[link_name = "ffg_shrink_heap"]
    pub safe fn shrink_heap();

    /// Keeps `value` at the end of an array that grows with `realloc`.
    #[link_name = "ffg_bad_keep_grown"]
    pub fn bad_keep_grown(value: *const i32);
    /// Keeps `value` in a node and in the array.
    #[link_name = "ffg_bad_keep_twice"]
    pub fn bad_keep_twice(value: *const i32);
    /// Reads `value`, and makes the array longer, which moves it.
    #[link_name = "ffg_ok_grow_kept"]
    pub fn ok_grow_kept(value: *const i32) -> i32;
    /// Frees the array.
    #[link_name = "ffg_forget_grown"]
    pub safe fn forget_grown();

    /// Stores `value` in a block and frees that.
    #[link_name = "ffg_ok_keep_in_freed"]
    pub fn ok_keep_in_freed(value: *const i32);
    /// Stores `value` in a block, frees that, and keeps other blocks, one of which has its address.
    #[link_name = "ffg_ok_keep_in_reused"]
    pub fn ok_keep_in_reused(value: *const i32);
    /// Frees the blocks that were kept.
    #[link_name = "ffg_forget_reused"]
    pub safe fn forget_reused();
    /// Stores `value` in a node while it works.
    #[link_name = "ffg_ok_node_cleared"]
    pub fn ok_node_cleared(value: *const i32) -> i32;
    /// Copies the value into a node.
    #[link_name = "ffg_ok_copy_to_node"]
    pub fn ok_copy_to_node(value: *const i32);

    /// A chain of C's blocks, with nothing in them.
    #[link_name = "ffg_new_chain"]
    pub safe fn new_chain(length: usize) -> *mut Link;
    /// The last link.
    #[link_name = "ffg_end_of_chain"]
    #[guard(allow(nested_pointer))]
    pub fn end_of_chain(chain: *mut Link) -> *mut Link;
    /// Frees the links.
    #[link_name = "ffg_free_chain"]
    #[guard(allow(nested_pointer))]
    pub fn free_chain(chain: *mut Link);
    /// Counts the links.
    #[link_name = "ffg_use_chain"]
    pub fn use_chain(chain: *const Link) -> usize;

    /// Uses every function of `malloc`'s family; the line that failed, or 0.
    #[link_name = "ffg_malloc_family"]
    pub safe fn malloc_family() -> c_int;
    /// Blocks of many sizes; the line that failed, or 0.
    #[link_name = "ffg_malloc_storm"]
    pub safe fn malloc_storm(seed: c_uint, rounds: c_uint) -> c_int;
    /// Blocks at the end of threads; the line that failed, or 0.
    #[link_name = "ffg_malloc_at_thread_end"]
    pub safe fn malloc_at_thread_end() -> c_int;
    /// Blocks around forks; the line that failed, or 0.
    #[link_name = "ffg_malloc_and_fork"]
    pub safe fn malloc_and_fork() -> c_int;
    /// Blocks in a signal handler; the line that failed, or 0.
    #[link_name = "ffg_malloc_in_handler"]
    pub safe fn malloc_in_handler() -> c_int;
    /// C's `malloc`.
    #[link_name = "ffg_alloc"]
    pub safe fn alloc(size: usize) -> *mut c_void;
    /// C's `free`.
    #[link_name = "ffg_free"]
    pub fn free(#[guard(opaque, owned)] block: *mut c_void);
    /// C's `realloc`.
    #[link_name = "ffg_realloc"]
    pub fn realloc(#[guard(opaque, owned)] block: *mut c_void, size: usize) -> *mut c_void;
    /// C's `malloc_usable_size`.
    #[link_name = "ffg_usable"]
    pub fn usable(#[guard(opaque)] block: *mut c_void) -> usize;
}
