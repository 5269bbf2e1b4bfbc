//! What each rule is about, in one sentence, and where the guide has its page.

/// The rules, each with the sentence that a list of rules shows.
pub(super) const RULES: [(&str, &str); 24] = [
    ("nested_pointer", "What Rust lends to C holds a pointer to other Rust memory that was not lent"),
    ("dangling_pointer", "A pointer to memory that was freed goes to C or comes from it"),
    ("dangling_field", "What Rust lends to C holds a pointer to memory that was freed"),
    ("out_of_bounds", "The memory is shorter than what C is told of it"),
    ("unterminated_string", "C gets a text without the NUL by which it finds the end"),
    ("null_pointer", "C gets null where its contract asks for an address"),
    ("misaligned_pointer", "C gets an address that its type cannot have"),
    ("invalid_value", "C hands over bytes that are no value of the Rust type"),
    ("invalid_result", "What C gives back is not what the declaration says of it"),
    ("abi_mismatch", "The declaration in Rust is not what C defines"),
    ("clashing_declaration", "Two declarations of one function pass different things"),
    ("split_library", "A library is in the process twice, or is another version than its declarations"),
    ("returned_pointer", "A Rust function that C calls hands out memory that will not live"),
    ("wrong_thread", "An object of C is used on another thread than its own"),
    ("stale_handle", "C hands back a handle whose value is gone"),
    ("retained_pointer", "C kept a pointer that was lent for one call only"),
    ("freed_while_retained", "Rust freed or moved memory while C holds it"),
    ("buffer_overflow", "C wrote outside of the block that it was lent"),
    ("write_through_const", "C wrote through a pointer that lets it only read"),
    ("uninitialised_memory", "C reads memory that was never written, or has not filled what it was to fill"),
    ("alloc_dealloc_mismatch", "Memory went back to an allocator that did not make it"),
    ("double_free", "Memory was freed twice"),
    ("use_after_free", "C touched memory after it was freed"),
    ("leaked_ownership", "Memory that C was to free, or Rust was to, is left at the end"),
];

/// The sentence. Of a rule that is newer than this tool, its name.
pub(super) fn about(rule: &str) -> &str {
    RULES.iter().find(|(name, _)| *name == rule).map_or(rule, |(_, about)| about)
}

/// The rule's page.
pub(super) fn page(rule: &str) -> String {
    format!("https://docs.rs/ffi-guard/latest/ffi_guard/guide/{rule}/")
}
