//! Words that the rules share that found bytes changed: `buffer_overflow`, `use_after_free`,
//! `write_through_const`.

use super::words::{SizedBlock, Value, bytes, place_of};
use crate::facts::{BlockFacts, Facts, Memory};
use crate::heap::Damage;

/// The block that was damaged.
pub(super) fn block(facts: &Facts) -> Option<&BlockFacts> {
    facts.memory.as_ref().and_then(Memory::block)
}

/// `a 24-byte block`, `a 24-byte block of C's heap`.
pub(super) fn sized_block(facts: &Facts) -> String {
    let of_c = if is_cs(facts) { " of C's heap" } else { "" };
    block(facts).map_or_else(|| "a block".into(), |block| format!("{}{of_c}", SizedBlock(block.size)))
}

/// Whether the block that was damaged is one of C's.
pub(super) fn is_cs(facts: &Facts) -> bool {
    block(facts).is_some_and(|block| block.of_c)
}

/// Whose heap the block is of: `Rust`, `C`.
pub(super) fn owner(facts: &Facts) -> &'static str {
    if is_cs(facts) { "C" } else { "Rust" }
}

/// The ways out if C damaged what is its own.
pub(super) fn helps_for_cs(first: String) -> Vec<String> {
    vec![
        first,
        "if Rust writes there through a pointer that it got from C, the error is Rust's: C's documentation says how much is there"
            .into(),
        "to have the program stopped at the very write, run with GUARD=3".into(),
    ]
}

/// One byte was, two were.
pub(super) fn agree(sentence: String) -> String {
    if sentence.starts_with("1 byte ") { sentence.replacen(" were ", " was ", 1) } else { sentence }
}

/// The label of a block whose damage no call is known to have done.
pub(super) const LAST_LENT: &str = ", in that block: the last guarded call that was lent it";

/// Up to 16 bytes as in a hex dump: `41 42 00 |AB.|`.
pub(super) fn dump(first: &[u8; 16], len: usize) -> String {
    let shown = first.get(..len.min(16)).unwrap_or(first);
    let hex: Vec<_> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = shown.iter().map(|&byte| if (32..127).contains(&byte) { byte as char } else { '.' }).collect();
    format!("{} |{text}|", hex.join(" "))
}

/// `1 byte: byte 3 of a 24-byte block`, `4 bytes, from the start of a 24-byte block`.
pub(super) fn from(len: usize, position: &str) -> String {
    if len == 1 { format!("1 byte: {position}") } else { format!("{}, from {position}", bytes(len)) }
}

/// The ways out if it is not known who was lent the block.
pub(super) fn helps_without_a_call(first: String) -> Vec<String> {
    // It may well stand on all of the program's `extern` blocks.
    let who = "if it is lent to a function that is called without `#[ffi_guard::guard]` (of another crate, or \
               by a pointer), declare that one under it: then the call is named"
        .into();
    vec![first, who, "to have the program stopped at the very write, run with GUARD=3".into()]
}

/// The note on which call it was.
pub(super) fn which_call(facts: &Facts) -> String {
    match (&facts.call, facts.also.first()) {
        (None, _) => "no guarded call was lent this block, as far as it is remembered".into(),
        (Some(_), Some(first)) => format!(
            "which call did it is not known; the block was lent at {}{} as well",
            place_of(first),
            if facts.also.len() > 1 { format!(" and {} more", facts.also.len() - 1) } else { String::new() }
        ),
        (Some(_), None) => "whether that call did it is not known: it is the last that was lent the block".into(),
    }
}

/// The members of JSON.
pub(super) fn json(damage: &Damage) -> Vec<(&'static str, Value<'static>)> {
    vec![
        ("offset", Value::Number(damage.offset)),
        ("length", Value::Number(damage.len)),
        ("now", Value::text(hex(&damage.first_bytes, damage.len))),
    ]
}

/// The first bytes, two digits each.
pub(super) fn hex(first: &[u8; 16], len: usize) -> String {
    first.iter().take(len).map(|byte| format!("{byte:02x}")).collect()
}
