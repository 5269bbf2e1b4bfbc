//! C that breaks the rules, and C that keeps them, with the guarded declarations of both.
//!
//! Each rule has a file in `c/` and one of the same name here. [`slides`] is the talk's own C and
//! [`shapes`] has every place in an argument where a pointer can hide. A `bad_` function breaks its
//! rule, or is easily called in a way that does; an `ok_` function is the nearest one that does
//! not.
//!
//! Some structs derive `Plain` or `Pointee` and some derive neither, on purpose: what the guard
//! knows about a type decides what it may report.

pub mod abi_mismatch;
pub mod alloc_dealloc_mismatch;
pub mod buffer_overflow;
pub mod c_blocks;
pub mod c_heap;
pub mod callbacks;
pub mod clashing_declaration;
pub mod closures;
pub mod contract_words;
pub mod contracts;
pub mod copied;
pub mod dangling_field;
pub mod dangling_pointer;
pub mod double_free;
pub mod freed_while_retained;
pub mod invalid_result;
pub mod invalid_value;
pub mod leaked_ownership;
pub mod left_stack;
pub mod misaligned_pointer;
pub mod nested_pointer;
pub mod null_pointer;
pub mod out_of_bounds;
pub mod paged;
pub mod retained_places;
pub mod retained_pointer;
pub mod returned_pointer;
pub mod robust;
pub mod shapes;
pub mod slides;
pub mod split_library;
pub mod stacks;
pub mod stale_handle;
pub mod uninitialised_memory;
pub mod unterminated_string;
pub mod use_after_free;
pub mod variadic;
pub mod write_through_const;
pub mod wrong_thread;
