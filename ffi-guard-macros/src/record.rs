//! Tells `cargo ffi-guard` what a guarded block declares, after macros are expanded: a line for
//! each item, in the file that a variable names. Items under a `cfg` that does not hold are among
//! them, for no attribute sees which conditions hold.
//!
//! ```text
//! wrapped inflate pointer
//! keep_abi free pointer
//! entry gzprintf pointer
//! static errno_table
//! contract inflate
//! misfit crc32
//! callback xopen
//! ```
//!
//! The last is a Rust function that C calls, which got the contract of its type.

use std::ffi::OsString;
use std::io::Write as _;

use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn, Item};
use crate::block::BlockSettings;
use crate::contracts::Applied;
use crate::{types, variadic};

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

/// The lines of a block, and where they go.
#[derive(Default)]
pub(crate) struct Record {
    path: Option<OsString>,
    lines: String,
}

impl Record {
    /// The lines of what the block declares.
    pub(crate) fn of(block: &Block, settings: &BlockSettings) -> Record {
        let path = std::env::var_os(VARIABLE);
        let items = block.items.iter().filter(|_| path.is_some());
        let lines = items.filter_map(|item| line(item, block, settings)).collect();
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

    /// The line of a Rust function that C calls, under the contract of its type.
    pub(crate) fn of_callback(function: &ForeignFn) -> Record {
        Record { path: std::env::var_os(VARIABLE), lines: format!("callback {}\n", function.name.unraw()) }
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

fn line(item: &Item, block: &Block, settings: &BlockSettings) -> Option<String> {
    match item {
        Item::Function(function) => {
            let pointer = if takes_pointer(function) { " pointer" } else { "" };
            Some(format!("{} {}{pointer}\n", kind(function, block, settings), function.name.unraw()))
        }
        Item::Other(_, tokens) => {
            let mut words = tokens.clone().into_iter().map(|token| token.to_string());
            match words.by_ref().find(|word| word == "static" || word == "type" || word == "!")?.as_str() {
                "!" => Some("macro !\n".into()),
                kind => Some(format!("{kind} {}\n", words.find(|word| word != "mut").unwrap_or_default())),
            }
        }
    }
}

fn kind(function: &ForeignFn, block: &Block, settings: &BlockSettings) -> &'static str {
    // Settings of the function itself. Under a condition they count as well.
    let says = |key: &str| {
        let mut own = function.attrs.iter().filter(|attr| attr.name == "guard");
        own.any(|attr| attr.arguments().is_some_and(|group| group.stream().into_iter().any(|it| it.to_string() == key)))
    };
    match () {
        () if settings.skip.has(&function.name) || says("skip") => "skipped",
        () if function.variadic.is_some() => {
            if variadic::is_checked(block) {
                "entry"
            } else {
                "variadic"
            }
        }
        () if settings.keep_abi.has(&function.name) || says("keep_abi") => "keep_abi",
        () => "wrapped",
    }
}

/// True if an address goes to C, as far as the types' own words show it: an alias of a pointer type
/// has another name.
fn takes_pointer(function: &ForeignFn) -> bool {
    function.params.iter().any(|param| types::has_address(&param.ty))
}
