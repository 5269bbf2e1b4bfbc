//! Tells `cargo ffi-guard` what a block of a mirrored crate declares, after all conditions and
//! macros are resolved: a line for each item, in the file that a variable names.
//!
//! ```text
//! wrapped inflate
//! keep_abi free
//! variadic gzprintf
//! static errno_table
//! ```

use std::io::Write as _;

use syn::ext::IdentExt as _;

use crate::ast::{Block, Item};
use crate::block::BlockSettings;

/// The variable that names the file.
const VARIABLE: &str = "CARGO_FFI_GUARD_RECORD";

/// The variable that says whether the crate is compiled with debug assertions.
const DEBUG_ASSERTIONS: &str = "CARGO_FFI_GUARD_DEBUG_ASSERTIONS";

/// Whether the crate is compiled with debug assertions; `None` if it is not known here: an
/// attribute cannot ask rustc, which knows, but it can write for both.
pub(crate) fn has_debug_assertions(settings: &BlockSettings) -> Option<bool> {
    let value = std::env::var(DEBUG_ASSERTIONS).ok().filter(|_| settings.mirrored)?;
    Some(value == "1")
}

/// Appends the block's lines.
pub(crate) fn block(block: &Block, settings: &BlockSettings) {
    let Some(path) = std::env::var_os(VARIABLE).filter(|_| settings.mirrored) else { return };
    let mut lines = String::new();
    for item in &block.items {
        let (kind, name) = match item {
            Item::Function(function) => {
                let kind = if settings.skip.has(&function.name) {
                    "skipped"
                } else if function.variadic.is_some() {
                    "variadic"
                } else if settings.keep_abi.has(&function.name) {
                    "keep_abi"
                } else {
                    "wrapped"
                };
                (kind, function.name.unraw().to_string())
            }
            Item::Other(_, tokens) => {
                let mut words = tokens.clone().into_iter().map(|token| token.to_string());
                match words.by_ref().find(|word| word == "static" || word == "type" || word == "!") {
                    Some(word) if word == "!" => ("macro", "!".into()),
                    Some(kind) => {
                        let name = words.find(|word| word != "mut").unwrap_or_default();
                        (if kind == "static" { "static" } else { "type" }, name)
                    }
                    None => continue,
                }
            }
        };
        lines += &format!("{kind} {name}\n");
    }
    // One write: blocks of one crate are expanded one after the other, in one process. What cannot
    // be written is missing from a table, and no more.
    let file = std::fs::File::options().create(true).append(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(lines.as_bytes()));
}
