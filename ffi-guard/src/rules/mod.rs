//! One file a rule, one shape: what is wrong, in C and in Rust; the check, which returns what it saw; its tests.
//!
//! A rule looks and says; it does not decide how severe that is, does not print, and calls no other rule.

mod held;
mod pointers;

pub(crate) mod alloc_dealloc_mismatch;
pub(crate) mod buffer_overflow;
pub(crate) mod dangling_pointer;
pub(crate) mod double_free;
pub(crate) mod freed_while_retained;
pub(crate) mod leaked_ownership;
pub(crate) mod misaligned_pointer;
pub(crate) mod nested_pointer;
pub(crate) mod null_pointer;
pub(crate) mod out_of_bounds;
pub(crate) mod retained_pointer;
pub(crate) mod returned_pointer;
pub(crate) mod stale_handle;
pub(crate) mod unterminated_string;
pub(crate) mod use_after_free;
pub(crate) mod write_through_const;
pub(crate) mod wrong_thread;

pub(crate) use held::leads_into;
pub(crate) use pointers::{each_pointer, field_path};
