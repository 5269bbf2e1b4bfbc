//! The programs: those of the guide's pages on the rules, further ones on which tools differ, and
//! those that break no rule. Each has a twin without the mistake.

mod further;
mod guide;
mod others;
mod right;

/// A program with a mistake, and the nearest one without.
pub(crate) struct Program {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The rule that it breaks; `-` if ffi-guard has no such rule.
    pub(crate) rule: &'static str,
    /// The mistake in words.
    pub(crate) what: &'static str,
    /// With the mistake.
    pub(crate) wrong: fn(),
    /// Without it.
    pub(crate) right: fn(),
}

const fn program(name: &'static str, rule: &'static str, what: &'static str, wrong: fn(), right: fn()) -> Program {
    Program { name, rule, what, wrong, right }
}

/// The program of a rule's page has the rule's name.
const fn of_page(rule: &'static str, what: &'static str, wrong: fn(), right: fn()) -> Program {
    program(rule, rule, what, wrong, right)
}

/// In the order of the table.
pub(crate) const ALL: &[Program] = &[
    of_page(
        "nested_pointer",
        "a struct that points to a `Box` is lent to C",
        guide::nested_pointer::run,
        right::nested_pointer,
    ),
    of_page(
        "dangling_pointer",
        "a `CString` is dropped before C reads it with `strlen`",
        guide::dangling_pointer::run,
        right::dangling_pointer,
    ),
    program(
        "dangling_field",
        "dangling_field",
        "a struct is lent whose field leads to a freed `Box`, and C reads it",
        further::dangling_field,
        right::dangling_field,
    ),
    of_page(
        "out_of_bounds",
        "C is told that a `Vec` of 6 integers has 24, and reads them",
        guide::out_of_bounds::run,
        right::out_of_bounds,
    ),
    of_page(
        "unterminated_string",
        "a `String` without NUL, read with `strlen`",
        guide::unterminated_string::run,
        right::unterminated_string,
    ),
    of_page("null_pointer", "null for something that C reads", guide::null_pointer::run, right::null_pointer),
    of_page("misaligned_pointer", "words at an odd address", guide::misaligned_pointer::run, right::misaligned_pointer),
    of_page(
        "invalid_value",
        "C returns 2 for what is declared as a `bool`",
        guide::invalid_value::run,
        right::invalid_value,
    ),
    of_page(
        "invalid_result",
        "C returns null for an empty buffer, which becomes a slice",
        guide::invalid_result::run,
        right::invalid_result,
    ),
    of_page(
        "abi_mismatch",
        "C takes a number of 8 bytes, and Rust passes 4",
        guide::abi_mismatch::run,
        right::abi_mismatch,
    ),
    of_page(
        "clashing_declaration",
        "two crates declare a function, and one of them with a shorter number",
        guide::clashing_declaration::run,
        right::clashing_declaration,
    ),
    of_page(
        "split_library",
        "a library is of another version than its declarations",
        guide::split_library::run,
        right::split_library,
    ),
    of_page(
        "returned_pointer",
        "a callback returns the bytes of a `String` to C",
        guide::returned_pointer::run,
        right::returned_pointer,
    ),
    of_page(
        "wrong_thread",
        "an object of C's is used on another thread than its own",
        guide::wrong_thread::run,
        right::wrong_thread,
    ),
    of_page("stale_handle", "C calls a `Callback` that was dropped", guide::stale_handle::run, right::stale_handle),
    program(
        "stale_box",
        "dangling_pointer",
        "the same with a bare `Box` as user data, which the Rust callback writes to",
        further::stale_box,
        right::stale_box,
    ),
    of_page(
        "retained_pointer",
        "C keeps a `Box` in a global, and does not use it again",
        guide::retained_pointer::run,
        right::retained_pointer,
    ),
    program(
        "kept_and_dropped",
        "retained_pointer",
        "the same, and the `Box` is dropped",
        further::kept_and_dropped,
        right::retained_pointer,
    ),
    program(
        "kept_and_read",
        "retained_pointer",
        "the same, and C reads it after the drop",
        further::kept_and_read,
        right::kept_and_read,
    ),
    program(
        "kept_in_c_heap",
        "retained_pointer",
        "C keeps a `Box` in a list in its own heap",
        further::kept_in_c_heap,
        right::kept_in_c_heap,
    ),
    of_page(
        "freed_while_retained",
        "what C may keep is dropped before it is unset",
        guide::freed_while_retained::run,
        right::freed_while_retained,
    ),
    of_page(
        "buffer_overflow",
        "C writes one byte past a `Vec` of 24",
        guide::buffer_overflow::run,
        right::buffer_overflow,
    ),
    program(
        "buffer_underflow",
        "buffer_overflow",
        "C writes with `memset` from 8 bytes before a `Vec` on",
        further::buffer_underflow,
        right::buffer_overflow,
    ),
    program(
        "overflow_far",
        "buffer_overflow",
        "C writes one byte, 4,000 past a `Vec` of 24",
        further::overflow_far,
        right::buffer_overflow,
    ),
    of_page(
        "write_through_const",
        "C upper-cases a text that it was lent as `const`",
        guide::write_through_const::run,
        right::write_through_const,
    ),
    of_page(
        "alloc_dealloc_mismatch",
        "a block of C's `malloc` is dropped as a `CString`",
        guide::alloc_dealloc_mismatch::run,
        right::alloc_dealloc_mismatch,
    ),
    program(
        "freed_by_c",
        "alloc_dealloc_mismatch",
        "a `Box` is freed with C's `free`",
        further::freed_by_c,
        right::freed_by_c,
    ),
    program(
        "another_layout",
        "alloc_dealloc_mismatch",
        "a `Box` of 40 bytes is dropped as one of 8",
        further::another_layout,
        right::another_layout,
    ),
    of_page("double_free", "Rust drops twice what C gives back twice", guide::double_free::run, right::double_free),
    of_page("use_after_free", "C writes to a `Vec` after its drop", guide::use_after_free::run, right::use_after_free),
    program(
        "read_after_free",
        "use_after_free",
        "C reads a `Box` after its drop, where it was allowed to keep it",
        further::read_after_free,
        right::kept_and_read,
    ),
    of_page(
        "leaked_ownership",
        "a `CString` is given to C, which does not free it",
        guide::leaked_ownership::run,
        right::leaked_ownership,
    ),
    of_page(
        "uninitialised_memory",
        "a buffer is lent to C to read that was never written",
        guide::uninitialised_memory::run,
        right::uninitialised_memory,
    ),
    program(
        "past_a_vec",
        "-",
        "C reads one integer more of a `Vec` than it is told",
        others::past_a_vec,
        others::within_a_vec,
    ),
    program(
        "past_a_stack_array",
        "-",
        "C reads one integer more of an array on Rust's stack",
        others::past_a_stack_array,
        others::within_a_stack_array,
    ),
    program(
        "onto_the_stack",
        "-",
        "C writes one byte more into an array on Rust's stack",
        others::onto_the_stack,
        others::within_the_stack,
    ),
    program("own_stack", "-", "C reads past an array on its own stack", others::own_stack, others::own_stack_right),
    program("own_global", "-", "C reads past a global array", others::own_global, others::own_global_right),
    program(
        "own_heap",
        "-",
        "C writes one byte past a block of its own `malloc`",
        others::own_heap,
        others::own_heap_right,
    ),
    program("own_freed", "-", "C reads a block that it has freed", others::own_freed, others::own_freed_right),
    program("own_leak", "-", "C forgets a block of its own", others::own_leak, others::own_leak_right),
    program(
        "own_uninitialised",
        "-",
        "C decides on a byte that nobody has written",
        others::own_uninitialised,
        others::own_uninitialised_right,
    ),
    program(
        "uninitialised_out",
        "-",
        "Rust decides on a number that C did not fill in",
        others::uninitialised_out,
        others::uninitialised_out_right,
    ),
    program(
        "rust_alone",
        "-",
        "unsafe Rust reads a `Box` after its drop; no C is there",
        others::rust_alone,
        others::rust_alone_right,
    ),
    program("data_race", "-", "two threads count up one variable of C's", others::data_race, others::data_race_right),
];
