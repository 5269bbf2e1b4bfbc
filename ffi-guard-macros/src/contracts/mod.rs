//! Contracts as data: what the functions of well-known libraries ask of their callers, in files
//! that anyone can read and check against the library's documentation.
//!
//! ```text
//!  contracts/*.toml ── File::read, once a process ──┐
//!  the user's file ─── again if its text changed ───┼─> Contracts::of_function(symbol) ──> apply
//!                                                   │
//!  #[guard(contracts = "zlib, mine.toml")] ─────────┘
//! ```
//!
//! A name with a dot in it is that of a callback's type: `sqlite3_module.xOpen`. A Rust function
//! that C calls names the one that it is given to C as.

mod apply;
mod file;
mod read;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit};

pub(crate) use apply::{Applied, apply, apply_to_callback};
use file::{Contract, File};

use crate::attr::{Errors, Setting, Value};
use crate::message;

/// The libraries whose contracts come with this crate.
const LIBRARIES: [(&str, &str); 10] = [
    ("bzip2", include_str!("../../contracts/bzip2.toml")),
    ("curl", include_str!("../../contracts/curl.toml")),
    ("git2", include_str!("../../contracts/git2.toml")),
    ("libc", include_str!("../../contracts/libc.toml")),
    ("lua", include_str!("../../contracts/lua.toml")),
    ("openssl", include_str!("../../contracts/openssl.toml")),
    ("sodium", include_str!("../../contracts/sodium.toml")),
    ("sqlite3", include_str!("../../contracts/sqlite3.toml")),
    ("zlib", include_str!("../../contracts/zlib.toml")),
    ("zstd", include_str!("../../contracts/zstd.toml")),
];

/// The contracts that hold for a block.
#[derive(Default)]
pub(crate) struct Contracts {
    /// The user's files first: what they say is stronger.
    sources: Vec<Source>,
    /// True if the user named them: one that does not fit is an error then.
    pub named: bool,
    /// Makes rustc expand the block again if a file of the user's changes.
    pub rebuild: TokenStream,
}

/// Where contracts come from.
enum Source {
    /// A library's, by its place in the list: read when one of its functions is met.
    Library(usize),
    /// A file of the user's, and its name.
    File(String, Arc<File>),
}

impl Contracts {
    /// The contracts that `contracts = ..` names; in a mirrored block, those of all libraries.
    pub(crate) fn of(setting: Option<&Setting>, mirrored: bool, errors: &mut Errors) -> Contracts {
        let mut contracts = Contracts { named: !mirrored, ..Contracts::default() };
        let names = setting.map(|setting| names(setting, errors)).unwrap_or_default();
        let (files, libraries): (Vec<_>, Vec<_>) = names.into_iter().partition(|(name, _)| name.ends_with(".toml"));
        for (name, span) in files {
            let path = base().join(&name);
            match read::of_the_user(&path) {
                Ok(file) => contracts.sources.push(Source::File(name, file)),
                Err(message) => errors.at(span, message::contracts_fault(&name, &message)),
            }
            let path = path.display().to_string();
            contracts.rebuild.extend(
                (!mirrored)
                    .then(|| quote_spanned!(Span::mixed_site()=> const _: &[u8] = ::core::include_bytes!(#path);)),
            );
        }
        for (name, span) in libraries {
            match LIBRARIES.iter().position(|(known, _)| *known == name) {
                Some(index) => contracts.sources.push(Source::Library(index)),
                None => errors.at(span, message::unknown_library(&name, &LIBRARIES.map(|(name, _)| name))),
            }
        }
        if mirrored {
            contracts.sources.extend((0..LIBRARIES.len()).map(Source::Library));
        }
        contracts
    }

    /// The contracts in which that of a callback is looked for: those of all libraries where
    /// nothing else is said.
    pub(crate) fn of_callback(setting: Option<&Setting>, mirrored: bool, errors: &mut Errors) -> Contracts {
        let mut contracts = Contracts::of(setting, mirrored, errors);
        if setting.is_none() && !mirrored {
            contracts.sources.extend((0..LIBRARIES.len()).map(Source::Library));
        }
        contracts
    }

    /// The contract of the function or callback's type of this name in C, and its file's name.
    fn of_function(&self, symbol: &str) -> Option<(&str, Contract)> {
        self.sources.iter().find_map(|source| match source {
            Source::Library(index) => library(*index, symbol),
            Source::File(name, file) => Some((name.as_str(), file.functions.get(symbol)?.clone())),
        })
    }
}

/// The folder of the package that is compiled.
fn base() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default()
}

/// The names in `contracts = "zlib, mine.toml"` or `contracts = ["zlib", "mine.toml"]`.
fn names(setting: &Setting, errors: &mut Errors) -> Vec<(String, Span)> {
    let text = |expr: &Expr| match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some((text.value(), text.span())),
        _ => None,
    };
    let Value::Expr(value) = &setting.value else { return Vec::new() };
    let names: Option<Vec<_>> = match &**value {
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        one => text(one).map(|(text, span)| text.split(',').map(|name| (name.trim().to_string(), span)).collect()),
    };
    names.filter(|names| names.iter().all(|(name, _)| !name.is_empty())).unwrap_or_else(|| {
        errors.at(value.span(), message::wrong_form(&setting.key));
        Vec::new()
    })
}

/// The contract of a function of a library, and the library's name. A process expands thousands of
/// blocks, of one library mostly: each file is read once, if one of its functions is met.
fn library(index: usize, symbol: &str) -> Option<(&'static str, Contract)> {
    static LINES: [OnceLock<HashSet<&str>>; LIBRARIES.len()] = [const { OnceLock::new() }; LIBRARIES.len()];
    static READ: [OnceLock<File>; LIBRARIES.len()] = [const { OnceLock::new() }; LIBRARIES.len()];
    let &(name, text) = LIBRARIES.get(index)?;
    let first_word = |line: &'static str| line.split_once(" = [").map(|(word, _)| word.trim_matches('"'));
    LINES.get(index)?.get_or_init(|| text.lines().filter_map(first_word).collect()).get(symbol)?;
    // A test reads them all: none is empty by a fault.
    let file = READ.get(index)?.get_or_init(|| File::read(text).unwrap_or_default());
    Some((name, file.functions.get(symbol)?.clone()))
}

/// The name of a file in messages, from the folder of the package.
fn shown(path: &Path) -> String {
    path.strip_prefix(base()).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
