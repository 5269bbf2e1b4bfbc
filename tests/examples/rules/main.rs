//! The programs shown on the guide's pages about the rules.
//! `cargo run --example rules -- nested_pointer` runs one and prints its report; no name: all.
//!
//! Tests compare each page with its program, and the report it quotes with what is printed.

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
mod null_pointer;
mod out_of_bounds;
mod retained_pointer;
mod returned_pointer;
mod split_library;
mod stale_handle;
mod uninitialised_memory;
mod unterminated_string;
mod use_after_free;
mod write_through_const;
mod wrong_thread;

use std::process::ExitCode;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const PROGRAMS: [(&str, fn()); 24] = [
    ("nested_pointer", nested_pointer::run),
    ("dangling_pointer", dangling_pointer::run),
    ("dangling_field", dangling_field::run),
    ("out_of_bounds", out_of_bounds::run),
    ("unterminated_string", unterminated_string::run),
    ("null_pointer", null_pointer::run),
    ("misaligned_pointer", misaligned_pointer::run),
    ("invalid_value", invalid_value::run),
    ("invalid_result", invalid_result::run),
    ("abi_mismatch", abi_mismatch::run),
    ("clashing_declaration", clashing_declaration::run),
    ("split_library", split_library::run),
    ("returned_pointer", returned_pointer::run),
    ("wrong_thread", wrong_thread::run),
    ("stale_handle", stale_handle::run),
    ("retained_pointer", retained_pointer::run),
    ("freed_while_retained", freed_while_retained::run),
    ("buffer_overflow", buffer_overflow::run),
    ("write_through_const", write_through_const::run),
    ("uninitialised_memory", uninitialised_memory::run),
    ("alloc_dealloc_mismatch", alloc_dealloc_mismatch::run),
    ("double_free", double_free::run),
    ("use_after_free", use_after_free::run),
    ("leaked_ownership", leaked_ownership::run),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1);
    let mut silent = PROGRAMS.len();
    for (rule, program) in PROGRAMS.iter().filter(|(rule, _)| wanted.as_deref().is_none_or(|wanted| wanted == *rule)) {
        match ffi_guard::catch(program) {
            Err(violation) if violation.rule().name() == *rule => println!("{violation}\n"),
            Err(other) => println!("{rule}: another rule was broken:\n{other}\n"),
            Ok(()) => {
                println!("{rule}: no violation at level {}", ffi_guard::level());
                continue;
            }
        }
        silent -= 1;
    }
    let expected = if wanted.is_some() { PROGRAMS.len() - 1 } else { 0 };
    if silent == expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
