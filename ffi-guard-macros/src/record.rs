//! Tells `cargo ffi-guard` what a block of a mirrored crate declares, after all conditions and
//! macros are resolved: a line for each item, in the file that a variable names.
//!
//! ```text
//! wrapped inflate
//! keep_abi free
//! entry gzprintf
//! static errno_table
//! contract inflate
//! misfit crc32
//! ```

use std::ffi::OsString;
use std::io::Write as _;

use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn, Item};
use crate::block::BlockSettings;
use crate::contracts::Applied;
use crate::variadic;

/// The variable that names the file.
const VARIABLE: &str = "CARGO_FFI_GUARD_RECORD";

/// The lines of a block, and where they go.
#[derive(Default)]
pub(crate) struct Record {
    path: Option<OsString>,
    lines: String,
}

impl Record {
    /// The lines of what the block declares.
    pub(crate) fn of(block: &Block, settings: &BlockSettings) -> Record {
        let path = std::env::var_os(VARIABLE).filter(|_| settings.mirrored);
        let lines = if path.is_some() { items(block, settings) } else { String::new() };
        Record { path, lines }
    }

    /// Adds whether the function has a contract.
    pub(crate) fn contract(&mut self, function: &ForeignFn, applied: &Applied) {
        let word = match applied {
            Applied::None => return,
            Applied::Holds => "contract",
            Applied::Misfit(_) => "misfit",
        };
        self.lines += &format!("{word} {}\n", function.name.unraw());
    }

    /// Appends the lines to the file.
    pub(crate) fn write(self) {
        let Some(path) = self.path else { return };
        // One write: blocks of one crate are expanded one after the other, in one process. What
        // cannot be written is missing from a table, and no more.
        let file = std::fs::File::options().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(self.lines.as_bytes()));
    }
}

fn items(block: &Block, settings: &BlockSettings) -> String {
    let mut lines = String::new();
    for item in &block.items {
        let (kind, name) = match item {
            Item::Function(function) => {
                let kind = if settings.skip.has(&function.name) {
                    "skipped"
                } else if function.variadic.is_some() {
                    if variadic::is_checked(block) { "entry" } else { "variadic" }
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
    lines
}
