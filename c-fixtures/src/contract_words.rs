//! C whose contract takes a word to say: `c/contract_words.c`.

use std::ffi::{c_int, c_long, c_void};

/// A source of bytes, which C keeps.
#[repr(C)]
pub struct Source {
    _private: [u8; 0],
}

/// Stores where the next bytes are; returns how many.
pub type Reader = unsafe extern "C" fn(*mut c_void, *mut *const c_void) -> c_long;

/// Bytes, and how many there are.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
pub struct Span {
    /// Where they are.
    pub data: *const u8,
    /// How many there are.
    pub size: usize,
}

/// Stores where the bytes are; returns 0.
pub type SpanReader = unsafe extern "C" fn(*mut c_void, *mut Span) -> c_int;

/// A node with a word of the program's own.
#[derive(ffi_guard::Pointee)]
#[repr(C)]
pub struct Node {
    /// At this C never looks.
    #[guard(opaque)]
    pub user: *mut c_void,
    /// What the node is.
    pub value: c_long,
}

/// What C's vector instructions ask for.
pub const VECTOR: usize = 64;

#[ffi_guard::guard]
unsafe extern "C" {
    /// Opens a source.
    #[link_name = "ffg_source_open"]
    pub fn source_open(reader: Reader, #[guard(retained, opaque)] user: *mut c_void) -> *mut Source;
    /// Asks for the next bytes.
    #[link_name = "ffg_source_next"]
    pub fn source_next(source: *mut Source) -> c_long;
    /// Sums up the bytes that the last call got.
    #[link_name = "ffg_source_sum"]
    pub fn source_sum(source: *const Source) -> c_long;
    /// Closes a source.
    #[link_name = "ffg_source_close"]
    pub fn source_close(source: *mut Source);
    /// Asks for one span, and sums it up.
    #[link_name = "ffg_span_sum"]
    pub fn span_sum(reader: SpanReader, #[guard(opaque)] user: *mut c_void) -> c_long;

    /// Makes a node.
    #[link_name = "ffg_tree_new"]
    pub fn node_new(value: c_long) -> *mut Node;
    /// What the node is.
    #[link_name = "ffg_tree_value"]
    pub fn node_value(node: *const Node) -> c_long;
    /// Frees a node.
    #[link_name = "ffg_tree_free"]
    pub fn node_free(node: *mut Node);

    /// Adds numbers up.
    #[link_name = "ffg_sum_floats"]
    pub fn sum_floats(#[guard(aligned = 64, counted_by = count)] numbers: *const f32, count: usize) -> f32;
    /// The address modulo 64.
    #[link_name = "ffg_place_of"]
    pub fn place_of(#[guard(aligned = VECTOR / 2)] page: *const c_void) -> usize;
}
